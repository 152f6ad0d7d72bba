// Package redisstreams connects servers over a Redis stream, in one cluster with Node
// servers that have @socket.io/redis-streams-adapter 0.3.
//
//	c, err := redisstreams.New(client, nil)
//	io := socketio.New(&socketio.Options{Adapter: c.Adapter})
//
// What needs no answer is an entry of the stream, so a server that was cut off for a
// while misses nothing; when the stream was trimmed meanwhile, adapter.Local.Missed says so.
// Questions and answers are messages on channels, as in Node.
//
// # Order
//
// The entries of a stream have one order, in which all servers take them. A question takes
// effect after the entries that came before it.
//
// # Recovery
//
// A namespace with recovery keeps its events in the stream, and clients may come back to any
// server. All servers, those of Node too, then deliver in the order of the stream: an event
// reaches also the sockets of the server that sends it when it comes back from Redis. While
// Redis is away that does not happen; after Options.MaxDelay events are delivered
// nevertheless, and clients that were away at that time are not told that they have recovered.
//
// A client that comes to another server before its old one has noticed that it is gone recovers
// too: servers with this package ask each other, on channels of their own that begin with
// ChannelPrefix and "-parley#", for a session that is not in Redis, and the one that has its
// socket ends it, if the user is the same. They wait socketio.Recovery.MaxWait for a server that
// does not answer, and Options.Timeout for its disconnect hooks and the handlers before them. A
// server of Node answers no such questions: whom it has not noticed to be gone starts anew.
//
// A session that a Node server has saved says neither whose it is nor of which namespace.
// So it is only for clients for which socketio.Recovery.User returns "", and only with an offset
// that is an event of the namespace. Node in turn restores sessions of this package without
// asking whose they are.
package redisstreams

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"

	"parley/adapters/nodewire"
	"parley/adapters/redisconn"
	"parley/server/adapter"
)

// A Cluster is what ties one socketio.Server to the others. Safe for concurrent use.
type Cluster struct {
	opts    Options
	wire    nodewire.Streams
	conn    *redisconn.Conn
	client  redis.UniversalClient    // the caller's
	side    atomic.Pointer[readSide] // what is read through
	command string                   // that publishes

	life    context.Context // ends with the Cluster
	cancel  context.CancelFunc
	work    sync.WaitGroup
	wake    chan struct{} // has something in it when a stream has something due
	replays chan struct{} // has something in it for each that runs
	streams []*stream
	readers []*reader
	reading sync.Once // starts the readers, which a mere emitter does not need
	noted   notes

	mu    sync.RWMutex      // guards what follows
	buses map[string][]*bus // by namespace; an older one is about to go

	bad, gaps atomic.Uint64
	closed    atomic.Bool
}

// maxReplays bounds the clients that catch up at the same time.
const maxReplays = 16

// New returns a Cluster for one socketio.Server. It does not wait for Redis, 6.2 or
// later. Nil options are the defaults; an error names the one that is impossible. The client
// stays the caller's, to be closed after the Cluster, which has connections of its own with
// the same settings for what blocks.
func New(client redis.UniversalClient, opts *Options) (*Cluster, error) {
	o, err := opts.withDefaults()
	if err != nil {
		return nil, err
	}
	if client == nil {
		return nil, errors.New("redisstreams: no client")
	}
	c := &Cluster{
		opts: o, wire: nodewire.Streams{Limits: o.Limits}, command: "publish",
		buses: make(map[string][]*bus), wake: make(chan struct{}, 1), replays: make(chan struct{}, maxReplays),
		conn: redisconn.New(client, o.Conn),
	}
	c.noted.log = o.Logger
	if o.Sharded {
		c.command = "spublish"
	}
	c.life, c.cancel = context.WithCancel(context.Background())
	c.client = client
	c.side.Store(newReadSide(client))
	c.name()
	return c, nil
}

// name names the streams, and who reads them.
func (c *Cluster) name() {
	for i := range c.opts.StreamCount {
		name := c.opts.StreamName
		if c.opts.StreamCount > 1 {
			name = fmt.Sprintf("%s-%d", name, i)
		}
		c.streams = append(c.streams, &stream{c: c, name: name, ours: true})
	}
	for i := 1; i < c.opts.StreamCount; i++ { // Node's mistake, see Options.StreamCount
		c.streams = append(c.streams, &stream{c: c, name: fmt.Sprintf("%s--%d", c.opts.StreamName, i)})
	}
	if _, ok := c.client.(*redis.ClusterClient); ok {
		for _, s := range c.streams {
			c.readers = append(c.readers, newReader(c, s))
		}
	} else {
		c.readers = append(c.readers, newReader(c, c.streams...))
	}
}

// open starts reading.
func (c *Cluster) open() {
	if c.closed.Load() {
		return
	}
	for _, r := range c.readers {
		c.work.Go(r.run)
	}
	c.work.Go(c.watch)
}

// Adapter ties a namespace to those of the same name. It is a value for
// socketio.Options.Adapter, of one server. What it makes is an adapter.Recoverer.
func (c *Cluster) Adapter(local adapter.Local) (adapter.Adapter, error) {
	c.reading.Do(c.open)
	b := newBus(c, local)
	c.mu.Lock()
	c.buses[b.namespace] = append(c.buses[b.namespace], b)
	c.mu.Unlock()
	b.stream.onStart(b.subscribe)
	return recoverer{b.link, b}, nil
}

// bus returns that of a namespace, nil if it is not there.
func (c *Cluster) bus(namespace string) *bus {
	c.mu.RLock()
	defer c.mu.RUnlock()
	all := c.buses[namespace]
	if len(all) == 0 {
		return nil
	}
	return all[len(all)-1]
}

func (c *Cluster) forget(b *bus) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.buses[b.namespace] = slices.DeleteFunc(c.buses[b.namespace], func(other *bus) bool { return other == b })
	if len(c.buses[b.namespace]) == 0 {
		delete(c.buses, b.namespace)
	}
}

// each calls f for the buses of a stream.
func (c *Cluster) each(s *stream, f func(*bus)) {
	c.mu.RLock()
	var all []*bus
	for _, buses := range c.buses {
		for _, b := range buses {
			if b.stream == s || b.odd == s {
				all = append(all, b)
			}
		}
	}
	c.mu.RUnlock()
	for _, b := range all {
		f(b)
	}
}

// watch does what is due, until the end.
func (c *Cluster) watch() {
	tick := time.NewTicker(max(c.opts.MaxDelay/4, time.Millisecond))
	defer tick.Stop()
	for {
		select {
		case <-c.life.Done():
			return
		case <-c.wake:
		case now := <-tick.C:
			for _, s := range c.streams {
				c.each(s, func(b *bus) { b.log.check(now) })
			}
		}
		for _, s := range c.streams {
			s.runDue()
		}
	}
}

func (c *Cluster) wakeUp() {
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// Sync returns when all that this server has published in a namespace before has been taken
// by Redis, and all that Redis had taken by then from any server has been given to this
// server's sockets. An error says that this is not known, or not so. Rooms make no difference.
func (c *Cluster) Sync(ctx context.Context, namespace string, _ ...string) error {
	b := c.bus(namespace)
	if b == nil {
		return fmt.Errorf("redisstreams: no namespace %s: %w", namespace, redisconn.ErrClosed)
	}
	return b.sync(ctx)
}

// Flush returns when all that this server has published in a namespace before has been
// taken by Redis. An error says that something was not.
func (c *Cluster) Flush(ctx context.Context, namespace string, _ ...string) error {
	b := c.bus(namespace)
	if b == nil {
		return fmt.Errorf("redisstreams: no namespace %s: %w", namespace, redisconn.ErrClosed)
	}
	return c.conn.Flush(ctx, b.stream.name)
}

// Lost tells all Parley servers of a namespace that something which was for all may not be
// in the stream, so that no client is told that it has recovered which may have missed
// it. It returns when Redis has taken that.
func (c *Cluster) Lost(ctx context.Context, namespace string) error {
	b := c.bus(namespace)
	if b == nil {
		return fmt.Errorf("redisstreams: no namespace %s: %w", namespace, redisconn.ErrClosed)
	}
	if err := b.storeLostBy("", nil); err != nil {
		return err
	}
	return c.conn.Flush(ctx, b.stream.name)
}

// Health tells how the connections are, those of the readers included.
func (c *Cluster) Health() redisconn.Health {
	h := c.conn.Health()
	c.mu.RLock()
	idle := len(c.buses) == 0
	c.mu.RUnlock()
	if idle {
		return h
	}
	for _, r := range c.readers {
		if err := r.state(&h.Since); err != nil {
			h.Subscribed, h.Err = false, err
		}
	}
	h.BadMessages += c.bad.Load()
	h.Gaps += c.gaps.Load()
	return h
}

// Close sends what is queued and ends the connections. It is to be called after the server
// has been shut down; then no goroutine is left.
func (c *Cluster) Close(ctx context.Context) error {
	if c.closed.Swap(true) {
		return nil
	}
	err := c.conn.Close(ctx)
	c.cancel()
	err = errors.Join(err, c.side.Load().close())
	c.work.Wait()             // the longest that blocks is a reading without connections of its own
	_ = c.side.Load().close() // of which there may have been others meanwhile
	return err
}
