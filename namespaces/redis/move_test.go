package redis

import (
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"parley/adapters/redisconn/redistest"
	"parley/adapters/redisstreams"
	"parley/namespaces/chat"
	"parley/server/socketiotest"
)

const grace = 400 * time.Millisecond

// startStreams starts a node from which clients can go to another one.
func startStreams(t *testing.T, s *redistest.Server, name string) *testNode {
	t.Helper()
	client := redis.NewClient(&redis.Options{Addr: s.Addr, ContextTimeoutEnabled: true})
	ring, err := redisstreams.New(client, nil)
	if err != nil {
		t.Fatal(err)
	}
	return startNodeOn(t, client, ring, &Options{Node: name, Return: 2 * grace}, &chat.Options{Recovery: time.Minute, Grace: grace})
}

// comeback is what a client shows that comes back.
type comeback struct {
	UserID   string `json:"userId"`
	Username string `json:"username"`
	socketiotest.State
}

// back lets a client come back to a node.
func back(n *testNode, id string, from socketiotest.State) *guest {
	n.t.Helper()
	g := &guest{socketiotest.Connect(n.t, n.srv, "/chat", &socketiotest.Options{Auth: comeback{id, "name of " + id, from}}), n.t}
	if g.State().PID != from.PID {
		n.t.Error("not recovered")
	}
	g.must("rooms")
	return g
}

// cut cuts a client off, which may then come back.
func cut(n *testNode, g *guest) socketiotest.State {
	n.t.Helper()
	state := g.State()
	g.Abort()
	until(n.t, "the session is kept", func() bool {
		there, err := n.client.Exists(n.t.Context(), "sio:session:"+state.PID).Result()
		return err == nil && there == 1
	})
	return state
}

func TestWhoGoesToAnotherNodeInTimeHasNotLeft(t *testing.T) {
	t.Parallel()
	s := redistest.Start(t)
	a, b := startStreams(t, s, "a"), startStreams(t, s, "b")
	watch := join(a, "watch", "tea")
	watch.must("join", object{"roomId": "cake"})
	ann := join(a, "ann", "cake")
	ann.must("join", object{"roomId": "tea"})
	watch.Expect("user-joined")
	watch.Expect("user-joined")
	id, state := ann.ID(), cut(a, ann)
	watch.must("chat-message", object{"content": "missed", "roomId": "tea"})
	ann = back(b, "ann", state)
	if what := ann.hears("chat-message", "content"); what != "missed" {
		t.Errorf("hears %v", what)
	}
	until(t, "a has given her up", func() bool { _, there := a.store.seats.mark("tea", id); return !there })
	watch.nothing("user-left")
	m := ann.must("chat-message", object{"content": "to the room joined last"})["message"].(object)
	if m["roomId"] != "tea" || m["username"] != "name of ann" {
		t.Errorf("%v", m)
	}
	watch.Expect("chat-message")
	watch.must("direct-message", object{"recipientId": "ann", "content": "psst"})
	ann.Expect("direct-message")
	ann.Disconnect()
	watch.Expect("user-left")
	watch.Expect("user-left")
	until(t, "she is offline", func() bool {
		r, err := watch.ask("direct-message", object{"recipientId": "ann", "content": "x"})
		return err == nil && r["ok"] == false
	})
}

func TestWhoGoesToAnotherNodeLateHasLeftAndJoins(t *testing.T) {
	t.Parallel()
	s := redistest.Start(t)
	a, b := startStreams(t, s, "a"), startStreams(t, s, "b")
	watch := join(b, "watch", "tea")
	ann := join(a, "ann", "tea")
	watch.Expect("user-joined")
	state := cut(a, ann)
	watch.Expect("user-left")
	ann = back(b, "ann", state)
	watch.Expect("user-joined")
	ann.must("chat-message", object{"content": "back"})
	watch.Expect("chat-message")
}

func TestWhoseNodeStopsMayGoToAnotherOne(t *testing.T) {
	t.Parallel()
	s := redistest.Start(t)
	a, b := startStreams(t, s, "a"), startStreams(t, s, "b")
	watch := join(b, "watch", "tea")
	ann, bob := join(a, "ann", "tea"), join(a, "bob", "tea")
	watch.Expect("user-joined")
	watch.Expect("user-joined")
	state := bob.State()
	a.stop()
	bob = back(b, "bob", state)
	if who := watch.hears("user-left", "userId"); who != "ann" {
		t.Errorf("%v left", who)
	}
	<-ann.Done()
	bob.must("chat-message", object{"content": "still here"})
	watch.Expect("chat-message")
	watch.nothing("user-left")
}

func TestWhoComesBackByWayOfAnotherNodeIsWhereTheyWereThere(t *testing.T) {
	t.Parallel()
	s := redistest.Start(t)
	a, b := startStreams(t, s, "a"), startStreams(t, s, "b")
	watch := join(b, "watch", "tea")
	watch.must("join", object{"roomId": "cake"})
	ann := join(a, "ann", "tea")
	bob := join(a, "bob", "tea")
	states := []socketiotest.State{cut(a, ann), cut(a, bob)}
	ann, bob = back(b, "ann", states[0]), back(b, "bob", states[1])
	ann.must("join", object{"roomId": "cake"})
	ann.must("leave", object{"roomId": "tea"})
	watch.must("chat-message", object{"content": "1", "roomId": "tea"})
	bob.Expect("chat-message")
	states = []socketiotest.State{cut(b, ann), cut(b, bob)}
	ann, bob = back(a, "ann", states[0]), back(a, "bob", states[1])
	ids := []string{ann.ID(), bob.ID()}
	until(t, "b has given them up", func() bool {
		_, ann := b.store.seats.mark("cake", ids[0])
		_, bob := b.store.seats.mark("tea", ids[1])
		return !ann && !bob
	})
	watch.must("chat-message", object{"content": "2", "roomId": "tea"})
	watch.must("chat-message", object{"content": "3", "roomId": "cake"})
	if what := ann.hears("chat-message", "content"); what != "3" {
		t.Errorf("ann hears %v", what)
	}
	if what := bob.hears("chat-message", "content"); what != "2" {
		t.Errorf("bob hears %v", what)
	}
	for room, want := range map[string]int{"tea": 2, "cake": 2} {
		if users := watch.must("join", object{"roomId": room})["users"].([]any); len(users) != want {
			t.Errorf("%s: %v", room, users)
		}
	}
}
