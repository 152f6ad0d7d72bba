package socketio

import (
	"net/http"
	"strings"

	"parley/server/engineio"
	"parley/server/internal/clientfiles"
)

// CORS is what pages of allowed origins are told besides that they are allowed: see
// engineio.CORS.
type CORS = engineio.CORS

// CheckOrigin returns an error if no browser sends an origin that the entry of
// Options.AllowedOrigins stands for, such as one with a slash at the end. New
// panics on such an entry.
func CheckOrigin(entry string) error { return engineio.CheckOrigin(entry) }

// ServeHTTP serves the requests of clients, and the browser bundles of the
// official client: socket.io.js, socket.io.min.js, socket.io.esm.min.js and
// socket.io.msgpack.min.js with their source maps.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if name := s.clientFile(r); name != "" {
		s.serveClientFile(w, r, name)
		return
	}
	s.engine.ServeHTTP(w, r)
}

// Admit applies AllowedOrigins and CORS to a request of any other handler, such
// as a plain WebSocket. It reports false if it has answered the request itself:
// refused it, or answered a preflight request.
func (s *Server) Admit(w http.ResponseWriter, r *http.Request) bool { return s.engine.Admit(w, r) }

// Allows reports whether AllowedOrigins lets a request in. It is for a handler that
// refuses in words of its own before it calls Admit.
func (s *Server) Allows(r *http.Request) bool { return s.engine.Allows(r) }

// clientFile returns the name of the bundle that a request is for, or nothing.
func (s *Server) clientFile(r *http.Request) string {
	name := r.URL.Path[strings.LastIndexByte(r.URL.Path, '/')+1:]
	if name == "" || s.opts.DisableClient || r.ContentLength != 0 || !clientfiles.Has(name) {
		return ""
	}
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		return ""
	}
	return name
}

func (s *Server) serveClientFile(w http.ResponseWriter, r *http.Request, name string) {
	if !s.engine.Admit(w, r) {
		return
	}
	if r.Header.Get("Origin") == "" {
		w.Header().Add("Vary", "Origin") // a cache must not give this answer to a page of another origin
	}
	clientfiles.Serve(w, r, name, s.opts.WriteTimeout)
}
