package chat

import (
	"testing"
	"time"

	"parley/server/socketio"
	"parley/server/socketiotest"
)

// comeback is what a client shows in the handshake when it comes back.
type comeback struct {
	User
	socketiotest.State
}

func TestWhoComesBackInTimeHasNotLeft(t *testing.T) {
	srv, _ := open(t, &Options{Recovery: time.Minute})
	a := join(t, srv, ann, "doomed")
	a.ask(ok, "join", object{"roomId": "tea"})
	a.Expect("room-users")
	b := join(t, srv, bob, "doomed")
	b.ask(ok, "join", object{"roomId": "tea"})
	a.Expect("user-joined")
	a.Expect("user-joined")
	id, state := b.ID(), b.State()
	b.Abort()
	untilSockets(t, srv, 1)
	a.ask(ok, "chat-message", object{"content": "are you there?"})
	a.ask(ok, "direct-message", object{"recipientId": "u2", "content": "hello?"})
	a.ask(ok, "delete-room", object{"roomId": "doomed"})
	b = visit(t, srv, comeback{bob, state})
	if b.ID() != id {
		t.Fatal("not recovered")
	}
	b.Expect("chat-message")
	b.Expect("direct-message")
	b.Expect("room-deleted")
	a.ask(ok, "chat-message", object{"content": "welcome"})
	b.Expect("chat-message")
	b.ask(ok, "chat-message", object{"content": "thank you"})
	a.Expect("chat-message")
	a.hearsNothing()
	srv.Of("/chat").To("doomed").Emit("ghost")
	b.hearsNothing()
}

func TestWhoDoesNotComeBackInTimeHasLeft(t *testing.T) {
	srv, c := open(t, &Options{Recovery: 20 * time.Millisecond})
	a := join(t, srv, ann, "tea")
	b := join(t, srv, bob, "tea")
	a.Expect("user-joined")
	id, state := b.ID(), b.State()
	b.Abort()
	a.Expect("user-left")
	until(t, "the client is given up", func() bool { _, there := c.visitors.Load(id); return !there })
	b = visit(t, srv, comeback{bob, state})
	if b.State().PID == state.PID {
		t.Fatal("recovered too late")
	}
	other := join(t, srv, User{"u3", "Cid"}, "tea")
	a.Expect("user-joined")
	other.Disconnect() // on purpose: nobody waits
	a.Expect("user-left")
}

func TestNobodyComesBackAsSomebodyElse(t *testing.T) {
	srv, _ := open(t, &Options{Recovery: time.Minute})
	b := join(t, srv, bob, "tea")
	id, state := b.ID(), b.State()
	b.Abort()
	untilSockets(t, srv, 0)
	if thief := visit(t, srv, comeback{ann, state}); thief.ID() == id {
		t.Fatal("the session of another user was taken")
	}
	if b := visit(t, srv, comeback{bob, state}); b.ID() != id {
		t.Fatal("the session is lost to its own user")
	}
}

// untilSockets waits until the server has noticed that no more than n clients are there.
func untilSockets(t *testing.T, srv *socketio.Server, n int) {
	t.Helper()
	until(t, "the client is no longer there", func() bool { return srv.Stats().Sockets <= n })
}

func until(t *testing.T, what string, done func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !done(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("in vain: %s", what)
		}
	}
}

func TestWhoIsAwayForLongerIsSeenToLeaveAndToComeBack(t *testing.T) {
	srv, _ := open(t, &Options{Recovery: time.Minute, Grace: 20 * time.Millisecond})
	a, b := join(t, srv, ann, "tea"), join(t, srv, bob, "tea")
	b.ask(ok, "join", object{"roomId": "doomed"})
	b.Expect("room-users")
	a.ask(ok, "join", object{"roomId": "own"})
	a.ask(ok, "join", object{"roomId": "tea"})
	a.Expect("user-joined")
	id, state := b.ID(), b.State()
	b.Abort()
	a.Expect("user-left")
	a.ask(`{"ok":true,"users":[{"userId":"u1","username":"Ann"}],"...":true}`, "join", object{"roomId": "tea"})
	a.ask(ok, "chat-message", object{"content": "where are you?"})
	b = visit(t, srv, comeback{bob, state})
	if b.ID() != id {
		t.Fatal("not recovered")
	}
	a.Expect("user-joined")
	b.Expect("chat-message")
	b.ask(ok, "chat-message", object{"roomId": "tea", "content": "here"})
	a.Expect("chat-message")
	a.ask(`{"ok":true,"users":[{"userId":"u1","username":"Ann"},{"userId":"u2","username":"Bob"}],"...":true}`, "join", object{"roomId": "tea"})
	b.ask(ok, "leave", object{"roomId": "tea"})
	a.Expect("user-left")
}

func TestARoomDeletedWhileSomebodyIsAway(t *testing.T) {
	srv, _ := open(t, &Options{Recovery: time.Minute, Grace: 20 * time.Millisecond})
	a := join(t, srv, ann, "doomed")
	b := join(t, srv, bob, "doomed")
	a.Expect("user-joined")
	state := b.State()
	b.Abort()
	a.Expect("user-left")
	a.ask(ok, "delete-room", object{"roomId": "doomed"})
	b = visit(t, srv, comeback{bob, state})
	b.Expect("room-deleted")
	b.ask(refusalOf("not_in_room", "You are not in this room."), "chat-message", object{"roomId": "doomed", "content": "x"})
	a.ask(`{"ok":true,"rooms":[],"more":false}`, "rooms")
}
