package engineio

import (
	"sync"
	"time"

	"parley/server/internal/reactor"
	"parley/server/internal/transport"
	"parley/server/wire/eio"
)

// A Message is one packet, framed once and shared by all who get it.
type Message = transport.Message

// A Turn is the handling of one batch of input. A Task given to its Run runs
// after the batch has been parsed: on the reading goroutine while tasks are
// quick, and a task that blocks is overtaken by a goroutine that goes on
// reading, so nothing waits for it.
type Turn = reactor.Turn

// A Task is work on behalf of a session.
type Task = reactor.Task

// NewBuffer returns a buffer for about size bytes of text; append to it, then
// make a Message of it with Text.
func NewBuffer(size int) []byte { return transport.NewBuffer(size) }

// Text makes a message of a buffer from NewBuffer, which it takes over.
func Text(buf []byte) Message { return transport.Text(buf) }

// Binary makes a binary message of a copy of data.
func Binary(data []byte) Message { return transport.Binary(data) }

// A Receiver gets what one session receives. Its methods must not block.
type Receiver interface {
	// Receive gets the messages in order, one call at a time. data is valid
	// only during the call.
	Receive(t Turn, data []byte, binary bool)
	// Closed is called once, after the last Receive. cause may be nil.
	Closed(t Turn, reason Reason, cause error)
}

type state uint8

const (
	stateOpen    state = iota
	stateClosing       // Close was called; what is queued is still written
	stateClosed
)

// A Session is one client's connection, whatever transport carries it. All
// methods may be called from any goroutine, and none blocks.
type Session struct {
	server    *Server
	id        string
	handshake *Handshake
	receiver  Receiver

	// receiving makes Receive and Closed come one at a time.
	receiving sync.Mutex

	mu        sync.Mutex
	transport transport.Transport
	probe     *probe // the transport that is about to take over
	queue     queue
	state     state
	dirty     bool // in the reactor's outbox
	blocked   bool // the transport takes nothing until Drained
	paused    bool
	told      bool                 // Closed has been called; guarded by receiving, and here because it is small
	pinging   bool                 // a ping is unanswered; in revision 3 the client's next is always due
	graced    bool                 // and its time has been extended once
	form      transport.BinaryForm // of the WebSocket that carries the session
	reason    Reason
	cause     error
	heartbeat reactor.Timer
	due       time.Duration  // when the heartbeat is, in the wheel's time
	pacer     *pacer         // nil: no PacketRate
	stall     *reactor.Timer // bounds a write that makes no progress, or the closing
}

// ID returns the session's id. It is a secret between server and client.
func (s *Session) ID() string { return s.id }

// Handshake returns the request that began the session.
func (s *Session) Handshake() *Handshake { return s.handshake }

// Revision returns that of the protocol: 4, or 3 for clients 1.x and 2.x.
func (s *Session) Revision() uint8 { return s.handshake.Revision }

// Transport returns the name of the transport that carries the session now.
func (s *Session) Transport() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.transport.Name()
}

// Cause returns what ended the session besides its Reason, such as an error of the
// network; nil as long as it is open, or where there is nothing more to say.
func (s *Session) Cause() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.cause
}

// Run runs t on a goroutine of its own. Shutdown waits for it.
func (s *Session) Run(t Task) { s.server.reactor.Go(t) }

// A Timer is set by Session.Timer.
type Timer struct {
	wheel *reactor.Wheel
	timer reactor.Timer
}

// Stop keeps the function from being called, unless it runs already.
func (t *Timer) Stop() { t.wheel.Stop(&t.timer) }

// Timer calls f in d, on a goroutine shared with all timers; f must not block.
// It may be late by a tenth of a second.
func (s *Session) Timer(d time.Duration, f func()) *Timer { return s.server.Timer(d, f) }

// Together calls f, which must not block, and then writes what f has queued, as far as that does not
// have to wait, on this goroutine instead of another.
func (s *Server) Together(f func()) { s.reactor.Together(f) }

// Timer is Session.Timer for what outlives a session. Shutdown waits until it has
// been served or stopped.
func (s *Server) Timer(d time.Duration, f func()) *Timer {
	t := &Timer{wheel: s.wheel}
	t.timer.F = f
	t.wheel.Set(&t.timer, d)
	return t
}

// Pause stops the taking of messages from the client; what has been read
// already still comes. Resume continues.
func (s *Session) Pause() { s.setPaused(true) }

// Resume undoes Pause.
func (s *Session) Resume() { s.setPaused(false) }

func (s *Session) setPaused(on bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.paused == on || s.state == stateClosed {
		return
	}
	was := s.unread()
	s.paused = on
	switch {
	case s.unread() == was:
	case on:
		s.transport.Pause()
	default:
		s.read()
	}
}

// read goes on reading from the client. The caller has locked mu.
func (s *Session) read() {
	s.transport.Resume()
	if s.pinging && s.state == stateOpen {
		// The pong waits among what was not read.
		s.beatAt(s.server.wheel.Now() + s.allowance())
	}
}

// packet takes what has come.
func (s *Session) packet(t reactor.Turn, p eio.Packet) {
	s.tellIncoming(p)
	if s.pacer != nil && !s.pace() {
		return
	}
	if p.Type == eio.Message {
		s.receive(t, p)
	} else {
		s.control(p)
	}
}

func (s *Session) receive(t reactor.Turn, p eio.Packet) {
	s.receiving.Lock()
	defer s.receiving.Unlock() // whatever the receiver does
	if !s.told && s.alive() {
		s.server.received.Add(1)
		s.receiver.Receive(t, p.Data, p.Binary)
	}
}

// alive reports whether messages are still taken. Activity of the client while
// a ping is unanswered extends the ping's time once, so that a slow upload does
// not look like a dead client.
func (s *Session) alive() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.pinging && !s.graced && s.state == stateOpen {
		s.graced = true
		s.beatAt(s.server.wheel.Now() + s.allowance())
	}
	return s.state == stateOpen
}

func (s *Session) control(p eio.Packet) {
	if s.v3() {
		s.controlV3(p)
		return
	}
	switch p.Type {
	case eio.Pong:
		s.mu.Lock()
		if s.state == stateOpen && s.pinging {
			s.pinging, s.graced = false, false
			s.beatAt(s.server.wheel.Now() + s.server.opts.PingInterval)
		}
		s.mu.Unlock()
	case eio.Ping:
		s.end(ReasonTransportError, errHeartbeat)
	case eio.Open, eio.Upgrade, eio.Noop, eio.Close, eio.Message:
		// Without meaning from a client at this point, and harmless.
	}
}

func (s *Session) beatAt(due time.Duration) {
	s.due = due
	s.server.wheel.SetAt(&s.heartbeat, due)
}

// overdue reports whether the client's time for a pong is over, even if the
// timer has not been served yet.
func (s *Session) overdue() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.pinging && !s.unread() && s.server.wheel.Now() >= s.due
}

// beat sends a ping, or ends the session that has not answered the last one.
func (s *Session) beat() {
	now, timeout := s.server.wheel.Now(), s.allowance()
	s.mu.Lock()
	if s.state != stateOpen || now < s.due { // moved while this was on its way
		s.mu.Unlock()
		return
	}
	if s.pinging && s.unread() {
		// It is the server that does not read.
		s.beatAt(now + timeout)
		s.mu.Unlock()
		return
	}
	if s.pinging {
		s.mu.Unlock()
		s.end(ReasonPingTimeout, nil)
		return
	}
	s.pinging = true
	// However late this is, the client gets half of its time at least.
	s.beatAt(max(s.due, now-timeout/2) + timeout)
	s.queue.push(pingMessage)
	flush := s.mark()
	s.mu.Unlock()
	s.tellOutgoing(pingMessage)
	if flush {
		s.server.reactor.Flush(s.link())
	}
}

var pingMessage = transport.Control(eio.Ping, "")
