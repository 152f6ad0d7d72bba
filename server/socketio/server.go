package socketio

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"parley/server/engineio"
	"parley/server/wire/sio"
)

// A Server serves Socket.IO clients. It is an http.Handler, to be mounted at
// the path that the clients use, which is "/socket.io/" unless told otherwise;
// and at "/socket.io" too for those with addTrailingSlash: false. Middleware is
// an http.Handler around it that leaves http.ResponseController its way to the
// connection.
type Server struct {
	opts   Options
	limits sio.Limits
	engine *engineio.Server
	ending atomic.Bool     // Shutdown has begun
	closed atomic.Bool     // and only the adapters are left
	life   context.Context // of the handlers of other servers' events
	cancel context.CancelFunc

	retiring sync.WaitGroup // namespaces that are gone, but not yet from the other servers

	mu         sync.RWMutex // guards what follows, and users and kept of the namespaces
	namespaces map[string]*Namespace
	parents    []*Namespace       // in the order of registration; never changed in place
	created    []func(*Namespace) // hooks; never changed in place
}

// New returns a server with the main namespace "/". Nil options are the
// defaults. The options are copied.
func New(opts *Options) *Server {
	s := &Server{opts: opts.withDefaults(), namespaces: make(map[string]*Namespace)}
	s.limits = s.opts.limits()
	s.life, s.cancel = context.WithCancel(context.Background())
	s.engine = engineio.New(s.accept, s.opts.engine())
	s.Of(sio.MainNamespace)
	return s
}

// Engine returns the layer below, for packages that bring a transport.
func (s *Server) Engine() *engineio.Server { return s.engine }

// Of returns the namespace called name, which it creates if need be; a leading
// slash may be left out. The first parent of OfRegexp that matches a new name is the
// namespace's. What Of has returned stays: for a child that shall go with its last
// socket there is Lookup. It panics if the name is impossible: it must not hold a
// comma and not be longer than Options.MaxName.
func (s *Server) Of(name string) *Namespace {
	name = withSlash(name)
	if len(name) > s.opts.MaxName || strings.Contains(name, ",") {
		panic("socketio: impossible namespace " + name)
	}
	s.mu.Lock()
	ns, isNew := s.namespaces[name], false
	if ns == nil {
		isNew = true
		ns = s.create(name, s.parentByRegexp(name))
	}
	ns.kept = true
	s.mu.Unlock()
	if isNew {
		s.announce(ns)
	}
	return ns
}

// create makes a namespace. The caller holds s.mu.
func (s *Server) create(name string, parent *Namespace) *Namespace {
	ns := newNamespace(s, name, parent)
	ns.meet()
	if parent != nil {
		if opts := parent.recoverable.Load(); opts != nil {
			ns.recovery.Store(newRecovery(ns, *opts))
		}
	}
	s.namespaces[name] = ns
	return ns
}

func withSlash(name string) string {
	if strings.HasPrefix(name, "/") {
		return name
	}
	return "/" + name
}

// namespace returns the namespace that a client may join at once. If there is none,
// perhaps tells whether there may yet be one, which takes time to find out.
func (s *Server) namespace(name string) (ns *Namespace, perhaps bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	ns = s.namespaces[name]
	if ns == nil {
		return nil, slices.ContainsFunc(s.parents, func(parent *Namespace) bool {
			re := parent.matcher.regexp
			return re == nil || re.MatchString(name)
		})
	}
	select {
	case <-ns.ready:
		if ns.kept && (ns.parent == nil || ns.parent.matcher.regexp != nil) {
			return ns, false
		}
	default:
	}
	return nil, true
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
// OnGone: nothing is kept for recovery, except by adapters that let clients recover on
// other servers; with these OnGone does not run. Then the adapters leave the other servers. It
// returns when no goroutine of the server is left, or when ctx ends.
func (s *Server) Shutdown(ctx context.Context) error {
	s.ending.Store(true)
	for _, r := range s.recoveries() {
		r.close()
	}
	err := s.engine.Shutdown(ctx)
	s.closed.Store(true)
	return errors.Join(err, s.partPeers(ctx))
}

// Drain refuses new clients and closes the transports of the others one by one,
// spread over the given time, so that they do not come back all at once. It returns
// when none is left, or with ctx's error. A Shutdown should follow.
func (s *Server) Drain(ctx context.Context, over time.Duration) error {
	return s.engine.Drain(ctx, over)
}

// Stats are figures of a server: those of its engine, TotalConnections,
// CurrentConnections, MessagesSent, MessagesReceived and MessagesCompressed, and the
// sockets.
type Stats struct {
	engineio.Stats
	// Sockets is the number of connected sockets in all namespaces.
	Sockets int
	// Away counts the sockets whose clients may come back: see EnableRecovery.
	Away int
}

// Stats returns the figures of this moment.
func (s *Server) Stats() Stats {
	stats := Stats{Stats: s.engine.Stats()}
	s.mu.RLock()
	defer s.mu.RUnlock()
	for _, ns := range s.namespaces {
		sockets, away := ns.size()
		stats.Sockets += sockets
		stats.Away += away
	}
	return stats
}
