package main

import (
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	clientdemo "parley/client-demo"
	"parley/server/socketio"
)

const (
	healthPath = "/healthz"
	readyPath  = "/readyz"
	statsPath  = "/stats"
	// metricsPath is on the main listener only in open mode: what happens is no secret there.
	metricsPath = "/metrics"
	plainPath   = "/ws"
	notifyPath  = "/api/notifications"
)

// ownPaths are where Socket.IO cannot be.
var ownPaths = []string{healthPath, readyPath, statsPath, metricsPath, plainPath, notifyPath}

// routes is everything that is served over HTTP to clients. Metrics may be nil.
func routes(c *config, app *application, ready *atomic.Bool, metrics http.HandlerFunc) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/", clientdemo.Handler(c.path))
	mux.Handle(healthPath, readOnly(func(w http.ResponseWriter, _ *http.Request) {
		answer(w, http.StatusOK, "ok\n")
	}))
	mux.Handle(readyPath, readOnly(func(w http.ResponseWriter, _ *http.Request) {
		if !ready.Load() || !app.shared.ready() {
			answer(w, http.StatusServiceUnavailable, "not ready\n")
			return
		}
		answer(w, http.StatusOK, "ready\n")
	}))
	mux.Handle(statsPath, readOnly(func(w http.ResponseWriter, _ *http.Request) {
		serveStats(w, app.srv.Stats())
	}))
	mux.Handle(notifyPath, app.shared.guarded(app.notifications.Handler()))
	if metrics != nil {
		mux.Handle(metricsPath, readOnly(metrics))
	}
	all := http.NewServeMux()
	all.Handle("/", bounded(mux, readTime, writeTime))
	all.Handle(plainPath, unbounded(app.shared.guarded(app.hub)))
	sockets := unbounded(app.shared.guarded(app.forward.handler(app.srv)))
	all.Handle(c.path, sockets)
	all.Handle(strings.TrimSuffix(c.path, "/"), sockets) // for clients with addTrailingSlash: false
	return all
}

func readOnly(h http.HandlerFunc) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			w.Header().Set("Allow", "GET, HEAD")
			answer(w, http.StatusMethodNotAllowed, "method not allowed\n")
			return
		}
		w.Header().Set("Cache-Control", "no-store")
		h(w, r)
	})
}

func answer(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	io.WriteString(w, text)
}

type stats struct {
	TotalConnections   int64 `json:"totalConnections"`
	CurrentConnections int64 `json:"currentConnections"`
	MessagesSent       int64 `json:"messagesSent"`
	MessagesReceived   int64 `json:"messagesReceived"`
	CurrentSockets     int   `json:"currentSockets"`
}

func serveStats(w http.ResponseWriter, s socketio.Stats) {
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(stats{s.TotalConnections, s.CurrentConnections, s.MessagesSent, s.MessagesReceived, s.Sockets})
}

// newHTTPServer bounds what a client can leave half done before the transports take over, which have limits of their own.
func newHTTPServer(h http.Handler, log *slog.Logger) *http.Server {
	return &http.Server{
		Handler:           h,
		ReadHeaderTimeout: 5 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    32 << 10,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelDebug), // mostly scanners
	}
}
