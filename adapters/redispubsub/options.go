package redispubsub

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"parley/adapters/nodewire"
	"parley/adapters/redisconn"
)

// A Wire is one of the two forms in which Node's adapters use publish and subscribe. They
// do not understand each other.
type Wire uint8

const (
	// Classic is that of createAdapter, and of the emitter for it.
	Classic Wire = iota + 1
	// Sharded is that of createShardedAdapter. It needs Redis 7.
	Sharded
)

// A Mode says which broadcasts to one room have a channel of their own on the Sharded
// wire. All others are on the namespace's.
type Mode uint8

const (
	// Static is none.
	Static Mode = iota + 1
	// Dynamic is those to a room that is not a socket's id; on the sending side to a room
	// whose name does not look like one: as in Node, of 20 characters.
	Dynamic
	// DynamicPrivate is all.
	DynamicPrivate
)

// Options configures a Cluster. Zero means the default; New refuses impossible values.
type Options struct {
	// Wire is what the other servers speak. Classic.
	Wire Wire
	// Key begins the names of all channels: the key of createAdapter, the
	// channelPrefix of createShardedAdapter. It must be the same on all servers.
	// "socket.io".
	Key string
	// Timeout is how long a server may say nothing to a request before it counts as
	// dead, and how long a call waits whose context has no deadline. 5 s.
	Timeout time.Duration
	// MaxAnswering bounds the requests of other servers for which clients of this one
	// still owe acknowledgements. 10,000.
	MaxAnswering int
	// Linger is for how long the channel of a room is kept after the last local
	// socket has left it. 1 s.
	Linger time.Duration

	// Patterns subscribes on the Classic wire as Node does, to everything of a namespace,
	// and not to each room that a local socket is in. It costs Redis and this server
	// more, and is for clusters in which Node servers make sockets of others join a
	// room and send to it in the same moment, before these can have subscribed.
	Patterns bool
	// Receive is how this server subscribes on the Sharded wire: what it should be
	// prepared for. DynamicPrivate, which gets everything from every mode.
	Receive Mode
	// Send is how it publishes. Dynamic, which servers in the modes dynamic, the
	// default of Node, and dynamic-private understand; Static, where one of them is
	// static.
	Send Mode

	// Secret, if it is not nil, authenticates every message: only servers that have
	// it too are heard and hear. The channels have other names then, so that Node
	// servers, which cannot do this, are not disturbed. 16 bytes at least.
	Secret []byte
	// Limits bound the messages.
	Limits nodewire.Limits
	// Conn configures the connections.
	Conn *redisconn.Options
}

// minSecret is the least length of a secret, in bytes.
const minSecret = 16

func (o *Options) withDefaults() (Options, error) {
	var c Options
	if o != nil {
		c = *o
	}
	switch {
	case c.Wire > Sharded:
		return c, errors.New("redispubsub: Options.Wire is unknown")
	case c.Receive > DynamicPrivate:
		return c, errors.New("redispubsub: Options.Receive is unknown")
	case c.Send > DynamicPrivate:
		return c, errors.New("redispubsub: Options.Send is unknown")
	case c.Wire != Sharded && c.Receive+c.Send > 0:
		return c, errors.New("redispubsub: Options.Receive and Send need Options.Wire Sharded")
	case c.Wire == Sharded && c.Patterns:
		return c, errors.New("redispubsub: Options.Patterns needs Options.Wire Classic")
	case c.Secret != nil && len(c.Secret) < minSecret:
		return c, fmt.Errorf("redispubsub: Options.Secret is shorter than %d bytes", minSecret)
	case c.Timeout < 0:
		return c, errors.New("redispubsub: Options.Timeout is negative")
	case c.Linger < 0:
		return c, errors.New("redispubsub: Options.Linger is negative")
	case c.MaxAnswering < 0:
		return c, errors.New("redispubsub: Options.MaxAnswering is negative")
	}
	if c.Wire == 0 {
		c.Wire = Classic
	}
	if c.Key == "" {
		c.Key = "socket.io"
	}
	if c.Linger == 0 {
		c.Linger = time.Second
	}
	if c.Receive == 0 {
		c.Receive = DynamicPrivate
	}
	if c.Send == 0 {
		c.Send = Dynamic
	}
	c.Secret = slices.Clone(c.Secret)
	return c, nil
}
