package redis

import (
	"context"
	"crypto/sha256"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"time"
)

// Options configure a DB. Zero means the default that stands at the end of each
// field's text.
type Options struct {
	// Prefix begins the names of all keys and channels; nodes that share state have the
	// same. Without braces. "parley".
	Prefix string
	// Node names this node, for people who look into Redis. The host's name.
	Node string
	// Sync is that of the adapter of the socketio.Server: it returns when Redis has
	// taken what this node has published in the namespace, to the rooms, and when what
	// Redis had taken from any node has reached the clients of this one. Nil: there is
	// no other node, and no turn is asked for.
	Sync func(ctx context.Context, namespace string, rooms ...string) error
	// Flush is that of the adapter: it returns when Redis has taken what this node has
	// published in the namespace, to the rooms. A message is acknowledged after it, so that
	// no node takes with it what others were to hear. Nil: there is no other node.
	Flush func(ctx context.Context, namespace string, rooms ...string) error
	// Lost is that of the adapter: it tells all nodes that something may not have been
	// published in the namespace. It is called when a client sends a message again that
	// another node has kept and, perhaps, not published before it died.
	Lost func(ctx context.Context, namespace string) error
	// Secret, if it is not nil, authenticates the messages of /ws; it must be the same on all
	// nodes, 32 bytes or more.
	Secret []byte
	// Timeout bounds a call while Redis does not answer. 3 s.
	Timeout time.Duration
	// Lease is for how long a node has a turn, unless it asks again: so long others wait
	// for one that is dead. At least 100 ms. 3 s.
	Lease time.Duration
	// Hold is how long a node that has a turn may keep it when another one wants it.
	// 20 ms.
	Hold time.Duration
	// Alive is how long a node is believed to live that has not said so, which it does
	// three times as often. When it is over, another one takes out whoever was there.
	// 8 s.
	Alive time.Duration
	// Return is how long the users of a node that has been closed may take to come back
	// to another one unnoticed. 5 s.
	Return time.Duration
	// Logger gets trouble with Redis. Nil: silent.
	Logger *slog.Logger
}

// withDefaults returns a copy in which everything is set, or an error that names the
// field which makes no sense.
func (o *Options) withDefaults() (Options, error) {
	var c Options
	if o != nil {
		c = *o
	}
	if c.Prefix == "" {
		c.Prefix = "parley"
	}
	if strings.ContainsAny(c.Prefix, "{}") {
		return c, fmt.Errorf("redis: Options.Prefix %q has braces", c.Prefix)
	}
	if c.Secret != nil && len(c.Secret) < sha256.Size {
		return c, fmt.Errorf("redis: Options.Secret is shorter than %d bytes", sha256.Size)
	}
	if c.Node == "" {
		c.Node, _ = os.Hostname() // only for people
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	for _, f := range []struct {
		name  string
		field *time.Duration
		value time.Duration
	}{
		{"Timeout", &c.Timeout, 3 * time.Second}, {"Lease", &c.Lease, 3 * time.Second}, {"Hold", &c.Hold, 20 * time.Millisecond},
		{"Alive", &c.Alive, 8 * time.Second}, {"Return", &c.Return, 5 * time.Second},
	} {
		if *f.field < 0 {
			return c, fmt.Errorf("redis: Options.%s is negative", f.name)
		}
		if *f.field == 0 {
			*f.field = f.value
		}
	}
	if c.Lease < 100*time.Millisecond {
		return c, fmt.Errorf("redis: Options.Lease %v is too short, the least is 100ms", c.Lease)
	}
	return c, nil
}
