package redis

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"parley/adapters/redisconn/redistest"
	"parley/adapters/redispubsub"
	"parley/namespaces/chat"
	"parley/namespaces/identity"
	"parley/server/adapter"
	"parley/server/socketio"
	"parley/server/socketiotest"
)

// A testNode is one server of several with /chat.
type testNode struct {
	t      *testing.T
	client *redis.Client
	srv    *socketio.Server
	db     *DB
	store  *chatStore
	stop   func()
	close  func(ctx context.Context) error
}

// A ring is an adapter for redis.
type ring interface {
	Adapter(adapter.Local) (adapter.Adapter, error)
	Sync(ctx context.Context, namespace string, rooms ...string) error
	Close(ctx context.Context) error
}

func startNode(t *testing.T, s *redistest.Server, name string) *testNode {
	t.Helper()
	client := redis.NewClient(&redis.Options{Addr: s.Addr, ContextTimeoutEnabled: true})
	ring, err := redispubsub.New(client, nil)
	if err != nil {
		t.Fatal(err)
	}
	return startNodeOn(t, client, ring, &Options{Node: name, Return: 100 * time.Millisecond}, &chat.Options{})
}

func startNodeOn(t *testing.T, client *redis.Client, r ring, o *Options, opts *chat.Options) *testNode {
	t.Helper()
	n := &testNode{t: t, client: client, srv: socketio.New(&socketio.Options{Adapter: r.Adapter})}
	o.Sync, o.Alive, o.Timeout = r.Sync, 1200*time.Millisecond, 2*time.Second
	var err error
	if n.db, err = Open(n.client, o); err != nil {
		t.Fatal(err)
	}
	opts.History, opts.HistoryPage = 1000, 1000
	n.store = n.db.Chat(opts).(*chatStore)
	opts.Store = n.store
	chat.Mount(n.srv, identity.NewGate(nil), opts)
	n.close = func(ctx context.Context) error {
		return errors.Join(n.srv.Shutdown(ctx), r.Close(ctx), n.db.Close(ctx))
	}
	n.stop = sync.OnceFunc(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := n.close(ctx); err != nil {
			t.Errorf("%s: %v", o.Node, err)
		}
		_ = n.client.Close()
	})
	t.Cleanup(func() { n.stop() })
	return n
}

// die makes the node one that Redis does not hear of any more.
func (n *testNode) die() {
	n.stop = func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		_ = n.close(ctx) // it is dead
	}
	if err := n.client.Close(); err != nil {
		n.t.Error(err)
	}
}

type object = map[string]any

// A guest is a client of /chat.
type guest struct {
	*socketiotest.Client
	t *testing.T
}

func visit(n *testNode, id string) *guest {
	n.t.Helper()
	return &guest{socketiotest.Connect(n.t, n.srv, "/chat", &socketiotest.Options{Auth: object{"userId": id, "username": "name of " + id}}), n.t}
}

// join connects a user and lets them into a room.
func join(n *testNode, id, room string) *guest {
	n.t.Helper()
	g := visit(n, id)
	g.must("join", object{"roomId": room})
	g.Expect("room-users")
	return g
}

// ask returns an acknowledgement.
func (g *guest) ask(event string, args ...any) (object, error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	reply, err := g.EmitAck(ctx, event, args...)
	if err != nil {
		return nil, err
	}
	var got object
	return got, reply.Decode(&got)
}

func (g *guest) must(event string, args ...any) object {
	g.t.Helper()
	reply, err := g.ask(event, args...)
	if err != nil || reply["ok"] != true {
		g.t.Fatalf("%s %v: %v, %v", event, args, reply, err)
	}
	return reply
}

// insist asks until Redis is there.
func (g *guest) insist(event string, in object) object {
	for end := time.Now().Add(patience); ; time.Sleep(time.Millisecond) {
		r, err := g.ask(event, in)
		switch {
		case err != nil || time.Now().After(end):
			g.t.Errorf("%s %v: %v, %v", event, in, r, err)
			return r
		case r["ok"] == true:
			return r
		case r["error"].(object)["code"] != "unavailable":
			g.t.Errorf("%s %v: %v", event, in, r)
		}
	}
}

// hears returns a field of the next event of that name.
func (g *guest) hears(event, field string) any {
	g.t.Helper()
	var got object
	if err := json.Unmarshal(g.Expect(event).Args[0], &got); err != nil {
		g.t.Fatal(err)
	}
	return got[field]
}

// nothing checks that no event of that name has come.
func (g *guest) nothing(event string) {
	g.t.Helper()
	g.must("rooms")
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	for {
		e, err := g.Next(ctx)
		if err != nil {
			return
		}
		if e.Name == event {
			g.t.Fatalf("hears %s %s", e.Name, e.Args)
		}
	}
}

func TestAllClientsOfAllNodesSeeOneOrder(t *testing.T) {
	t.Parallel()
	s := redistest.Start(t)
	const each = 40
	var guests []*guest
	for i := range 3 {
		n := startNode(t, s, fmt.Sprint("n", i))
		for j := range 2 {
			guests = append(guests, join(n, fmt.Sprint("u", i, j), "tea"))
		}
	}
	var wg sync.WaitGroup
	seen := make([][]string, len(guests))
	for i, g := range guests {
		wg.Go(func() {
			for j := range each {
				if err := g.Emit("chat-message", object{"content": fmt.Sprint(i, " ", j)}); err != nil {
					t.Error(err)
				}
			}
		})
		wg.Go(func() {
			for range each * len(guests) {
				var m chat.Message
				if err := g.Expect("chat-message").Decode(&m); err != nil {
					t.Error(err)
				}
				seen[i] = append(seen[i], m.ID)
			}
		})
	}
	wg.Wait()
	var kept []string
	for _, m := range guests[0].must("history", object{"roomId": "tea", "limit": 1000})["messages"].([]any) {
		kept = append(kept, m.(object)["id"].(string))
	}
	if len(kept) != each*len(guests) || !slices.IsSorted(kept) {
		t.Errorf("%d messages are kept, in order %v", len(kept), slices.IsSorted(kept))
	}
	for i := range seen {
		if !slices.Equal(seen[i], kept) {
			t.Errorf("client %d sees another order than the history's", i)
		}
	}
}

func TestWhatHappensOnOneNodeIsKnownOnTheOther(t *testing.T) {
	t.Parallel()
	s := redistest.Start(t)
	a, b := startNode(t, s, "a"), startNode(t, s, "b")
	ann := join(a, "ann", "tea")
	bob := join(b, "bob", "tea")
	if who := ann.hears("user-joined", "userId"); who != "bob" {
		t.Errorf("%v joined", who)
	}
	ann.must("direct-message", object{"recipientId": "bob", "content": "psst"})
	if what := bob.hears("direct-message", "content"); what != "psst" {
		t.Errorf("hears %v", what)
	}
	if r, _ := ann.ask("join", object{"roomId": bob.ID()}); r["ok"] != false {
		t.Error("joins the room of another's socket")
	}
	first := ann.must("chat-message", object{"content": "1", "clientId": "c1"})["message"].(object)
	again := visit(b, "ann")
	again.must("join", object{"roomId": "tea"})
	if same := again.must("chat-message", object{"content": "1", "clientId": "c1"})["message"].(object); same["id"] != first["id"] {
		t.Error("the same message twice")
	}
	room := ann.must("create-room", object{"name": "Cake"})["room"].(object)["id"]
	bob.must("join", object{"roomId": room})
	bob.must("join", object{"roomId": "tea"})
	if r, _ := bob.ask("delete-room", object{"roomId": room}); r["ok"] != false {
		t.Error("deletes another's room")
	}
	ann.must("delete-room", object{"roomId": room})
	if id := bob.hears("room-deleted", "roomId"); id != room {
		t.Errorf("room %v is deleted, not %v", id, room)
	}
	until(t, "the deleted room is left", func() bool {
		r, err := bob.ask("chat-message", object{"content": "x", "roomId": room})
		if err != nil {
			t.Fatal(err)
		}
		code, _ := json.Marshal(r["error"])
		return r["ok"] == false && len(code) > 0
	})
	bob.must("leave", object{"roomId": "tea"})
	if who := ann.hears("user-left", "userId"); who != "bob" {
		t.Errorf("%v left", who)
	}
	again.Disconnect()
	ann.nothing("user-left") // ann herself is still there
}

// until waits for what must become true.
func until(t *testing.T, what string, true func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !true(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("never: %s", what)
		}
	}
}

func TestDeadNodesUsersLeave(t *testing.T) {
	t.Parallel()
	s := redistest.Start(t)
	a, b := startNode(t, s, "a"), startNode(t, s, "b")
	watch := join(b, "watch", "tea")
	join(a, "ann", "tea")
	join(a, "bob", "tea")
	join(b, "bob", "tea")
	watch.Expect("user-joined")
	watch.Expect("user-joined")
	a.die()
	if who := watch.hears("user-left", "userId"); who != "ann" {
		t.Errorf("%v left", who)
	}
	until(t, "ann is offline", func() bool {
		r, _ := watch.ask("direct-message", object{"recipientId": "ann", "content": "x"})
		return r["ok"] == false
	})
	watch.must("direct-message", object{"recipientId": "bob", "content": "still there?"})
	users := watch.must("join", object{"roomId": "tea"})["users"].([]any)
	if len(users) != 2 {
		t.Errorf("users %v", users)
	}
	watch.nothing("user-left")
	until(t, "nothing is left of the node", func() bool {
		keys, err := b.client.Keys(t.Context(), "parley:node:{a.*").Result()
		dead, _ := b.client.ZCard(t.Context(), b.db.node.keys()[1]).Result()
		return err == nil && dead == 0 && len(keys) == 0
	})
}

// A node that was taken for dead and is not puts its users back.
func TestNodeThatWasTakenForDeadPutsItsUsersBack(t *testing.T) {
	t.Parallel()
	s := redistest.Start(t)
	a, b := startNode(t, s, "a"), startNode(t, s, "b")
	watch := join(b, "watch", "tea")
	ann := join(a, "ann", "tea")
	watch.Expect("user-joined")
	until(t, "b judges", func() bool {
		b.db.node.mu.Lock()
		defer b.db.node.mu.Unlock()
		return time.Since(b.db.node.steady) > b.db.opts.Alive
	})
	before := a.db.node.current()
	until(t, "a is judged", func() bool {
		_ = a.client.ZAddXX(t.Context(), a.db.node.keys()[0], redis.Z{Score: 1, Member: before}).Err()
		return a.db.node.current() != before
	})
	until(t, "ann is back", func() bool {
		seat, err := a.client.HGet(t.Context(), a.db.key("chat", "tea", "sockets"), ann.ID()).Result()
		return err == nil && !strings.HasPrefix(seat, before)
	})
	ann.must("chat-message", object{"content": "still here"})
	here := 1 // if she was taken out before she was put back, both are told
	for done := false; !done; {
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		e, err := watch.Next(ctx)
		cancel()
		if err != nil {
			t.Fatal(err)
		}
		switch e.Name {
		case "user-left":
			here--
		case "user-joined":
			here++
		case "chat-message":
			done = true
		}
	}
	if here != 1 {
		t.Errorf("ann is there %d times", here)
	}
	ann.nothing("user-joined")
	ann.Disconnect()
	watch.Expect("user-left")
}

// Every message that was acknowledged is kept, once, and no client sees one twice, whatever Redis does.
func TestRedisKilledLosesNothingThatWasAcknowledged(t *testing.T) {
	t.Parallel()
	s := redistest.Start(t, "--appendonly", "yes", "--appendfsync", "always")
	a, b := startNode(t, s, "a"), startNode(t, s, "b")
	ann, bob := join(a, "ann", "tea"), join(b, "bob", "tea")
	ann.Expect("user-joined")
	const messages = 60
	acked := make(map[string]bool)
	var wg sync.WaitGroup
	wg.Go(func() {
		for i := range messages {
			r := ann.insist("chat-message", object{"content": fmt.Sprint(i), "clientId": fmt.Sprint("c", i)})
			acked[r["message"].(object)["id"].(string)] = true
			if i == messages/3 || i == messages/2 {
				s.Kill()
				time.AfterFunc(50*time.Millisecond, s.Restart)
			}
		}
	})
	wg.Wait()
	if len(acked) != messages {
		t.Errorf("%d of %d acknowledged as different ones", len(acked), messages)
	}
	kept := map[string]int{}
	for _, m := range bob.must("history", object{"roomId": "tea", "limit": 1000})["messages"].([]any) {
		kept[m.(object)["content"].(string)]++
	}
	for i := range messages {
		if n := kept[fmt.Sprint(i)]; n != 1 {
			t.Errorf("message %d is kept %d times", i, n)
		}
	}
	bob.insist("chat-message", object{"content": "end"})
	seen := map[string]bool{}
	for {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Millisecond)
		e, err := bob.Next(ctx)
		cancel()
		if err != nil {
			break
		}
		var m chat.Message
		if e.Name != "chat-message" || e.Decode(&m) != nil {
			continue
		}
		if seen[m.ID] {
			t.Errorf("%s is seen twice", m.Content)
		}
		seen[m.ID] = true
	}
	t.Logf("%d of %d seen live", len(seen), messages)
}

func TestWhoLeavesWhileRedisIsAwayIsGoneAfterwards(t *testing.T) {
	t.Parallel()
	s := redistest.Start(t, "--appendonly", "yes", "--appendfsync", "always")
	a := startNode(t, s, "a")
	watch := join(a, "watch", "tea")
	ann := join(a, "ann", "tea")
	watch.Expect("user-joined")
	s.Kill()
	r, err := watch.ask("chat-message", object{"content": "anybody?"})
	if err != nil {
		t.Fatal(err)
	}
	if e := fmt.Sprint(r["error"]); e != "map[code:unavailable message:Not available at the moment. Please try again.]" {
		t.Errorf("reads %s", e)
	}
	ann.Disconnect()
	s.Restart()
	if who := watch.hears("user-left", "userId"); who != "ann" {
		t.Errorf("%v left", who)
	}
}
