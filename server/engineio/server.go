package engineio

import (
	"context"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"parley/server/internal/deflate"
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
	origins  allowList
	deflater *deflate.Compressor // nil: permessage-deflate is off

	originLog sparse

	mu       sync.Mutex
	sessions map[string]*Session
	claimed  map[string]struct{} // ids of GenerateID whose sessions are about to begin
	live     int                 // sessions whose receiver has not been told of the end
	closing  bool                // no new sessions
	upgrades []string            // what a polling session may change to
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
	if slices.Contains(s.opts.Transports, WebSocket) {
		s.offer(WebSocket)
	}
	if o := s.opts.PerMessageDeflate; o != nil {
		s.deflater = deflate.NewCompressor(o.Threshold, o.Level)
		s.upgrader.Deflate = true
	}
	s.polling = polling.Limits{
		MaxPayload:   s.opts.MaxPayload,
		MaxPackets:   s.opts.MaxPackets,
		ReadTimeout:  s.opts.ReadTimeout,
		WriteTimeout: s.opts.WriteTimeout,
	}
	if !s.opts.DisableHTTPCompression {
		s.polling.CompressionThreshold = s.opts.CompressionThreshold
	}
	s.origins = newAllowList(s.opts.AllowedOrigins)
	return s
}

// Stats are counts since the server was made, and the sessions of now.
type Stats struct {
	TotalConnections   int64 // sessions ever begun
	CurrentConnections int64
	MessagesSent       int64 // packets handed to a transport
	MessagesReceived   int64
	MessagesCompressed int64 // for WebSocket; a message counts once, whoever gets it
}

// Stats returns the present counts.
func (s *Server) Stats() Stats {
	s.mu.Lock()
	live := s.live
	s.mu.Unlock()
	stats := Stats{
		TotalConnections:   s.total.Load(),
		CurrentConnections: int64(live),
		MessagesSent:       s.sent.Load(),
		MessagesReceived:   s.received.Load(),
	}
	if s.deflater != nil {
		stats.MessagesCompressed = s.deflater.Count()
	}
	return stats
}

// ServeHTTP serves one request of the protocol: a handshake, a poll, a POST, or
// an upgrade.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.ContentLength != 0 {
		// net/http waits for a body that nobody reads, and for ever.
		_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(s.opts.ReadTimeout))
	}
	if !s.Admit(w, r) {
		return
	}
	q := readQuery(r)
	if !slices.Contains(s.opts.Transports, q.transport) {
		s.refuse(w, r, errTransport, "transport", q.transport)
		return
	}
	wantsUpgrade := upgrading(r)
	if q.sid == "" {
		s.handshake(w, r, q, wantsUpgrade)
		return
	}
	session := s.lookup(q.sid)
	switch {
	case session == nil:
		s.refuse(w, r, errUnknownSession, "sid", q.sid)
	case q.revision() != session.Revision():
		s.refuse(w, r, errBadRequest, "name", "PROTOCOL_MISMATCH", "protocol", q.version)
	case wantsUpgrade && q.transport != WebSocket:
		s.refuse(w, r, errBadRequest, "name", "TRANSPORT_HANDSHAKE_ERROR", "transport", q.transport)
	case !wantsUpgrade && q.transport == WebSocket:
		s.mismatch(w, r, q, session)
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
			s.mismatch(w, r, q, session)
			return
		}
		t.ServeHTTP(s.answering(w, r, false), r)
	}
}

// mismatch refuses a request over a transport that is not the session's.
func (s *Server) mismatch(w http.ResponseWriter, r *http.Request, q query, session *Session) {
	s.refuse(w, r, errBadRequest, "name", "TRANSPORT_MISMATCH", "transport", q.transport, "previousTransport", session.Transport())
}

// handshake begins a session.
func (s *Server) handshake(w http.ResponseWriter, r *http.Request, q query, wantsUpgrade bool) {
	switch {
	case r.Method != http.MethodGet:
		s.refuse(w, r, errMethod, "method", r.Method)
		return
	case wantsUpgrade != (q.transport == WebSocket):
		s.refuse(w, r, errBadRequest, "name", "TRANSPORT_HANDSHAKE_ERROR", "transport", q.transport)
		return
	case q.revision() != 4 && !s.opts.AllowEIO3:
		s.refuse(w, r, errVersion, "protocol", q.version)
		return
	case q.jsonp != nil && !s.admitScript(r):
		s.refuse(w, r, errForbidden, "name", "JSONP_ORIGIN")
		return
	case !s.allowed(w, r):
		return
	}
	handshake := newHandshake(r, q.revision())
	if handshake.size() > s.opts.MaxHeader {
		s.refuse(w, r, errHeader, "name", "HEADER_TOO_LARGE")
		return
	}
	if !s.reserve() {
		w.Header().Set("Retry-After", retryAfter)
		s.refuse(w, r, errUnavailable, "name", "UNAVAILABLE")
		return
	}
	reserved := true
	defer func() {
		if reserved {
			s.left()
		}
	}()
	id, err := s.claimID(r)
	if err != nil {
		s.refuse(w, r, errBadRequest, "name", "ID_GENERATION_ERROR", "error", err.Error())
		return
	}
	defer s.disclaimID(id)
	session := &Session{server: s, id: id, handshake: handshake}
	session.heartbeat.F = session.beat
	session.pacer = session.newPacer()
	if !wantsUpgrade {
		t := polling.New(&s.polling, s.reactor.Turn(), session.link(), q.format())
		reserved = false
		session.open(t)
		s.setCookie(w, id)
		t.ServeHTTP(s.answering(w, r, true), r)
		return
	}
	conn, initial, err := s.upgrader.Upgrade(w, r, s.upgradeHeader(w, r, true))
	if err != nil {
		return
	}
	reserved = false
	defer conn.Start(s.reactor.Turn(), session.link(), initial) // after a panic too: it sees to the end of the connection
	session.form = q.binaryForm()
	if conn.V3 = session.v3(); conn.V3 {
		conn.Answer()
		time.Sleep(answerLead)
	}
	session.open(conn)
}

// reserve counts a session that is about to begin; false means that there may
// be none.
func (s *Server) reserve() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closing || max(s.live, len(s.sessions)) >= s.opts.MaxSessions {
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
	if t.Name() == Polling {
		hs.Upgrades = srv.upgradesNow()
	}
	var room [160]byte
	first := transport.Control(eio.Open, string(hs.Append(room[:0])))
	s.queue.push(first)
	s.tellOutgoing(first)
	s.transport = t
	if !s.introduce() {
		defer s.Close(ReasonServerShutdown)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.state != stateOpen {
		return
	}
	s.startHeartbeat()
	if t.Name() != Polling {
		scratch := scratches.Get().(*[reactor.ScratchSize]byte)
		s.write(scratch[:])
		scratches.Put(scratch)
	}
}

// introduce makes the session known and gets it its receiver. If accept panics, the
// session ends with the request. It reports false if the server has begun to close.
func (s *Session) introduce() (welcome bool) {
	accepted := false
	defer func() {
		if !accepted {
			s.end(ReasonForcedClose, nil)
		}
	}()
	s.receiving.Lock() // lest Closed come before there is a receiver
	defer s.receiving.Unlock()
	welcome = s.server.enter(s)
	s.receiver = deaf{}
	s.changed(SessionOpened, "")
	s.receiver = s.server.accept(s)
	accepted = true
	return welcome
}

// deaf is the receiver of a session that nobody wants.
type deaf struct{}

func (deaf) Receive(Turn, []byte, bool) {}
func (deaf) Closed(Turn, Reason, error) {}

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
