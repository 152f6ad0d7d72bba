package redis

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"parley/adapters/redisconn/redistest"
	"parley/namespaces/chat"
	"parley/namespaces/chat/chattest"
)

// synced is Options.Sync where nothing is ever under way.
func synced(context.Context, string, ...string) error { return nil }

func TestChat(t *testing.T) {
	t.Parallel()
	client := redistest.Start(t).Limited(t)
	var stores atomic.Int32
	chattest.Run(t, 100, func(t *testing.T, opts *chat.Options) chat.Store {
		return open(t, client, &Options{Prefix: fmt.Sprint("parley:", stores.Add(1))}).Chat(opts)
	})
}

// On a cluster all keys of a script must be on one server.
func TestChatOnARedisCluster(t *testing.T) {
	t.Parallel()
	client := redistest.StartCluster(t, 2).Client(t)
	var stores atomic.Int32
	chattest.Run(t, 20, func(t *testing.T, opts *chat.Options) chat.Store {
		n := stores.Add(1)
		return open(t, client, &Options{Prefix: fmt.Sprint("p", n), Sync: synced}).Chat(opts)
	})
}

// scripts returns how many scripts a server has run.
func scripts(t *testing.T, client redis.UniversalClient) int {
	t.Helper()
	stats, err := client.InfoMap(t.Context(), "commandstats").Result()
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	if _, err := fmt.Sscanf(stats["Commandstats"]["cmdstat_evalsha"], "calls=%d,", &n); err != nil {
		t.Fatal(err)
	}
	return n
}

func TestMessageCostsOneScriptAndManyAtOnceLess(t *testing.T) {
	t.Parallel()
	client := connect(t, redistest.Start(t))
	c := open(t, client, &Options{Sync: synced, Alive: time.Hour, Lease: time.Hour}).Chat(nil)
	ann := chat.User{UserID: "ann"}
	if _, err := c.Enter(t.Context(), "tea", "s1", ann, func(chat.Entered) {}); err != nil {
		t.Fatal(err)
	}
	say := func() {
		if _, err := c.Append(t.Context(), "tea", chat.Draft{From: ann, Content: "x"}, func(chat.Message) {}); err != nil {
			t.Error(err)
		}
	}
	say()
	before := scripts(t, client)
	for range 50 {
		say()
	}
	if n := scripts(t, client) - before; n != 50 {
		t.Errorf("%d scripts for 50 messages", n)
	}
	before = scripts(t, client)
	var wg sync.WaitGroup
	store := c.(*chatStore)
	err := store.db.turns.do(t.Context(), store.turn("tea"), false, func(context.Context, *hold) error {
		for range 2 * maxPosts {
			wg.Go(say)
		}
		until(t, "all wait", func() bool {
			store.posts.mu.Lock()
			defer store.posts.mu.Unlock()
			return len(store.posts.waiting["tea"]) == 2*maxPosts
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	wg.Wait()
	if n := scripts(t, client) - before; n != 2 {
		t.Errorf("%d scripts for %d messages at once", n, 2*maxPosts)
	}
}

// A Redis that has lost everything gets back who is there.
func TestPresenceOutlivesRedis(t *testing.T) {
	t.Parallel()
	s := redistest.Start(t)
	a, b := startNode(t, s, "a"), startNode(t, s, "b")
	ann, bob := join(a, "ann", "tea"), join(b, "bob", "tea")
	s.Restart()
	for _, g := range []*guest{ann, bob} {
		until(t, "both are there", func() bool {
			r, err := g.ask("join", object{"roomId": "tea"})
			users, _ := r["users"].([]any)
			return err == nil && len(users) == 2
		})
		until(t, "both are online", func() bool {
			a, _ := g.ask("direct-message", object{"recipientId": "ann", "content": "x"})
			b, _ := g.ask("direct-message", object{"recipientId": "bob", "content": "x"})
			return a["ok"] == true && b["ok"] == true
		})
	}
}

// TestALossIsToldOnce: whether another node has published a message that it has kept nobody knows, but all hear that only once,
// however often the message is sent again.
func TestALossIsToldOnce(t *testing.T) {
	t.Parallel()
	client := connect(t, redistest.Start(t))
	var told atomic.Int32
	lost := func(context.Context, string) error {
		if told.Add(1) == 1 {
			return errors.New("not yet")
		}
		return nil
	}
	a, b := open(t, client, &Options{Sync: synced, Lost: lost}).Chat(nil), open(t, client, &Options{Sync: synced, Lost: lost}).Chat(nil)
	ann := chat.User{UserID: "ann"}
	draft := chat.Draft{From: ann, Content: "x", ClientID: "1"}
	if _, err := a.Enter(t.Context(), "tea", "s1", ann, func(chat.Entered) {}); err != nil {
		t.Fatal(err)
	}
	first, err := a.Append(t.Context(), "tea", draft, func(chat.Message) {})
	if err != nil {
		t.Fatal(err)
	}
	again := func(c chat.Store) error {
		m, err := c.Append(t.Context(), "tea", draft, func(chat.Message) { t.Error("published twice") })
		if err == nil && m != first {
			t.Errorf("%v, want %v", m, first)
		}
		return err
	}
	if again(b) == nil {
		t.Error("acknowledged before the others know")
	}
	for range 5 {
		for _, c := range []chat.Store{a, b} {
			if err := again(c); err != nil {
				t.Error(err)
			}
		}
	}
	if n := told.Load(); n != 2 {
		t.Errorf("told %d times", n)
	}
}
