package redispubsub_test

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"parley/adapters/adaptertest"
	"parley/adapters/redisconn/redistest"
	"parley/adapters/redispubsub"
	"parley/server/adapter"
)

const patience = 20 * time.Second

// clusters counts the clusters of the tests, which share one Redis.
var clusters atomic.Int64

// options returns a copy with a key that no other test has.
func options(opts redispubsub.Options) *redispubsub.Options {
	opts.Key = fmt.Sprint("test-", clusters.Add(1))
	return &opts
}

func open(t testing.TB, client redis.UniversalClient, opts *redispubsub.Options) *redispubsub.Cluster {
	t.Helper()
	c, err := redispubsub.New(client, opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closed(t, c) })
	return c
}

func closed(t testing.TB, c *redispubsub.Cluster) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := c.Close(ctx); err != nil {
		t.Errorf("Close: %v", err)
	}
}

// connector gives each namespace of each server a Cluster of its own.
func connector(t *testing.T, client func() redis.UniversalClient, opts redispubsub.Options) adaptertest.Connector {
	shared := options(opts)
	var mu sync.Mutex
	var all []*redispubsub.Cluster
	t.Cleanup(func() { // after the servers' own
		for _, c := range all {
			closed(t, c)
		}
	})
	return func(local adapter.Local) (adapter.Adapter, error) {
		c, err := redispubsub.New(client(), shared)
		if err != nil {
			return nil, err
		}
		mu.Lock()
		defer mu.Unlock()
		all = append(all, c)
		return c.Adapter(local)
	}
}

var wires = map[string]redispubsub.Options{
	"classic":         {},
	"dynamic":         {Wire: redispubsub.Sharded, Receive: redispubsub.Dynamic},
	"dynamic-private": {Wire: redispubsub.Sharded, Send: redispubsub.DynamicPrivate},
	"static":          {Wire: redispubsub.Sharded, Receive: redispubsub.Static, Send: redispubsub.Static},
	"patterns":        {Patterns: true},
	"signed":          {Secret: []byte("0123456789abcdef")},
}

func TestPubSubIsAnAdapter(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	for name, opts := range wires {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			client := server.Client(t)
			adaptertest.Run(t, func(t *testing.T) adaptertest.Connector {
				return connector(t, func() redis.UniversalClient { return client }, opts)
			})
		})
	}
}

// On a Redis Cluster the sharded wire has no order between rooms' channels, so the suite is
// not for that.
func TestPubSubOnARedisClusterIsAnAdapter(t *testing.T) {
	t.Parallel()
	server := redistest.StartCluster(t, 3)
	for _, name := range []string{"classic", "static"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			client := server.Client(t)
			adaptertest.Run(t, func(t *testing.T) adaptertest.Connector {
				return connector(t, func() redis.UniversalClient { return client }, wires[name])
			})
		})
	}
	for _, name := range []string{"classic", "static", "dynamic", "dynamic-private"} {
		t.Run("Sync "+name, func(t *testing.T) {
			t.Parallel()
			syncMeansDelivered(t, server.Client(t), server.Client(t), options(wires[name]))
		})
	}
}
