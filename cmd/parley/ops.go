package main

import (
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"mime"
	"net"
	"net/http"
	"net/http/pprof"
	"time"

	"parley/namespaces/identity"
	"parley/server/socketio"
)

// revokedFor is how long a revocation is kept: as long as no token that anybody gives out should live.
const revokedFor = 366 * 24 * time.Hour

// maxRevocation bounds the body of a revocation, in bytes.
const maxRevocation = 4 << 10

// opsRoutes is what the listener of --ops-addr serves: nothing of it is for clients.
func opsRoutes(metrics http.HandlerFunc, gate *identity.Gate, revoked *identity.Revocations, log *slog.Logger) http.Handler {
	mux := http.NewServeMux()
	mux.Handle(metricsPath, readOnly(metrics))
	// Not the command line, on which a secret may stand.
	mux.HandleFunc("GET /debug/pprof/", pprof.Index)
	mux.HandleFunc("GET /debug/pprof/cmdline", http.NotFound)
	mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("GET /debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	mux.Handle("POST /admin/revoke", bounded(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		revoke(w, r, gate, revoked, log)
	}), readTime, writeTime))
	return mux
}

// A revocation denies one token, or those of a user.
type revocation struct {
	JTI    string    `json:"jti"`
	UserID string    `json:"userId"`
	Before time.Time `json:"before"` // RFC 3339; tokens that were issued until then. Now, if it is left out
}

// revoke serves POST /admin/revoke. Pages in a browser on this machine are kept out: what they send has an Origin.
func revoke(w http.ResponseWriter, r *http.Request, gate *identity.Gate, revoked *identity.Revocations, log *slog.Logger) {
	kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	switch {
	case r.Header.Get("Origin") != "":
		fail(w, http.StatusForbidden, "forbidden", "Not for pages.")
		return
	case kind != "application/json":
		fail(w, http.StatusUnsupportedMediaType, "unsupported", "Content-Type must be application/json.")
		return
	case gate.Open():
		fail(w, http.StatusConflict, "open_mode", "In open mode there are no tokens.")
		return
	}
	in, err := readRevocation(http.MaxBytesReader(w, r.Body, maxRevocation))
	if err != nil {
		fail(w, http.StatusBadRequest, "invalid", err.Error())
		return
	}
	now := time.Now()
	if in.JTI != "" {
		err = revoked.RevokeToken(in.JTI, now.Add(revokedFor))
	} else {
		if in.Before.IsZero() {
			in.Before = now
		}
		err = revoked.RevokeUser(in.UserID, in.Before, now.Add(revokedFor))
	}
	var known *socketio.Error
	if errors.As(err, &known) {
		log.Warn("not revoked", "jti", in.JTI, "user", in.UserID, "error", err)
		fail(w, http.StatusServiceUnavailable, known.Code, known.Message)
		return
	}
	if err != nil {
		fail(w, http.StatusInsufficientStorage, "limit", err.Error())
		return
	}
	gate.Sweep()
	log.Info("revoked", "jti", in.JTI, "user", in.UserID)
	answerJSON(w, http.StatusOK, map[string]bool{"ok": true})
}

func readRevocation(body io.Reader) (in revocation, err error) {
	d := json.NewDecoder(body)
	d.DisallowUnknownFields()
	switch {
	case d.Decode(&in) != nil || d.Decode(new(any)) != io.EOF:
		return in, errors.New(`want {"jti": "…"} or {"userId": "…", "before": "2006-01-02T15:04:05Z"}`)
	case (in.JTI == "") == (in.UserID == ""):
		return in, errors.New("want jti or userId, and not both")
	case in.JTI != "" && !in.Before.IsZero():
		return in, errors.New("before is for userId")
	}
	return in, nil
}

func fail(w http.ResponseWriter, status int, code, message string) {
	answerJSON(w, status, map[string]any{"error": map[string]string{"code": code, "message": message}})
}

func answerJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(v)
}

// serveOps serves until the server is closed.
func serveOps(l net.Listener, h http.Handler, log *slog.Logger) *http.Server {
	if !l.Addr().(*net.TCPAddr).IP.IsLoopback() {
		log.Warn("whoever reaches --ops-addr can read profiles and revoke tokens", "addr", l.Addr().String())
	}
	log.Info("serving operators", "addr", l.Addr().String())
	web := newHTTPServer(h, log)
	go func() {
		if err := web.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			log.Error("cannot serve operators", "flag", "--ops-addr", "error", err)
		}
	}()
	return web
}
