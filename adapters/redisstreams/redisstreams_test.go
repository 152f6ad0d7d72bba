package redisstreams_test

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
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
	for name, sharded := range map[string]bool{"channels": false, "sharded channels": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			adaptertest.Run(t, func(t *testing.T) adaptertest.Connector {
				o := options()
				o.Sharded = sharded
				return connector(t, client, o)
			})
		})
	}
}

func TestRecoveryOverAStream(t *testing.T) {
	t.Parallel()
	client := redistest.Start(t).Client(t)
	adaptertest.RunRecovery(t, func(t *testing.T) adaptertest.Connector {
		return connector(t, client, options())
	})
}

func TestStreamsOnARedisCluster(t *testing.T) {
	t.Parallel()
	client := redistest.StartCluster(t, 3).Client(t)
	adaptertest.Run(t, func(t *testing.T) adaptertest.Connector {
		o := options()
		o.StreamCount = 3
		return connector(t, client, o)
	})
	for name, sharded := range map[string]bool{"recovery": false, "recovery with sharded channels": true} {
		t.Run(name, func(t *testing.T) {
			adaptertest.RunRecovery(t, func(t *testing.T) adaptertest.Connector {
				o := options()
				o.StreamCount, o.Sharded, o.Secret = 3, sharded, []byte("0123456789abcdef")
				return connector(t, client, o)
			})
		})
	}
}

func TestImpossibleOptions(t *testing.T) {
	client := redis.NewClient(&redis.Options{})
	defer client.Close()
	for field, opts := range map[string]redisstreams.Options{
		"StreamCount": {StreamCount: -1}, "MaxLen": {MaxLen: -1}, "ReadCount": {ReadCount: -1}, "Block": {Block: -1}, "Timeout": {Timeout: -1},
		"MaxAnswering": {MaxAnswering: -1}, "MaxDelay": {MaxDelay: -1}, "MaxPending": {MaxPending: -1}, "Secret": {Secret: []byte("short")},
	} {
		if _, err := redisstreams.New(client, &opts); err == nil || !strings.Contains(err.Error(), "Options."+field+" ") {
			t.Errorf("%s: %v", field, err)
		}
	}
	if _, err := redisstreams.New(nil, nil); err == nil {
		t.Error("no client")
	}
}
