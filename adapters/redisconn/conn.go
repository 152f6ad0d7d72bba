// Package redisconn keeps connections to Redis for what must arrive in order: commands that are published, pipelined, and messages of
// channels, over connections that come back by themselves. It works with single servers, Sentinel and Redis Cluster; addresses, TLS and
// users are those of the go-redis client that it is given.
//
// Redis may be away at any time, also at the start: commands wait a bounded time, subscriptions come back, and OnGap says when messages may
// have been lost.
package redisconn

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"
)

var (
	// ErrClosed is the error of what is asked of a closed Conn.
	ErrClosed = fmt.Errorf("redisconn: closed: %w", net.ErrClosed)
	// ErrQueueFull is the error of a command for which there is no room; the text names the option.
	ErrQueueFull = errors.New("redisconn: queue is full")
	// ErrExpired is the error of a command that waited longer than Options.MaxAge for Redis. It has not been sent.
	ErrExpired = errors.New("redisconn: waited longer than Options.MaxAge")
	// ErrUnknown is the error of a command that may or may not have been carried out: the connection was lost before its answer. It is
	// not sent again.
	ErrUnknown = errors.New("redisconn: no answer")
)

// Conn publishes and subscribes. Safe for concurrent use.
type Conn struct {
	opts    Options
	client  redis.UniversalClient
	cluster cluster       // nil unless client is one
	single  *redis.Client // client with the patience of a lane; nil if it is a cluster
	mapped  atomic.Bool   // the cluster's slots have been asked for

	ctx    context.Context // ends when Close has waited long enough
	cancel context.CancelFunc
	work   sync.WaitGroup // all goroutines

	stats   stats
	lanes   []lane
	inbox   inbox
	routes  routes
	waiters waiters
}

// cluster is what a redis.ClusterClient can besides.
type cluster interface {
	MasterForKey(ctx context.Context, key string) (*redis.Client, error)
	ForEachMaster(ctx context.Context, fn func(ctx context.Context, client *redis.Client) error) error
	ReloadState(ctx context.Context)
}

// New returns a Conn over a client, which stays the caller's and is to be closed after the Conn. It does not wait for Redis. Nil options are
// the defaults.
func New(client redis.UniversalClient, opts *Options) *Conn {
	if client == nil {
		panic("redisconn: client is nil")
	}
	c := &Conn{opts: opts.withDefaults(), client: client}
	c.cluster, _ = client.(cluster)
	c.ctx, c.cancel = context.WithCancel(context.Background())
	if single, ok := client.(*redis.Client); ok {
		c.single = single.WithTimeout(c.opts.MaxAge)
	}
	c.lanes = make([]lane, 1)
	if c.cluster != nil {
		c.lanes = make([]lane, clusterLanes)
	}
	for i := range c.lanes {
		c.lanes[i].c = c
	}
	c.inbox.c, c.inbox.calm = c, calm
	c.routes.init(c)
	c.waiters.init()
	c.stats.since.Store(time.Now().UnixNano())
	return c
}

// Close sends what is still queued, if Redis is there, ends all subscriptions and returns when no goroutine is left. When ctx ends first, what
// waits fails with ErrClosed, and ctx's error is returned; goroutines then end as soon as handlers and the client's own timeouts let them.
func (c *Conn) Close(ctx context.Context) error {
	for i := range c.lanes {
		c.lanes[i].close()
	}
	var err error
	for i := range c.lanes {
		if err == nil {
			err = c.lanes[i].idle(ctx)
		}
	}
	c.routes.close()
	c.cancel()
	c.inbox.close()
	done := make(chan struct{})
	go func() {
		c.work.Wait()
		close(done)
	}()
	select {
	case <-done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// node returns the server that has a pin, and its address; without a cluster there is but one, and its address is empty.
func (c *Conn) node(ctx context.Context, pin string) (redis.UniversalClient, string, error) {
	if c.cluster == nil {
		return c.client, "", nil
	}
	if !c.mapped.Load() { // what follows asks the cluster for its slots
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, c.opts.Timeout)
		defer cancel()
	}
	node, err := c.cluster.MasterForKey(ctx, pin)
	if err != nil {
		return nil, "", err
	}
	c.mapped.Store(true)
	return node, node.Options().Addr, nil
}

// patient returns a node's client for the commands of a lane. A Redis that stands still for a moment has its time: giving up sooner would only
// leave the outcome unknown.
func (c *Conn) patient(node *redis.Client) *redis.Client {
	if c.single != nil {
		return c.single
	}
	return node.WithTimeout(c.opts.MaxAge)
}

// reload makes a cluster client look again who has which slots.
func (c *Conn) reload() {
	if c.cluster != nil {
		c.cluster.ReloadState(c.ctx)
	}
}

// backoff is the wait before the n-th attempt in a row.
func (c *Conn) backoff(n int) time.Duration {
	d := c.opts.MaxBackoff
	if n = max(n, 1) - 1; n < 16 {
		d = min(d, c.opts.MinBackoff<<n)
	}
	return d - rand.N(d/2+1)
}

// within returns a client that keeps to the time of a context: others look at it only between their attempts.
func within(ctx context.Context, node redis.UniversalClient) redis.UniversalClient {
	client, ok := node.(*redis.Client)
	until, limited := ctx.Deadline()
	if !ok || !limited {
		return node
	}
	left, timeout := time.Until(until), client.Options().ReadTimeout
	if timeout > 0 && timeout <= left {
		return node
	}
	// Longer by a little: what fails does because the context has ended.
	return client.WithTimeout(max(left, 0) + time.Millisecond)
}

// Count returns how many connections in the whole of Redis are subscribed to a channel. With an error the count may be too small.
func (c *Conn) Count(ctx context.Context, channel string, sharded bool) (int, error) {
	ask := func(ctx context.Context, node redis.UniversalClient) (int, error) {
		node = within(ctx, node)
		numsub := node.PubSubNumSub
		if sharded {
			numsub = node.PubSubShardNumSub
		}
		counts, err := numsub(ctx, channel).Result()
		if err != nil && ctx.Err() != nil {
			err = errors.Join(ctx.Err(), err)
		}
		return int(counts[channel]), err
	}
	if sharded || c.cluster == nil {
		node, _, err := c.node(ctx, channel)
		if err != nil {
			return 0, err
		}
		n, err := ask(ctx, node)
		if n > 0 || err != nil || c.cluster == nil {
			return n, err
		}
		c.reload() // the slot may have moved
	}
	return c.countEverywhere(ctx, ask)
}

// countEverywhere adds up what all masters of a cluster count. A cluster's client asks first who they are, for as long as its own timeouts let it.
func (c *Conn) countEverywhere(ctx context.Context, ask func(context.Context, redis.UniversalClient) (int, error)) (int, error) {
	type result struct {
		total int64
		err   error
	}
	results := make(chan result, 1)
	started := c.routes.spawn(func() {
		var total atomic.Int64
		err := c.cluster.ForEachMaster(ctx, func(ctx context.Context, node *redis.Client) error {
			n, err := ask(ctx, node)
			total.Add(int64(n))
			return err
		})
		results <- result{total.Load(), err}
	})
	if !started {
		return 0, ErrClosed
	}
	select {
	case r := <-results:
		return int(r.total), r.err
	case <-ctx.Done():
		return 0, ctx.Err()
	}
}
