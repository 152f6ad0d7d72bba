package redis

import (
	"testing"
	"time"

	"parley/adapters/redisconn/redistest"
	"parley/namespaces/chat"
	"parley/namespaces/identity"
	"parley/namespaces/plain"
)

// What the suites of the stores do not need of a node's rights: turns that go from one to another, a node that has died, limits,
// revocations, the messages of /ws.
func TestRightsOfTheReadmeAreEnough(t *testing.T) {
	t.Parallel()
	client := redistest.Start(t).Limited(t)
	options := func() *Options { return &Options{Sync: synced, Alive: 600 * time.Millisecond} }
	a, b := open(t, client, options()), open(t, client, options())
	ann := chat.User{UserID: "ann"}
	rooms := []chat.Store{a.Chat(nil), b.Chat(nil)}
	gone, said := make(chan string, 1), make(chan string, 10)
	hubs := []plain.Roll{a.Bus().(plain.Roll), b.Bus().(plain.Roll)}
	hubs[1].Watch(func(user string) { gone <- user })
	defer hubs[1].Subscribe(func(m []byte) { said <- string(m) })()
	until(t, "messages go both ways", func() bool { return a.Health() == nil && b.Health() == nil })

	for range 2 {
		for _, store := range rooms {
			if _, err := store.Enter(t.Context(), "tea", "s1", ann, func(chat.Entered) {}); err != nil {
				t.Error(err)
			}
		}
	}
	undo, err := a.Rate(1, time.Hour, "chat").Take(t.Context(), "ann")
	if err != nil {
		t.Fatal(err)
	}
	undo()
	denied := b.Revocations(nil)
	if err := a.Revocations(nil).RevokeToken("t1", time.Now().Add(time.Hour)); err != nil {
		t.Error(err)
	}
	until(t, "it is denied", func() bool { return denied.Has(identity.Claims{ID: "t1"}) })
	nobody := plain.Gone{Here: func() {}, Elsewhere: func() {}}
	hubs[0].Enter("bob", nobody)()
	hubs[0].Enter("eve", nobody)
	until(t, "Redis knows who is there", func() bool {
		n, err := client.SCard(t.Context(), a.node.listKey(a.node.current(), "ws")).Result()
		return err == nil && n == 1
	})
	if err := hubs[0].Publish([]byte("hello")); err != nil {
		t.Error(err)
	}
	until(t, "it is heard", func() bool { return len(said) > 0 })
	a.end()
	until(t, "the other node tells of its end", func() bool { return len(gone) > 0 })
}
