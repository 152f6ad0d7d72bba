package redisstreams_test

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"parley/adapters/adaptertest"
	"parley/adapters/redisconn"
	"parley/adapters/redisconn/redistest"
	"parley/adapters/redisstreams"
	"parley/server/adapter"
)

// names makes each test's names its own.
var names atomic.Int64

// options are those of one cluster that nobody else is in.
func options() *redisstreams.Options {
	name := fmt.Sprint("test", names.Add(1))
	silent := slog.New(slog.DiscardHandler)
	return &redisstreams.Options{
		StreamName: name, ChannelPrefix: name, SessionKeyPrefix: name + ":session:",
		Logger: silent, Conn: &redisconn.Options{Logger: silent},
	}
}

// connector returns an adapter of a cluster of its own for each server: those of one
// namespace follow each other.
func connector(t *testing.T, client redis.UniversalClient, opts *redisstreams.Options) adaptertest.Connector {
	var mu sync.Mutex
	var servers []*redisstreams.Cluster
	seen := map[string]int{} // namespaces, and on how many servers they are
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		for _, c := range servers {
			if err := c.Close(ctx); err != nil {
				t.Errorf("Close: %v", err)
			}
		}
	})
	return func(local adapter.Local) (adapter.Adapter, error) {
		mu.Lock()
		defer mu.Unlock()
		n := seen[local.Namespace()]
		seen[local.Namespace()]++
		if n == len(servers) {
			c, err := redisstreams.New(client, opts)
			if err != nil {
				return nil, err
			}
			servers = append(servers, c)
		}
		return servers[n].Adapter(local)
	}
}

func TestStreamsAreAnAdapter(t *testing.T) {
	server := redistest.Start(t)
	client := server.Client(t)
	for name, change := range map[string]func(*redisstreams.Options){
		"default": func(*redisstreams.Options) {},
		"sharded": func(o *redisstreams.Options) { o.Sharded = true },
		"streams": func(o *redisstreams.Options) { o.StreamCount = 4 },
		"secret":  func(o *redisstreams.Options) { o.Secret = []byte("0123456789abcdef") },
	} {
		t.Run(name, func(t *testing.T) {
			adaptertest.Run(t, func(t *testing.T) adaptertest.Connector {
				o := options()
				change(o)
				return connector(t, client, o)
			})
		})
	}
}
