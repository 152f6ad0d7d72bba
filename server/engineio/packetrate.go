package engineio

import (
	"time"

	"parley/server/internal/reactor"
	"parley/server/internal/transport"
)

// PacketRate bounds how fast a client sends packets of any kind: a token bucket. A
// client that sends faster is not read from for a while, so that nothing is lost and
// it waits; what has been read by then is still handled. One that goes on sending as
// fast as it can is closed in the end, with ReasonFlood. Zero means the default.
type PacketRate struct {
	// PerSecond is how many packets a client may send in the long run. Default 50.
	PerSecond int
	// Burst is how many it may send at once, after a rest. Default 100.
	Burst int
	// Patience is how long a client may be read from slowly, without a break of
	// its own, until it is closed. Default 2 min.
	Patience time.Duration
}

// longestHold bounds one pause, and half of PingTimeout does, lest the client miss
// the heartbeat: more of what it has sent at once is forgiven.
const longestHold = 10 * time.Second

// calm is how long a client must keep to its rate for a new beginning.
const calm = 2 * time.Second

var errFlood = transport.Violation("more packets than PacketRate allows, for longer than its Patience")

func (r *PacketRate) withDefaults() *PacketRate {
	if r == nil {
		return nil
	}
	c := *r
	setInt("PacketRate.PerSecond", &c.PerSecond, 50)
	setInt("PacketRate.Burst", &c.Burst, 100)
	setDuration("PacketRate.Patience", &c.Patience, 2*time.Minute)
	if c.PerSecond > 1_000_000 || c.Burst > 1_000_000 {
		panic("engineio: Options.PacketRate.PerSecond or Burst is above 1,000,000")
	}
	return &c
}

// fill is the time in which a number of packets' allowance comes.
func (r *PacketRate) fill(packets int) time.Duration {
	return time.Duration(packets) * time.Second / time.Duration(r.PerSecond)
}

// A pacer is what a session needs for its PacketRate. The session's mu guards it, and
// all its times are the wheel's.
type pacer struct {
	full   time.Duration // when the bucket is full again
	since  time.Duration // when the client began to be read from slowly
	held   bool          // it is not read from
	at     time.Duration // when that began, or ended
	spoken time.Duration // when the client was last told that the server is there
	timer  reactor.Timer // the end of the pause
}

func (s *Session) newPacer() *pacer {
	if s.server.opts.PacketRate == nil {
		return nil
	}
	p := &pacer{}
	p.timer.F = s.unhold
	return p
}

// pace counts a packet. It reports false if the session has ended for it.
func (s *Session) pace() bool {
	r, now := s.server.opts.PacketRate, s.server.wheel.Now()
	s.mu.Lock()
	p := s.pacer
	p.full = max(p.full, now) + r.fill(1)
	if p.held || s.state != stateOpen || p.full-now <= r.fill(r.Burst) {
		s.mu.Unlock()
		return true
	}
	if p.since == 0 || now-p.at > calm {
		p.since = now
	}
	if now-p.since > r.Patience {
		s.mu.Unlock()
		s.end(ReasonFlood, errFlood)
		return false
	}
	if !s.unread() {
		s.transport.Pause()
	}
	p.held, p.at = true, now
	s.server.wheel.Set(&p.timer, s.holdFor(now))
	s.mu.Unlock()
	return true
}

// holdFor returns how long the client is still not to be read from: until half of its
// burst is there again. The caller has locked mu.
func (s *Session) holdFor(now time.Duration) time.Duration {
	r, p := s.server.opts.PacketRate, s.pacer
	longest := min(longestHold, s.server.opts.PingTimeout/2) - (now - p.at)
	return min(longest, p.full-now-r.fill(r.Burst)/2)
}

// unhold goes on reading, unless the client has sent more than it seemed.
func (s *Session) unhold() {
	now := s.server.wheel.Now()
	s.mu.Lock()
	p := s.pacer
	if s.state == stateClosed || !p.held {
		s.mu.Unlock()
		return
	}
	if left := s.holdFor(now); left > 0 {
		s.server.wheel.Set(&p.timer, left)
		s.mu.Unlock()
		return
	}
	r := s.server.opts.PacketRate
	p.full = min(p.full, now+r.fill(r.Burst)/2)
	p.held, p.at = false, now
	flush := s.reassure(now)
	if !s.unread() {
		s.read()
	}
	s.mu.Unlock()
	if flush {
		s.server.reactor.Flush(s.link())
	}
}

// reassure keeps a client from giving up on a server that has not come to its pong, or
// in revision 3 its ping, yet. The caller has locked mu, and must flush if it says so.
func (s *Session) reassure(now time.Duration) (flush bool) {
	p := s.pacer
	if s.state != stateOpen || !s.pinging || now-p.spoken < s.server.opts.PingInterval/2 {
		return false
	}
	p.spoken = now
	if s.v3() {
		s.queue.push(pongMessage)
	} else {
		s.queue.push(pingMessage)
	}
	return s.mark()
}

// unread reports whether the client is not read from. The caller has locked mu.
func (s *Session) unread() bool { return s.paused || s.pacer != nil && s.pacer.held }
