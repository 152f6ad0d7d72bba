package engineio

import (
	"net/http"
	"slices"

	"parley/server/internal/transport"
)

// What keeps a transport of another package from carrying a session.
var (
	errLargeHeader = transport.Violation("the request's header passes MaxHeader")
	errFull        = transport.Violation("the server is shut down, or MaxSessions is reached")
	errNoSession   = transport.Violation("unknown session id")
	errNotPolling  = transport.Violation("the session does not poll, or is being upgraded")
)

// Attach offers a transport for which another package listens: sessions may
// begin on it, and polling ones may change to it. It is a door for packages of
// this module, which alone can use what it returns; see package webtransport.
func (s *Server) Attach(name string) *transport.Host {
	s.offer(name)
	return &transport.Host{
		Sessions:       door{s},
		Reactor:        s.reactor,
		Wheel:          s.wheel,
		Logger:         s.opts.Logger,
		MaxPayload:     s.opts.MaxPayload,
		UpgradeTimeout: s.opts.UpgradeTimeout,
		ReadTimeout:    s.opts.ReadTimeout,
	}
}

// offer adds to what polling sessions may change to.
func (s *Server) offer(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.opts.DisableUpgrade && !slices.Contains(s.upgrades, name) {
		s.upgrades = append(slices.Clone(s.upgrades), name)
	}
}

func (s *Server) upgradesNow() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.upgrades
}

// A door is the server as transports of other packages see it.
type door struct{ s *Server }

// Admit implements transport.Sessions. Whether a request begins a session or
// upgrades one turns out only later, so AllowRequest is asked about all.
func (d door) Admit(w http.ResponseWriter, r *http.Request) bool {
	return d.s.Admit(w, r) && d.s.allowed(w, r)
}

// Open implements transport.Sessions.
func (d door) Open(t transport.Transport, r *http.Request) (transport.Sink, error) {
	handshake := newHandshake(r, 4)
	if handshake.size() > d.s.opts.MaxHeader {
		return nil, errLargeHeader
	}
	if !d.s.reserve() {
		return nil, errFull
	}
	reserved := true
	defer func() {
		if reserved {
			d.s.left()
		}
	}()
	id, err := d.s.claimID(r)
	if err != nil {
		return nil, err
	}
	defer d.s.disclaimID(id)
	session := &Session{server: d.s, id: id, handshake: handshake}
	session.heartbeat.F = session.beat
	session.pacer = session.newPacer()
	reserved = false
	session.open(t)
	return session.link(), nil
}

// Upgrade implements transport.Sessions.
func (d door) Upgrade(t transport.Transport, sid string) (transport.Sink, error) {
	session := d.s.lookup(sid)
	if session == nil {
		return nil, errNoSession
	}
	p := session.newProbe()
	if !p.adopt(t) {
		return nil, errNotPolling
	}
	return p, nil
}
