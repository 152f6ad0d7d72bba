package engineio

import (
	"time"

	"parley/server/internal/reactor"
	"parley/server/internal/transport"
)

// volatileBytes is how much may wait for the end of the turn before volatile
// messages are dropped: what is corked is not what the transport is behind
// with.
const volatileBytes = 16 << 10

// Send queues messages, all or none, behind those of earlier calls. They leave
// at the end of the current turn, or at once when there is no other work. It
// returns ErrClosed, or ErrSlow when it has closed the session because too much
// would wait.
func (s *Session) Send(batch ...Message) error {
	flush, err := s.push(batch)
	if err != nil {
		return err
	}
	s.tellOutgoing(batch...)
	if flush {
		s.server.reactor.Flush(s.link())
	}
	return nil
}

// SendVolatile sends messages if the transport can take them now, and drops
// them otherwise. It reports which.
func (s *Session) SendVolatile(batch ...Message) bool {
	queued, flush := s.pushVolatile(batch)
	if queued {
		s.tellOutgoing(batch...)
	}
	if flush {
		s.server.reactor.Flush(s.link())
	}
	return queued
}

// Enqueue is Send, or SendVolatile, for a caller that holds locks, which OnPacket may
// want. It reports whether the messages are queued; then the caller owes a Report.
func (s *Session) Enqueue(volatile bool, batch ...Message) (queued bool, err error) {
	var flush bool
	if volatile {
		queued, flush = s.pushVolatile(batch)
	} else {
		flush, err = s.push(batch)
		queued = err == nil
	}
	if flush && s.server.opts.OnPacket == nil {
		s.server.reactor.Flush(s.link())
	}
	return queued, err
}

// Report shows OnPacket, if there is one, what Enqueue has queued, and lets it go.
func (s *Session) Report(batch ...Message) {
	if s.server.opts.OnPacket != nil {
		s.tellOutgoing(batch...)
		s.server.reactor.Flush(s.link())
	}
}

// push queues messages and reports whether the session is to be given to the reactor.
func (s *Session) push(batch []Message) (flush bool, err error) {
	size := 0
	for _, m := range batch {
		size += m.Len()
	}
	s.mu.Lock()
	if s.state != stateOpen {
		s.mu.Unlock()
		return false, ErrClosed
	}
	if s.full(len(batch), size) {
		s.flushNow()
		if s.full(len(batch), size) {
			s.mu.Unlock()
			s.end(ReasonSlow, ErrSlow)
			return false, ErrSlow
		}
	}
	s.queue.push(batch...)
	flush = s.mark()
	s.mu.Unlock()
	return flush, nil
}

// pushVolatile is push if the transport can take the messages now.
func (s *Session) pushVolatile(batch []Message) (queued, flush bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.writable() {
		return false, false
	}
	s.queue.push(batch...)
	return true, s.mark()
}

// Writable reports whether SendVolatile would send at this moment.
func (s *Session) Writable() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.writable()
}

func (s *Session) writable() bool {
	return s.state == stateOpen && !s.blocked && s.queue.bytes <= volatileBytes && s.transport.Writable()
}

// full reports whether n more messages of size bytes are too many.
func (s *Session) full(n, size int) bool {
	waiting := s.queue.len()
	return waiting > 0 && (waiting+n > s.server.opts.SendQueuePackets || s.queue.bytes+size > s.server.opts.SendQueueBytes)
}

// flushNow writes what only the cork has held back; the caller has locked mu.
func (s *Session) flushNow() {
	if !s.blocked {
		scratch := scratches.Get().(*[reactor.ScratchSize]byte)
		s.write(scratch[:])
		scratches.Put(scratch)
	}
}

// mark notes that there is something to write and reports whether the caller,
// once it has unlocked mu, must give the session to the reactor.
func (s *Session) mark() bool {
	if s.dirty || s.blocked {
		return false
	}
	s.dirty = true
	return true
}

// flush writes what waits, at the end of a turn.
func (s *Session) flush(scratch []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.dirty = false
	s.write(scratch)
}

// write hands the queue to the transport; the caller has locked mu.
func (s *Session) write(scratch []byte) {
	if s.state == stateClosed {
		return
	}
	if s.queue.len() > 0 {
		if s.form != transport.Plain {
			s.queue.inForm(s.form)
		}
		n := s.transport.Write(s.queue.waiting(), scratch)
		s.server.sent.Add(int64(n))
		if n > 0 {
			s.queue.drop(n)
		}
		s.blocked = s.queue.len() > 0
	}
	if s.state == stateClosing && s.transport.Name() != Polling && !s.transport.Writable() {
		s.blocked = true // the rest of the last write must leave before the end
	}
	switch {
	case s.blocked:
		s.watchStall()
	case s.state == stateClosing && s.probe == nil:
		s.hangUp()
	}
}

// drained goes on after the transport could not take everything.
func (s *Session) drained() {
	s.mu.Lock()
	s.blocked = false
	s.stopStall()
	if s.probe != nil && s.probe.seen && s.queue.len() == 0 {
		s.probe.release()
	}
	flush := (s.queue.len() > 0 || s.state == stateClosing) && s.mark()
	s.mu.Unlock()
	if flush {
		s.server.reactor.Flush(s.link())
	}
}

// watchStall gives a transport that takes nothing a limited time. Polling has
// the heartbeat for that.
func (s *Session) watchStall() {
	if s.stall == nil && s.transport.Name() != Polling {
		s.setStall(s.server.opts.WriteTimeout, func() { s.end(ReasonSlow, ErrSlow) })
	}
}

func (s *Session) setStall(d time.Duration, f func()) {
	if s.stall != nil {
		s.server.wheel.Stop(s.stall)
	}
	s.stall = &reactor.Timer{F: f}
	s.server.wheel.Set(s.stall, d)
}

func (s *Session) stopStall() {
	if s.stall != nil && s.state == stateOpen {
		s.server.wheel.Stop(s.stall)
		s.stall = nil
	}
}
