// Package redispubsub connects servers over Redis publish and subscribe, in one cluster
// with Node servers that have @socket.io/redis-adapter: createAdapter, 7.2 or later, or
// createShardedAdapter.
//
//	c, err := redispubsub.New(client, nil)
//	io := socketio.New(&socketio.Options{Adapter: c.Adapter})
//
// Nothing waits for Redis: local sockets get their events at once, what others are to get
// is queued and sent in order, and comes at most once. When the connection was lost
// meanwhile, adapter.Local.Missed says so.
//
// # Names
//
// A namespace's channels have Node's names. The exception is a namespace with # in its
// name, whose channels could be those of a room of another one; its channels have names
// of their own, which only servers of this package know. Rooms may have any name. Where
// Node servers have namespaces with # they share channels with rooms of such names, as
// among themselves: no event goes astray, since each tells its namespace.
//
// # Rooms
//
// A server is subscribed to the rooms that its sockets are in, and to no others. It
// subscribes when the first socket joins, which takes as long as a message to Redis and
// back; what others send there before is lost to it. After this package's own
// Adapter.Join that cannot happen, because what follows goes to all servers for a while.
// Where Node servers join and send in the same moment, set Options.Patterns.
//
// # Order
//
// What one server publishes in a namespace arrives in the order of the calls; in a Redis
// Cluster too on the Classic wire. On the Sharded wire, where a room may have a channel,
// each channel has an order of its own there.
package redispubsub

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/redis/go-redis/v9"

	"parley/adapters/redisconn"
	"parley/server/adapter"
)

// A Cluster is what ties one socketio.Server to the others. Safe for concurrent use.
type Cluster struct {
	opts    Options
	conn    *redisconn.Conn
	command any  // that publishes, a string
	spread  bool // the channels of a namespace are on several servers of a Redis Cluster

	joined fresh // rooms of Publish, with their namespaces

	mu    sync.Mutex        // guards what follows
	buses map[string][]*bus // by namespace; an older one is about to go
}

// New returns a Cluster for one socketio.Server. It does not wait for Redis. Nil options
// are the defaults; an error names the one that is impossible. The client stays the
// caller's, to be closed after the Cluster; of a Redis Cluster it must be a
// *redis.ClusterClient.
func New(client redis.UniversalClient, opts *Options) (*Cluster, error) {
	o, err := opts.withDefaults()
	if err != nil {
		return nil, err
	}
	if client == nil {
		return nil, errors.New("redispubsub: no client")
	}
	c := &Cluster{opts: o, command: "publish", buses: make(map[string][]*bus), conn: redisconn.New(client, o.Conn)}
	if o.Wire == Sharded {
		c.command = "spublish"
		_, c.spread = client.(*redis.ClusterClient)
	}
	return c, nil
}

// Adapter ties a namespace to those of the same name. It is a value for
// socketio.Options.Adapter, of one server.
func (c *Cluster) Adapter(local adapter.Local) (adapter.Adapter, error) {
	b := newBus(c, local)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.buses[b.namespace] = append(c.buses[b.namespace], b)
	b.open()
	return b.link, nil
}

func (c *Cluster) forget(b *bus) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.buses[b.namespace] = slices.DeleteFunc(c.buses[b.namespace], func(other *bus) bool { return other == b })
	if len(c.buses[b.namespace]) == 0 {
		delete(c.buses, b.namespace)
	}
}

// Sync returns when all that this server has published in a namespace before, to these
// rooms or to nobody in particular, has been taken by Redis, and all that Redis had taken
// by then from any server has been given to this server's sockets. Without rooms it is
// about all of them. An error says that this is not known, or not so.
func (c *Cluster) Sync(ctx context.Context, namespace string, rooms ...string) error {
	b := c.newest(namespace)
	if b == nil {
		return fmt.Errorf("redispubsub: no namespace %s: %w", namespace, redisconn.ErrClosed)
	}
	return b.Sync(ctx, rooms)
}

// Flush returns when all that this server has published in a namespace before, to these
// rooms or to nobody in particular, has been taken by Redis. An error says that something
// was not.
func (c *Cluster) Flush(ctx context.Context, namespace string, rooms ...string) error {
	b := c.newest(namespace)
	if b == nil {
		return fmt.Errorf("redispubsub: no namespace %s: %w", namespace, redisconn.ErrClosed)
	}
	if err := c.conn.Flush(ctx, b.pin(b.channels.base)); err != nil || !c.spread {
		return err
	}
	for _, room := range rooms {
		if err := c.conn.Flush(ctx, b.pin(b.channels.room(room))); err != nil {
			return err
		}
	}
	return nil
}

// Lost tells all Parley servers of a namespace that something which was for all may not
// have been published, so that no client is told that it has recovered which may have
// missed it. It returns when Redis has taken that.
func (c *Cluster) Lost(ctx context.Context, namespace string) error {
	b := c.newest(namespace)
	if b == nil {
		return fmt.Errorf("redispubsub: no namespace %s: %w", namespace, redisconn.ErrClosed)
	}
	return b.tellLost(ctx)
}

func (c *Cluster) newest(namespace string) *bus {
	c.mu.Lock()
	defer c.mu.Unlock()
	all := c.buses[namespace]
	if len(all) == 0 {
		return nil
	}
	return all[len(all)-1]
}

// Health tells how the connections are.
func (c *Cluster) Health() redisconn.Health { return c.conn.Health() }

// Close sends what is queued and ends the connections. It is to be called after the server
// has been shut down; then no goroutine is left.
func (c *Cluster) Close(ctx context.Context) error { return c.conn.Close(ctx) }
