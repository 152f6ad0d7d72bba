package redispubsub_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"parley/adapters/redisconn/redistest"
	"parley/adapters/redispubsub"
	"parley/server/adapter"
	"parley/server/socketio"
	"parley/server/socketiotest"
)

// A node is one server of a test, with one namespace.
type node struct {
	c *redispubsub.Cluster
	a adapter.Adapter
	*stage
}

func join(t *testing.T, client redis.UniversalClient, opts *redispubsub.Options, namespace string) *node {
	t.Helper()
	n := &node{c: open(t, client, opts), stage: newStage(namespace)}
	var err error
	if n.a, err = n.c.Adapter(n.stage); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := n.a.Close(context.Background()); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return n
}

func (n *node) synced(t *testing.T, rooms ...string) {
	t.Helper()
	if err := n.c.Sync(t.Context(), n.namespace, rooms...); err != nil {
		t.Fatal(err)
	}
}

// emit must not wait for Redis.
func (n *node) emit(t *testing.T, text string, rooms ...string) {
	t.Helper()
	began := time.Now()
	if err := n.a.Broadcast(event(text), to(rooms...), adapter.Flags{}); err != nil {
		t.Error(err)
	}
	if took := time.Since(began); took > time.Second {
		t.Errorf("it took %v", took)
	}
}

// until takes what was delivered up to something that is wanted.
func (n *node) until(t *testing.T, want string, meanwhile func()) {
	t.Helper()
	for end := time.After(patience); ; {
		select {
		case got := <-n.got:
			if got == want {
				return
			}
		case <-time.After(20 * time.Millisecond):
			meanwhile()
		case <-end:
			t.Fatalf("no %s", want)
		}
	}
}

// TestRedisMayGoAndComeBack: nobody waits, everybody is told, and all subscriptions are
// there again.
func TestRedisMayGoAndComeBack(t *testing.T) {
	forBothWires(t, func(t *testing.T, server *redistest.Server, opts *redispubsub.Options, _ string) {
		a, b := join(t, server.Client(t), opts, "/"), join(t, server.Client(t), opts, "/")
		b.enter(b.a, "red")
		b.synced(t, "red")
		a.emit(t, `["before"]`, "red")
		b.expect(t, `["before"]`)
		server.Kill()
		a.emit(t, `["lost"]`)
		_, err := a.a.Sockets(soon(), to())
		if err == nil {
			t.Error("nobody can know who is there")
		}
		for _, n := range []*node{a, b} {
			n.until(t, "missed", func() {})
			n.quiet()
		}
		server.Restart()
		for _, n := range []*node{a, b} {
			n.until(t, "missed", func() {}) // what was sent until then
		}
		b.until(t, `["after"]`, func() { a.emit(t, `["after"]`, "red") })
		a.until(t, `["to all"]`, func() { b.emit(t, `["to all"]`) })
		b.synced(t, "red")
		if !b.c.Health().OK() || b.c.Health().Reconnects == 0 {
			t.Errorf("%+v", b.c.Health())
		}
	})
}

// quiet forgets what was delivered until nothing more comes for a moment.
func (n *node) quiet() {
	for {
		select {
		case <-n.got:
		case <-time.After(300 * time.Millisecond):
			return
		}
	}
}

// TestLossesAreTold: everybody hears of what one server may not have published.
func TestLossesAreTold(t *testing.T) {
	forBothWires(t, func(t *testing.T, server *redistest.Server, opts *redispubsub.Options, _ string) {
		for _, secret := range [][]byte{nil, []byte("0123456789abcdef0123456789abcdef")} {
			opts.Secret = secret
			a, b := join(t, server.Client(t), opts, "/"), join(t, server.Client(t), opts, "/")
			a.synced(t)
			b.synced(t)
			if err := a.c.Lost(t.Context(), "/"); err != nil {
				t.Fatal(err)
			}
			for _, n := range []*node{a, b} {
				n.until(t, "unsent", func() {})
			}
			if err := a.c.Flush(t.Context(), "/", "red"); err != nil {
				t.Error(err)
			}
			if err := a.c.Lost(t.Context(), "/other"); err == nil {
				t.Error("a namespace that is not there")
			}
		}
	})
}

// TestRedisMayComeLate: who was there before has missed something.
func TestRedisMayComeLate(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	server.Kill()
	opts := options(redispubsub.Options{})
	a, b := join(t, server.Client(t), opts, "/"), join(t, server.Client(t), opts, "/")
	a.emit(t, `["x"]`)
	if a.c.Health().OK() {
		t.Error("healthy without Redis")
	}
	time.Sleep(1100 * time.Millisecond) // longer than a subscription takes
	server.Restart()
	for _, n := range []*node{a, b} {
		n.until(t, "missed", func() {})
	}
	a.until(t, `["y"]`, func() { b.emit(t, `["y"]`) })
}

// TestWhoHeardSomethingWhileRedisWasAwayDoesNotRecover: it has what its own server sent then, and may miss what others did before
// the subscriptions were there again.
func TestWhoHeardSomethingWhileRedisWasAwayDoesNotRecover(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	c := open(t, server.Client(t), options(redispubsub.Options{}))
	io := socketio.New(&socketio.Options{Adapter: c.Adapter})
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := io.Shutdown(ctx); err != nil {
			t.Error(err)
		}
	})
	ns := io.Of("/lounge")
	ns.EnableRecovery(socketio.Recovery{})
	missed := make(chan struct{}, 100)
	ns.OnMissed(func(context.Context) { missed <- struct{}{} })
	client := socketiotest.Connect(t, io, "/lounge", nil)
	if err := c.Sync(t.Context(), "/lounge"); err != nil {
		t.Fatal(err)
	}
	server.Kill()
	select {
	case <-missed:
	case <-time.After(patience):
		t.Fatal("nobody was told that something may be missing")
	}
	if err := ns.Local().Emit("meanwhile"); err != nil {
		t.Fatal(err)
	}
	client.Expect("meanwhile")
	server.Restart()
	if err := c.Sync(t.Context(), "/lounge"); err != nil {
		t.Fatal(err)
	}
	state := client.State()
	client.Abort()
	for end := time.Now().Add(patience); len(ns.Sockets()) > 0; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("the server does not notice")
		}
	}
	back := socketiotest.Connect(t, io, "/lounge", &socketiotest.Options{Auth: state})
	if back.State().PID == state.PID {
		t.Error("it has recovered")
	}
}

// TestSyncMeansDelivered, whatever channel it came on.
func TestSyncMeansDelivered(t *testing.T) {
	forBothWires(t, func(t *testing.T, server *redistest.Server, opts *redispubsub.Options, _ string) {
		syncMeansDelivered(t, server.Client(t), server.Client(t), opts)
	})
}

func syncMeansDelivered(t *testing.T, one, other redis.UniversalClient, opts *redispubsub.Options) {
	a, b := join(t, one, opts, "/"), join(t, other, opts, "/")
	rooms := []string{"red", "green", "blue", "a#b"}
	b.enter(b.a, rooms...)
	b.synced(t, rooms...)
	for i := range 100 {
		room := rooms[i%len(rooms)]
		a.emit(t, `["room"]`, room)
		a.emit(t, `["all"]`)
		a.synced(t, room)
		b.synced(t, room)
		if len(b.got) != 2 {
			t.Fatalf("%d of 2 have been delivered", len(b.got))
		}
		if got := <-b.got + <-b.got; got != `["room"]["all"]` && got != `["all"]["room"]` {
			t.Fatal(got)
		}
	}
	for i := range 100 {
		a.emit(t, `["room"]`, rooms[i%len(rooms)])
		a.synced(t)
		b.synced(t)
		if len(b.got) != 1 {
			t.Fatal("without rooms it is about all of them")
		}
		<-b.got
	}
}

// TestGarbageIsCountedAndDropped on every channel.
func TestGarbageIsCountedAndDropped(t *testing.T) {
	forBothWires(t, func(t *testing.T, server *redistest.Server, opts *redispubsub.Options, _ string) {
		client := server.Client(t)
		a, b := join(t, server.Client(t), opts, "/"), join(t, client, opts, "/")
		b.enter(b.a, "red")
		b.synced(t, "red")
		channels, command := client.PubSubChannels(t.Context(), "socket.io*").Val(), "publish"
		if opts.Wire == redispubsub.Sharded {
			channels, command = client.PubSubShardChannels(t.Context(), "socket.io*").Val(), "spublish"
		}
		bad := 0
		for _, channel := range channels {
			for _, text := range []string{"", "x", "{", "{}", "[]", "\x93", "\xc1", "\x84", `{"type":5}`, `{"type":3,"data":{},"uid":"x","nsp":"/"}`, strings.Repeat("\x91", 1<<16)} {
				bad++
				if err := client.Do(t.Context(), command, channel, text).Err(); err != nil {
					t.Fatal(err)
				}
			}
		}
		a.emit(t, `["after"]`, "red")
		b.expect(t, `["after"]`)
		if n := b.c.Health().BadMessages; n == 0 || int(n) > bad {
			t.Errorf("%d bad messages of %d", n, bad)
		}
	})
}
