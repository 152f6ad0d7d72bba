package socketio

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"parley/server/engineio"
	"parley/server/wire/sio"
)

// A Server serves Socket.IO clients. It is an http.Handler, to be mounted at
// the path that the clients use, which is "/socket.io/" unless told otherwise.
type Server struct {
	opts   Options
	limits sio.Limits
	engine *engineio.Server
	closed atomic.Bool

	mu         sync.RWMutex // guards namespaces
	namespaces map[string]*Namespace
}

// New returns a server with the main namespace "/". Nil options are the
// defaults. The options are copied.
func New(opts *Options) *Server {
	s := &Server{opts: opts.withDefaults(), namespaces: make(map[string]*Namespace)}
	s.limits = s.opts.limits()
	s.engine = engineio.New(s.accept, s.opts.engine())
	s.Of(sio.MainNamespace)
	return s
}

// ServeHTTP serves the requests of clients.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.engine.ServeHTTP(w, r) }

// Of returns the namespace called name, which it creates if need be; a leading
// slash may be left out. It panics if the name is impossible: it must not hold a
// comma and not be longer than Options.MaxName.
func (s *Server) Of(name string) *Namespace {
	if !strings.HasPrefix(name, "/") {
		name = "/" + name
	}
	if len(name) > s.opts.MaxName || strings.Contains(name, ",") {
		panic("socketio: impossible namespace " + name)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	ns := s.namespaces[name]
	if ns == nil {
		ns = newNamespace(s, name)
		s.namespaces[name] = ns
	}
	return ns
}

// namespace returns an existing namespace, or nil.
func (s *Server) namespace(name string) *Namespace {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.namespaces[name]
}

func (s *Server) recoveries() []*recovery {
	s.mu.RLock()
	defer s.mu.RUnlock()
	var list []*recovery
	for _, ns := range s.namespaces {
		if r := ns.recovery.Load(); r != nil {
			list = append(list, r)
		}
	}
	return list
}

// Shutdown refuses new clients and closes the transports of the others, so that
// these come back, elsewhere perhaps; no DISCONNECT is sent, after which they
// would stay away. All sockets get OnDisconnect with ReasonServerShutdown, and
// OnGone: nothing is kept for recovery. It returns when no goroutine of the server
// is left, or when ctx ends.
func (s *Server) Shutdown(ctx context.Context) error {
	for _, r := range s.recoveries() {
		r.close(ctx)
	}
	err := s.engine.Shutdown(ctx)
	s.closed.Store(true)
	return err
}

// Drain refuses new clients and closes the transports of the others one by one,
// spread over the given time, so that they do not come back all at once. A
// Shutdown should follow.
func (s *Server) Drain(ctx context.Context, over time.Duration) error {
	return s.engine.Drain(ctx, over)
}

// Stats are figures of a server.
type Stats struct {
	engineio.Stats
	// Sockets counts the connected sockets of all namespaces.
	Sockets int
}

// Stats returns the figures of this moment.
func (s *Server) Stats() Stats {
	stats := Stats{Stats: s.engine.Stats()}
	s.mu.RLock()
	defer s.mu.RUnlock()
	for _, ns := range s.namespaces {
		stats.Sockets += ns.size()
	}
	return stats
}
