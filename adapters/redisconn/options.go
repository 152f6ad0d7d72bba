package redisconn

import (
	"log/slog"
	"time"
)

// Options configures a Conn. Zero means the default that stands at the end of each field's text, and never "unlimited"; New panics with the
// field's name if a value is impossible.
type Options struct {
	// QueueCommands bounds the commands that wait for Redis. 100,000.
	QueueCommands int
	// QueueBytes bounds the bytes of the commands that wait for Redis. 64 MiB.
	QueueBytes int
	// MaxAge is how long a command may wait while Redis is away, and then how long for its answer; it fails at most Timeout later. 5 s.
	MaxAge time.Duration
	// InboxBytes bounds the bytes of the messages that wait for a slow Handler. Besides, what a Handler keeps from being read waits in Redis,
	// as long as its client-output-buffer-limit for pubsub allows. 32 MiB.
	InboxBytes int
	// Timeout bounds one attempt to connect, to subscribe, and to hear of a probe. 3 s.
	Timeout time.Duration
	// MinBackoff is about how long to wait before the first attempt to connect again. It doubles up to MaxBackoff; a random part of up to
	// half is taken off. 50 ms.
	MinBackoff time.Duration
	// MaxBackoff is the longest such wait. 2 s.
	MaxBackoff time.Duration
	// ProbeInterval is how often each subscribed connection is tried. One that is dead without a sign is given up after ProbeInterval and
	// Timeout. 5 s.
	ProbeInterval time.Duration
	// ProbePrefix begins the names of the channels of probes; the rest is random. Users of an ACL need access to it. "parley:probe".
	ProbePrefix string
	// Logger hears of connections that are lost and found again. slog.Default().
	Logger *slog.Logger
}

func (o *Options) withDefaults() Options {
	var c Options
	if o != nil {
		c = *o
	}
	positive(&c.QueueCommands, 100_000, "QueueCommands")
	positive(&c.QueueBytes, 64<<20, "QueueBytes")
	positive(&c.MaxAge, 5*time.Second, "MaxAge")
	positive(&c.InboxBytes, 32<<20, "InboxBytes")
	positive(&c.Timeout, 3*time.Second, "Timeout")
	positive(&c.MinBackoff, 50*time.Millisecond, "MinBackoff")
	positive(&c.MaxBackoff, 2*time.Second, "MaxBackoff")
	positive(&c.ProbeInterval, 5*time.Second, "ProbeInterval")
	if c.MaxBackoff < c.MinBackoff {
		panic("redisconn: Options.MaxBackoff is less than MinBackoff")
	}
	if c.ProbePrefix == "" {
		c.ProbePrefix = "parley:probe"
	}
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	return c
}

func positive[T int | time.Duration](field *T, standard T, name string) {
	if *field < 0 {
		panic("redisconn: Options." + name + " is negative")
	}
	if *field == 0 {
		*field = standard
	}
}
