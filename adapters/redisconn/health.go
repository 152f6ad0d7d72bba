package redisconn

import (
	"sync"
	"sync/atomic"
	"time"
)

// Health is the state of a Conn at one moment. Counts are since New.
type Health struct {
	Publishing bool      // no command waits for a Redis that is away
	Subscribed bool      // every channel asked for is subscribed, and each connection's last probe came back
	Since      time.Time // when Publishing && Subscribed last changed
	Err        error     // what was last wrong; nil when all is well

	ProbeTime      time.Duration // round trip of the last probe
	QueuedCommands int
	QueuedBytes    int
	InboxBytes     int // of messages that wait for handlers
	Channels       int // subscribed or to be

	Published   uint64 // commands that Redis answered
	Received    uint64 // messages
	Refused     uint64 // commands for which the queue had no room
	Expired     uint64 // commands that waited longer than MaxAge
	Unknown     uint64 // commands whose answer was lost with the connection
	Rejected    uint64 // commands that Redis answered with an error
	Overflowed  uint64 // messages dropped because handlers were slow
	BadMessages uint64 // messages that a handler refused or that made it panic
	Reconnects  uint64 // subscribed connections that were lost
	Gaps        uint64 // channels on which messages may have been lost
}

// OK reports whether messages go both ways.
func (h Health) OK() bool { return h.Publishing && h.Subscribed }

type stats struct {
	commands, bytes, away                      atomic.Int64 // away: lanes that wait for Redis
	published, refused, expired, unknown, bad  atomic.Uint64
	rejected, received, overflowed, gaps, lost atomic.Uint64
	probeTime                                  atomic.Int64

	mu     sync.Mutex
	ok     bool
	since  atomic.Int64
	err    error
	logged time.Time // when a bad message was last logged
}

// Health returns the present state.
func (c *Conn) Health() Health {
	s := &c.stats
	h := Health{
		Publishing: s.away.Load() == 0,
		ProbeTime:  time.Duration(s.probeTime.Load()), QueuedCommands: int(s.commands.Load()), QueuedBytes: int(s.bytes.Load()),
		InboxBytes: c.inbox.size(), Published: s.published.Load(), Received: s.received.Load(), Refused: s.refused.Load(),
		Expired: s.expired.Load(), Unknown: s.unknown.Load(), Rejected: s.rejected.Load(), Overflowed: s.overflowed.Load(),
		BadMessages: s.bad.Load(), Reconnects: s.lost.Load(), Gaps: s.gaps.Load(),
	}
	h.Subscribed, h.Channels = c.routes.state()
	s.mu.Lock()
	defer s.mu.Unlock()
	if h.OK() != s.ok {
		s.note(h.OK())
	}
	if !s.ok {
		h.Err = s.err
	}
	h.Since = time.Unix(0, s.since.Load())
	return h
}

// changed notes the moment at which the state may have turned.
func (c *Conn) changed(err error) {
	if err != nil {
		c.stats.mu.Lock()
		c.stats.err = err
		c.stats.mu.Unlock()
	}
	c.Health()
}

func (s *stats) note(ok bool) {
	s.ok = ok
	s.since.Store(time.Now().UnixNano())
}

// badMessage counts a message that a handler could not use, and logs one in ten seconds.
func (c *Conn) badMessage(channel string, err error) {
	c.stats.bad.Add(1)
	c.stats.mu.Lock()
	defer c.stats.mu.Unlock()
	if time.Since(c.stats.logged) > 10*time.Second {
		c.stats.logged = time.Now()
		c.opts.Logger.Warn("redis: bad message", "channel", channel, "err", err)
	}
}
