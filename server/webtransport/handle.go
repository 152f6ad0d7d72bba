package webtransport

import (
	"context"
	"net/http"
	"time"

	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/http3"
)

type connKey struct{}

// withConn lets handle find the connection of a request.
func withConn(ctx context.Context, c *quic.Conn) context.Context {
	return context.WithValue(ctx, connKey{}, c)
}

// handle serves one HTTP/3 request: it makes a WebTransport session of it and
// waits for the client's stream.
func (s *Server) handle(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodConnect {
		w.WriteHeader(http.StatusNotFound)
		return
	}
	if !s.host.Admit(w, r) {
		w.WriteHeader(http.StatusForbidden)
		return
	}
	if !s.enter(&s.carried) {
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	if !s.accept(w, r) {
		s.carried.Done()
	}
}

// accept reports whether the request has become a conn.
func (s *Server) accept(w http.ResponseWriter, r *http.Request) bool {
	began := time.Now()
	session, err := s.wt.Upgrade(w, r)
	if err != nil {
		s.host.Logger.Debug("webtransport: no session", "remote", r.RemoteAddr, "error", err)
		w.WriteHeader(http.StatusBadRequest)
		return false
	}
	ctx, cancel := context.WithTimeout(s.closing, s.host.UpgradeTimeout)
	defer cancel()
	accepted, err := session.AcceptStream(ctx)
	if err != nil {
		s.host.Logger.Debug("webtransport: no stream", "remote", r.RemoteAddr, "error", err)
		_ = session.CloseWithError(0, "")
		return false
	}
	carrier, _ := r.Context().Value(connKey{}).(*quic.Conn)
	link := &stream{Stream: accepted, session: session, request: w.(http3.HTTPStreamer).HTTPStream(), conn: carrier}
	newConn(s, r).start(link, s.host.UpgradeTimeout-time.Since(began))
	return true
}
