package engineio

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"parley/server/internal/reactor"
	"parley/server/internal/transport"
	"parley/server/internal/transport/polling"
	"parley/server/internal/transport/websocket"
	"parley/server/wire/eio"
)

var scratches = sync.Pool{New: func() any { return new([reactor.ScratchSize]byte) }}

// A Server is an http.Handler that serves Engine.IO sessions on whatever path
// it is mounted.
type Server struct {
	opts     Options
	accept   func(*Session) Receiver
	reactor  *reactor.Reactor
	wheel    *reactor.Wheel
	upgrader websocket.Upgrader
	polling  polling.Limits

	mu       sync.Mutex
	sessions map[string]*Session
	live     int  // sessions whose receiver has not been told of the end
	closing  bool // no new sessions
	empty    chan struct{}

	total, sent, received atomic.Int64
}

// New returns a Server. It calls accept for each new session before anything
// of it is read; the result gets what the session receives. It panics with the
// field's name if an option is impossible; nil options are the defaults.
func New(accept func(*Session) Receiver, opts *Options) *Server {
	s := &Server{opts: opts.withDefaults(), accept: accept, sessions: make(map[string]*Session)}
	s.reactor = reactor.New(s.opts.Logger, s.opts.EventLoops)
	s.wheel = reactor.NewWheel(s.reactor)
	s.upgrader = websocket.Upgrader{Reactor: s.reactor, Wheel: s.wheel, Limits: websocket.Limits{
		MaxPayload:   s.opts.MaxPayload,
		MaxFragments: s.opts.MaxFragments,
		ReadTimeout:  s.opts.ReadTimeout,
	}}
	s.polling = polling.Limits{
		MaxPayload:   s.opts.MaxPayload,
		MaxPackets:   s.opts.MaxPackets,
		ReadTimeout:  s.opts.ReadTimeout,
		WriteTimeout: s.opts.WriteTimeout,
	}
	return s
}

// Stats are counts since the server was made, and the sessions of now.
type Stats struct {
	TotalConnections   int64 // sessions ever begun
	CurrentConnections int64
	MessagesSent       int64 // packets handed to a transport
	MessagesReceived   int64
}

// Stats returns the present counts.
func (s *Server) Stats() Stats {
	s.mu.Lock()
	live := s.live
	s.mu.Unlock()
	return Stats{
		TotalConnections:   s.total.Load(),
		CurrentConnections: int64(live),
		MessagesSent:       s.sent.Load(),
		MessagesReceived:   s.received.Load(),
	}
}

// ServeHTTP serves one request of the protocol: a handshake, a poll, a POST, or
// an upgrade.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.ContentLength != 0 {
		// net/http waits for a body that nobody reads, and for ever.
		_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(s.opts.ReadTimeout))
	}
	wantsUpgrade := strings.EqualFold(r.Header.Get("Upgrade"), WebSocket)
	if !s.admit(w, r) {
		refuse(w, wantsUpgrade, errForbidden)
		return
	}
	if r.Method == http.MethodOptions && r.Header.Get("Access-Control-Request-Method") != "" {
		preflight(w, r)
		return
	}
	q := readQuery(r)
	if !slices.Contains(s.opts.Transports, q.transport) {
		refuse(w, wantsUpgrade, errTransport)
		return
	}
	if q.sid == "" {
		s.handshake(w, r, q, wantsUpgrade)
		return
	}
	session := s.lookup(q.sid)
	switch {
	case session == nil:
		refuse(w, wantsUpgrade, errUnknownSession)
	case q.revision() != session.Revision() || wantsUpgrade != (q.transport == WebSocket):
		refuse(w, wantsUpgrade, errBadRequest)
	case wantsUpgrade:
		session.upgrade(w, r, q.binaryForm())
	default:
		if r.Method == http.MethodGet {
			session.awaitProbe(r.Context())
		}
		session.mu.Lock()
		t, ok := session.transport.(*polling.Transport)
		session.mu.Unlock()
		if !ok {
			refuse(w, false, errBadRequest)
			return
		}
		t.ServeHTTP(w, r)
	}
}

// handshake begins a session.
func (s *Server) handshake(w http.ResponseWriter, r *http.Request, q query, wantsUpgrade bool) {
	switch {
	case r.Method != http.MethodGet:
		refuse(w, wantsUpgrade, errMethod)
		return
	case wantsUpgrade != (q.transport == WebSocket):
		refuse(w, wantsUpgrade, errBadRequest)
		return
	case q.revision() != 4 && !s.opts.AllowEIO3:
		refuse(w, wantsUpgrade, errVersion)
		return
	case q.jsonp != nil && !s.admitScript(r):
		refuse(w, wantsUpgrade, errForbidden)
		return
	}
	if !s.reserve() {
		w.Header().Set("Retry-After", "5")
		refuse(w, wantsUpgrade, errUnavailable)
		return
	}
	session := &Session{server: s, id: newID(), handshake: newHandshake(r, q.revision())}
	session.heartbeat.F = session.beat
	if !wantsUpgrade {
		t := polling.New(&s.polling, s.reactor.Turn(), session, q.format())
		session.open(t)
		t.ServeHTTP(w, r)
		return
	}
	conn, initial, err := s.upgrader.Upgrade(w, r, corsHeader(w))
	if err != nil {
		s.left()
		return
	}
	session.form = q.binaryForm()
	if conn.V3 = session.v3(); conn.V3 {
		conn.Answer()
		time.Sleep(answerLead)
	}
	session.open(conn)
	conn.Start(s.reactor.Turn(), session, initial)
}

// reserve counts a session that is about to begin; false means that there may
// be none.
func (s *Server) reserve() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closing || s.live >= s.opts.MaxSessions {
		return false
	}
	s.live++
	return true
}

// enter makes a session's id known. It reports false if the server has begun to
// close since reserve.
func (s *Server) enter(session *Session) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sessions[session.id] = session
	return !s.closing
}

// open gives the session its first transport, and the client its handshake.
func (s *Session) open(t transport.Transport) {
	srv := s.server
	srv.total.Add(1)
	hs := eio.Handshake{
		SID:          s.id,
		PingInterval: srv.opts.PingInterval,
		PingTimeout:  srv.opts.PingTimeout,
		MaxPayload:   srv.opts.MaxPayload,
	}
	if t.Name() == Polling && !srv.opts.DisableUpgrade && slices.Contains(srv.opts.Transports, WebSocket) {
		hs.Upgrades = []string{WebSocket}
	}
	var room [160]byte
	s.queue.push(transport.Control(eio.Open, string(hs.Append(room[:0]))))
	s.transport = t
	if !srv.enter(s) {
		defer s.Close(ReasonServerShutdown)
	}
	s.receiving.Lock() // lest Closed come before there is a receiver
	s.receiver = srv.accept(s)
	s.receiving.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.state != stateOpen {
		return
	}
	s.startHeartbeat()
	if t.Name() == WebSocket {
		scratch := scratches.Get().(*[reactor.ScratchSize]byte)
		s.write(scratch[:])
		scratches.Put(scratch)
	}
}

func (s *Server) lookup(id string) *Session {
	s.mu.Lock()
	session := s.sessions[id]
	s.mu.Unlock()
	if session != nil && session.overdue() {
		session.end(ReasonPingTimeout, nil)
		return nil
	}
	return session
}

// forget makes the id unknown.
func (s *Server) forget(session *Session) {
	s.mu.Lock()
	delete(s.sessions, session.id)
	if len(s.sessions) == 0 {
		s.sessions = make(map[string]*Session) // a map does not shrink
	}
	s.mu.Unlock()
	session.mu.Lock()
	if session.stall != nil && session.state == stateClosed {
		s.wheel.Stop(session.stall)
		session.stall = nil
	}
	session.mu.Unlock()
}

// left counts a session whose receiver has been told of the end.
func (s *Server) left() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.live--
	if s.live == 0 && s.empty != nil {
		close(s.empty)
		s.empty = nil
	}
}

// Shutdown refuses new sessions, closes all there are (with a transport close,
// so that clients come back elsewhere) and waits until nothing of the server is
// left running or ctx ends, whose error it then returns.
func (s *Server) Shutdown(ctx context.Context) error {
	for _, session := range s.refuseNew() {
		session.Close(ReasonServerShutdown)
	}
	if err := s.waitEmpty(ctx); err != nil {
		return err
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.reactor.Wait()
	}()
	for _, session := range s.all() {
		session.drop()
	}
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (s *Server) refuseNew() []*Session {
	s.mu.Lock()
	s.closing = true
	s.mu.Unlock()
	return s.all()
}

func (s *Server) all() []*Session {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := make([]*Session, 0, len(s.sessions))
	for _, session := range s.sessions {
		list = append(list, session)
	}
	return list
}

// waitEmpty waits until every receiver has been told of its session's end.
func (s *Server) waitEmpty(ctx context.Context) error {
	s.mu.Lock()
	if s.live == 0 {
		s.mu.Unlock()
		return nil
	}
	if s.empty == nil {
		s.empty = make(chan struct{})
	}
	empty := s.empty
	s.mu.Unlock()
	select {
	case <-empty:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
