package redis

import (
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
