package redisstreams

import (
	"errors"
	"fmt"
	"log/slog"
	"time"

	"parley/adapters/nodewire"
	"parley/adapters/redisconn"
)

// Options configures a Cluster. Zero means the default; New refuses impossible values.
// Those of Node's options that have a counterpart stand in brackets; they must be the
// same on all servers.
type Options struct {
	// StreamName is the stream, or begins the names of the streams (streamName).
	// "socket.io".
	StreamName string
	// StreamCount is how many streams the namespaces are spread over (streamCount). 1. With
	// more, Node writes about a third of the namespaces to streams that no Node server
	// reads; this package reads them, but such namespaces have no recovery on other servers.
	StreamCount int
	// MaxLen is how many entries a stream keeps, about (maxLen). It bounds how much a
	// client that recovers may have missed, whoever it was for. 10,000.
	MaxLen int
	// ChannelPrefix begins the names of the channels for questions and answers
	// (channelPrefix). "socket.io". On a Redis that servers of the classic wire use
	// too it must be another than their key: the messages would end Node processes.
	ChannelPrefix string
	// Sharded uses sharded channels, which need Redis 7 (useShardedPubSub).
	Sharded bool
	// SessionKeyPrefix begins the keys of sessions (sessionKeyPrefix). "sio:session:".
	SessionKeyPrefix string

	// ReadCount is how many entries are read at once at most (readCount); of large ones fewer.
	// 1,000.
	ReadCount int
	// Block is how long one reading waits for entries (blockTimeInMs); nothing comes
	// later for it. 2 s.
	Block time.Duration
	// Timeout is how long a server may say nothing to a request before it counts as
	// dead, and how long a call waits whose context has no deadline. 5 s.
	Timeout time.Duration
	// MaxAnswering bounds the requests of other servers that wait for their turn, and
	// those for which clients of this server still owe acknowledgements. 10,000.
	MaxAnswering int
	// MaxDelay is how long events of a namespace with recovery wait for their place in
	// the stream, while Redis is away. Then they are delivered without one, and clients that
	// were away meanwhile do not recover. 1 s.
	MaxDelay time.Duration
	// MaxPending bounds the events of a namespace that wait for their place. 10,000.
	MaxPending int

	// Secret, if it is not nil, authenticates every message and session: only servers that
	// have it too are heard and hear. All names are others then, so that Node servers, which
	// cannot do this, are not disturbed. 16 bytes at least.
	Secret []byte
	// Limits bound the messages.
	Limits nodewire.Limits
	// Conn configures the connections that publish and subscribe.
	Conn *redisconn.Options
	// Logger hears of what goes wrong. slog.Default().
	Logger *slog.Logger
}

// minSecret is the least length of a secret, in bytes.
const minSecret = 16

func (o *Options) withDefaults() (Options, error) {
	var c Options
	if o != nil {
		c = *o
	}
	err := errors.Join(
		set(&c.StreamCount, 1, "StreamCount"),
		set(&c.MaxLen, 10_000, "MaxLen"),
		set(&c.ReadCount, 1000, "ReadCount"),
		set(&c.Block, 2*time.Second, "Block"),
		set(&c.Timeout, 5*time.Second, "Timeout"),
		set(&c.MaxAnswering, 10_000, "MaxAnswering"),
		set(&c.MaxDelay, time.Second, "MaxDelay"),
		set(&c.MaxPending, 10_000, "MaxPending"),
	)
	for _, name := range []struct {
		value *string
		deflt string
	}{{&c.StreamName, "socket.io"}, {&c.ChannelPrefix, "socket.io"}, {&c.SessionKeyPrefix, "sio:session:"}} {
		if *name.value == "" {
			*name.value = name.deflt
		}
		if c.Secret != nil {
			*name.value = "parley-signed:" + *name.value
		}
	}
	switch {
	case c.Secret != nil && len(c.Secret) < minSecret:
		err = errors.Join(err, fmt.Errorf("redisstreams: Options.Secret is shorter than %d bytes", minSecret))
	case c.Block < time.Millisecond:
		err = errors.Join(err, errors.New("redisstreams: Options.Block is less than a millisecond"))
	case c.StreamCount > maxStreams:
		err = errors.Join(err, fmt.Errorf("redisstreams: Options.StreamCount is more than %d", maxStreams))
	}
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	return c, err
}

const maxStreams = 1000

func set[T int | time.Duration](field *T, standard T, name string) error {
	if *field < 0 {
		return fmt.Errorf("redisstreams: Options.%s is negative", name)
	}
	if *field == 0 {
		*field = standard
	}
	return nil
}
