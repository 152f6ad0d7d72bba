package chat

import (
	"context"
	"errors"
	"testing"

	bus "parley/adapters/memory"
	"parley/namespaces/identity"
	"parley/server/adapter"
	"parley/server/socketio"
)

// missing returns a server with /chat, and what it calls when messages of other servers may have been lost.
func missing(t *testing.T, opts *Options) (srv *socketio.Server, missed func()) {
	t.Helper()
	var chat adapter.Local
	srv = socketio.New(&socketio.Options{Adapter: func(local adapter.Local) (adapter.Adapter, error) {
		if local.Namespace() == Namespace {
			chat = local
		}
		return bus.NewBus(nil).Adapter(local)
	}})
	Mount(srv, identity.NewGate(nil), opts)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := srv.Shutdown(ctx); err != nil {
			t.Error(err)
		}
	})
	return srv, chat.Missed
}

func TestUsersAreSentAnewAfterALoss(t *testing.T) {
	store := &patient{Store: NewMemory(nil), refused: make(chan struct{}, 100)}
	srv, missed := missing(t, &Options{Store: store})
	a, b, c := join(t, srv, ann, "cake"), join(t, srv, bob, "tea"), visit(t, srv, nil)
	a.ask(ok, "join", object{"roomId": "tea"})
	a.Expect("room-users")
	b.Expect("user-joined")
	// One who has come to another server, and of whom nothing is heard here.
	if _, err := store.Enter(t.Context(), "tea", "elsewhere", User{"eve", "Eve"}, func(Entered) {}); err != nil {
		t.Fatal(err)
	}
	missed()
	for _, p := range []*person{a, b} {
		p.hears("room-users", `[{"userId":"u2","username":"Bob"},{"userId":"u1","username":"Ann"},{"userId":"eve","username":"Eve"}]`)
	}
	a.hearsNothing() // of cake
	c.hearsNothing()
	store.fall(errors.New("away"))
	missed()
	<-store.refused // the users of tea
	a.ask(refusalOf("internal", "Internal error"), "join", object{"roomId": "tea"})
	store.fall(nil)
	b.ask(ok, "chat-message", object{"content": "all are there"})
	a.hears("chat-message", `{"content":"all are there","...":true}`)
}

func TestUsersAreSentAnewWhenTheStoreIsThereAgain(t *testing.T) {
	store := &patient{Store: NewMemory(nil)}
	srv, missed := missing(t, &Options{Store: store})
	a, b := join(t, srv, ann, "tea"), join(t, srv, bob, "cake")
	store.fall(&socketio.Error{Code: "unavailable", Message: "Not now."})
	missed()
	a.ask(refusalOf("unavailable", "Not now."), "join", object{"roomId": "tea"})
	store.fall(nil)
	a.hears("room-users", `[{"userId":"u1","username":"Ann"}]`)
	b.hears("room-users", `[{"userId":"u2","username":"Bob"}]`)
}
