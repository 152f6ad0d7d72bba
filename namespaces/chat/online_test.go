package chat

import (
	"context"
	"slices"
	"sync/atomic"
	"testing"

	"parley/server/socketio"
)

// TestWhoIsOnlineIsReached: a message to a user of whom the store says that they are here must find them.
func TestWhoIsOnlineIsReached(t *testing.T) {
	store := &attentive{Store: NewMemory(nil)}
	srv, _ := open(t, &Options{Store: store})
	store.ns = srv.Of(Namespace)
	visit(t, srv, ann)
	p := visit(t, srv, nil)
	p.ask(ok, "join", object{"userId": "u2", "username": "Bob", "roomId": "tea"})
	if n := store.arrived.Load(); n != 2 {
		t.Errorf("%d have arrived", n)
	}
	if n := store.early.Load(); n != 0 {
		t.Errorf("%d of them before they could be reached", n)
	}
}

// An attentive store looks whether those who arrive are in the room of their user.
type attentive struct {
	Store
	ns             *socketio.Namespace
	arrived, early atomic.Int32
}

func (a *attentive) Arrive(ctx context.Context, userID, socket string) error {
	a.arrived.Add(1)
	if s := a.ns.Socket(socket); s == nil || !slices.Contains(s.Rooms(), userRoom+userID) {
		a.early.Add(1)
	}
	return a.Store.Arrive(ctx, userID, socket)
}
