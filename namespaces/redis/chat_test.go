package redis

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"

	"parley/adapters/redisconn/redistest"
	"parley/namespaces/chat"
	"parley/namespaces/chat/chattest"
)

func TestChat(t *testing.T) {
	client := connect(t, redistest.Start(t))
	var stores atomic.Int32
	chattest.Run(t, 100, func(t *testing.T, opts *chat.Options) chat.Store {
		return open(t, client, &Options{Prefix: fmt.Sprint("p", stores.Add(1))}).Chat(opts)
	})
}

// On a cluster all keys of a script must be on one server.
func TestChatOnARedisCluster(t *testing.T) {
	client := redistest.StartCluster(t, 2).Client(t)
	var stores atomic.Int32
	chattest.Run(t, 20, func(t *testing.T, opts *chat.Options) chat.Store {
		n := stores.Add(1)
		sync := func(context.Context, string, ...string) error { return nil }
		return open(t, client, &Options{Prefix: fmt.Sprint("p", n), Sync: sync}).Chat(opts)
	})
}
