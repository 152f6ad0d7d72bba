package engineio

import (
	"time"

	"parley/server/internal/reactor"
)

// pollGrace is how long a closed polling session waits for a request to answer
// with its close packet.
const pollGrace = 30 * time.Second

// Close ends the session in good order: what is queued is written first. It
// returns at once. The receiver is told the reason of the first call.
func (s *Session) Close(reason Reason) {
	s.mu.Lock()
	if s.state != stateOpen {
		s.mu.Unlock()
		return
	}
	s.state = stateClosing
	s.reason = reason
	s.server.wheel.Stop(&s.heartbeat)
	grace := s.server.opts.WriteTimeout
	if s.transport.Name() == Polling {
		grace = pollGrace
	}
	s.setStall(grace, s.drop)
	flush := s.mark()
	s.mu.Unlock()
	if flush {
		s.server.reactor.Flush(s.link())
	}
	s.server.reactor.Go(closedTask{s})
}

// end closes the session without writing what is queued: it was the client's
// doing, or the client does not read.
func (s *Session) end(reason Reason, cause error) {
	s.mu.Lock()
	if s.state != stateOpen {
		s.mu.Unlock()
		return
	}
	s.reason, s.cause = reason, cause
	s.hangUp()
	s.mu.Unlock()
	s.server.forget(s)
	s.server.reactor.Go(closedTask{s})
}

// gone ends the session whose transport has ended.
func (s *Session) gone(cause error) {
	s.mu.Lock()
	was := s.state
	if was == stateOpen {
		s.reason, s.cause = reasonOf(cause), cause
	}
	s.hangUp()
	s.mu.Unlock()
	s.server.forget(s)
	if was == stateOpen {
		s.server.reactor.Go(closedTask{s})
	}
}

// drop gives up on a client that has not taken its last packets.
func (s *Session) drop() {
	s.mu.Lock()
	s.flushNow()
	s.hangUp()
	s.mu.Unlock()
	s.server.forget(s)
}

// hangUp ends the transport and all that belongs to the session; the caller
// has locked mu. A polling session stays known until its close packet has been
// fetched.
func (s *Session) hangUp() {
	if s.state == stateClosed {
		return
	}
	s.state = stateClosed
	s.server.wheel.Stop(&s.heartbeat)
	if s.pacer != nil {
		s.server.wheel.Stop(&s.pacer.timer)
	}
	if s.stall != nil {
		s.server.wheel.Stop(s.stall)
		s.stall = nil
	}
	s.queue.clear()
	if s.probe != nil {
		s.probe.abandon()
	}
	s.transport.Close()
	if s.transport.Name() == Polling {
		s.stall = &reactor.Timer{F: s.drop}
		s.server.wheel.Set(s.stall, pollGrace)
	}
}

// closedTask tells the receiver that the session has ended.
type closedTask struct{ s *Session }

func (t closedTask) Run() {
	s := t.s
	s.mu.Lock()
	reason, cause := s.reason, s.cause
	if s.transport.Name() != Polling {
		defer s.server.forget(s)
	}
	s.mu.Unlock()
	defer s.server.left()
	s.receiving.Lock()
	defer s.receiving.Unlock()
	s.told = true
	s.receiver.Closed(s.server.reactor.Turn(), reason, cause)
	s.changed(SessionClosed, reason)
}
