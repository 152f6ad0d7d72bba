package engineio

import (
	"context"
	"net/http"
	"time"

	"parley/server/internal/reactor"
	"parley/server/internal/transport"
	"parley/server/internal/transport/polling"
	"parley/server/wire/eio"
)

const probeText = "probe"

var probeReply = transport.Control(eio.Pong, probeText)

// A probe is a transport that wants to carry on a polling session: it sends a
// probe, gets its answer, and with an upgrade packet takes over. Until then the
// session stays with polling, and whatever goes wrong with the probe is no
// harm to it.
type probe struct {
	s     *Session
	conn  transport.Transport // nil until adopt
	form  transport.BinaryForm
	timer reactor.Timer
	ended chan struct{} // closed when it is done
	// seen and done are guarded by the session's mu.
	seen bool // the probe packet came
	done bool // given up, or taken over
	// over belongs to the goroutine that reads.
	over bool // conn is the session's transport
}

var _ transport.Sink = (*probe)(nil)

// upgrade serves a WebSocket request for a polling session.
func (s *Session) upgrade(w http.ResponseWriter, r *http.Request, form transport.BinaryForm) {
	header := s.server.upgradeHeader(w, r, false)
	p := s.newProbe()
	p.form = form
	conn, initial, err := s.server.upgrader.Upgrade(w, r, header)
	if err != nil {
		p.abandonUnlocked()
		return
	}
	conn.V3 = s.v3()
	if !p.adopt(conn) {
		conn.Close() // after a completed handshake, as in Node
	}
	conn.Start(s.server.reactor.Turn(), p, initial)
}

// newProbe returns a probe of the session. It is done from the start if the
// session does not poll or is being probed already.
func (s *Session) newProbe() *probe {
	p := &probe{s: s, ended: make(chan struct{})}
	s.mu.Lock()
	defer s.mu.Unlock()
	p.done = s.probe != nil || s.state == stateClosed || s.transport.Name() != Polling
	if !p.done {
		s.probe = p
	}
	return p
}

// adopt gives the probe its transport and begins its time. It reports false if
// the probe is done.
func (p *probe) adopt(t transport.Transport) bool {
	s := p.s
	s.mu.Lock()
	defer s.mu.Unlock()
	p.conn = t
	if p.done {
		return false
	}
	p.timer.F = p.abandonUnlocked
	s.server.wheel.Set(&p.timer, s.server.opts.UpgradeTimeout)
	return true
}

// Packet implements transport.Sink.
func (p *probe) Packet(t reactor.Turn, packet eio.Packet) {
	switch {
	case p.over:
		p.s.packet(t, packet)
	case packet.Type == eio.Ping && string(packet.Data) == probeText:
		p.answer()
	case packet.Type == eio.Upgrade:
		p.takeOver()
	default:
		p.abandonUnlocked()
	}
}

// answer answers the probe, and ends the waiting poll so that the client can
// pause its polling.
func (p *probe) answer() {
	s := p.s
	s.mu.Lock()
	defer s.mu.Unlock()
	if p.done {
		return
	}
	p.seen = true
	var scratch [64]byte
	p.conn.Write([]Message{probeReply}, scratch[:])
	p.release()
}

// release answers a waiting poll with a noop; the caller has locked mu.
func (p *probe) release() {
	if t, ok := p.s.transport.(*polling.Transport); ok {
		t.Noop()
	}
}

// takeOver makes the probe's transport the session's. What is queued goes
// out on it: the client had all of its polls answered before it sent the
// upgrade packet, so nothing overtakes.
func (p *probe) takeOver() {
	s := p.s
	s.mu.Lock()
	if p.done {
		s.mu.Unlock()
		return
	}
	p.finish()
	p.over = true
	s.probe = nil
	s.server.wheel.Stop(&p.timer)
	if t, ok := s.transport.(*polling.Transport); ok {
		t.Retire()
	}
	s.transport, s.form = p.conn, p.form
	s.blocked = false
	if s.unread() {
		p.conn.Pause()
	}
	flush := s.mark()
	s.mu.Unlock()
	if flush {
		s.server.reactor.Flush(s.link())
	}
	s.receiving.Lock()
	defer s.receiving.Unlock()
	if s.told {
		return
	}
	s.changed(SessionUpgraded, "")
	if r, ok := s.receiver.(UpgradeReceiver); ok {
		r.Upgraded()
	}
}

// finish marks the probe as done; the caller has locked mu.
func (p *probe) finish() {
	p.done = true
	close(p.ended)
}

// probeMoment is how long a poll waits for an upgrade packet that has come, or may
// have.
const probeMoment = 20 * time.Millisecond

// awaitProbe lets a poll wait for the end of a probe that has been answered, if the
// client has sent its upgrade packet before this request, on another connection, and
// is read only after it. Otherwise the client waits for the poll, and must not wait
// long: official clients do not survive the loss of the new connection meanwhile.
func (s *Session) awaitProbe(ctx context.Context) {
	s.mu.Lock()
	p := s.probe
	if p == nil || !p.seen {
		s.mu.Unlock()
		return
	}
	s.mu.Unlock()
	if c, ok := p.conn.(interface{ Unread() bool }); !ok || !c.Unread() {
		return
	}
	moment := time.NewTimer(probeMoment)
	defer moment.Stop()
	select {
	case <-p.ended:
	case <-moment.C:
	case <-ctx.Done():
	}
}

// abandonUnlocked gives the probe up; the session goes on with polling.
func (p *probe) abandonUnlocked() {
	s := p.s
	s.mu.Lock()
	p.abandon()
	flush := s.state == stateClosing && s.mark()
	s.mu.Unlock()
	if flush {
		s.server.reactor.Flush(s.link())
	}
}

// abandon is abandonUnlocked for those who have locked the session's mu.
func (p *probe) abandon() {
	if p.done {
		return
	}
	p.finish()
	p.s.server.wheel.Stop(&p.timer)
	if p.s.probe == p {
		p.s.probe = nil
	}
	if p.conn != nil {
		p.conn.Close()
	}
}

// Drained implements transport.Sink.
func (p *probe) Drained() {
	p.s.mu.Lock()
	over := p.s.transport == p.conn
	p.s.mu.Unlock()
	if over {
		p.s.drained()
	}
}

// Gone implements transport.Sink.
func (p *probe) Gone(_ reactor.Turn, cause error) {
	if p.over {
		p.s.gone(cause)
		return
	}
	p.abandonUnlocked()
}
