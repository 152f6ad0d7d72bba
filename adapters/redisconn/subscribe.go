package redisconn

import (
	"context"
	"fmt"
	"sync/atomic"
)

// SubOptions says what to subscribe to. Channel and Handler are needed.
type SubOptions struct {
	Channel string
	// Sharded subscribes with SSUBSCRIBE (Redis 7). One channel is either sharded or not.
	Sharded bool
	// Pattern subscribes with PSUBSCRIBE: Channel is a pattern, and Handler gets the name of each message's channel. Not with Sharded.
	Pattern bool
	// Pin is the key or channel whose owner is asked in a Redis Cluster. It should be the one that the channel's publishers use, or the order
	// of their messages is not kept. Sharded channels have no other than their own. Default: Channel.
	Pin string
	// Handler has each message, in order; the handlers of a Conn are called one at a time, by the goroutines that read. The payload is the
	// handler's own, and must not be changed. An error, or a panic, counts as a bad message; nothing else comes of it. It must not wait for
	// Ready or Sync.
	Handler func(channel string, payload []byte) error
	// OnGap, if not nil, is called between the messages, as Handler is, when some of the channel may have been lost: the
	// connection is lost, it is back (what was published in between has not come), or slow handlers have made the inbox overflow.
	OnGap func()
}

// Subscription is one listener of a channel. However many listeners a channel has, Redis sees one subscription.
type Subscription struct {
	c     *Conn
	opts  SubOptions
	topic *topic
}

// topic is a channel with its listeners. Empty, it is about to go.
type topic struct {
	key          string // in routes.topics
	channel, pin string
	sharded      bool
	pattern      bool
	subs         atomic.Pointer[[]*Subscription] // replaced under routes.mu

	// Guarded by routes.mu.
	link  *link         // which has it, if any
	ready chan struct{} // closed while Redis says that it is subscribed
	on    bool          // ready is closed
	had   bool          // it was on before, so there is a gap when it is on again
}

// Subscribe adds a listener to a channel. It does not wait: see Ready.
func (c *Conn) Subscribe(opts SubOptions) *Subscription {
	if opts.Channel == "" || opts.Handler == nil {
		panic("redisconn: SubOptions.Channel or Handler is missing")
	}
	if opts.Pattern && opts.Sharded {
		panic("redisconn: SubOptions.Pattern and Sharded")
	}
	if opts.Pin == "" || opts.Sharded {
		opts.Pin = opts.Channel
	}
	s := &Subscription{c: c, opts: opts}
	c.routes.add(s)
	return s
}

// patternKey is the key of a pattern's topic. No channel has such a name that anybody would use.
func patternKey(pattern string) string { return "\x00" + pattern }

// Channel is the channel's name.
func (s *Subscription) Channel() string { return s.opts.Channel }

// Ready returns when Redis has the subscription.
func (s *Subscription) Ready(ctx context.Context) error {
	for {
		on, ready := s.c.routes.ready(s.topic)
		if on {
			return nil
		}
		select {
		case <-ready:
		case <-ctx.Done():
			return ctx.Err()
		case <-s.c.ctx.Done():
			return ErrClosed
		}
	}
}

// Close ends the listening; the last listener's ends the subscription. The handler may run once more. Close does not wait.
func (s *Subscription) Close() { s.c.routes.remove(s) }

// gap tells the listeners that messages may have been lost.
func (t *topic) gap(c *Conn) {
	c.stats.gaps.Add(1)
	for _, s := range *t.subs.Load() {
		if s.opts.OnGap != nil {
			s.onGap()
		}
	}
}

func (s *Subscription) onGap() {
	defer func() {
		if r := recover(); r != nil {
			s.c.badMessage(s.opts.Channel, fmt.Errorf("OnGap panicked: %v", r))
		}
	}()
	s.opts.OnGap()
}
