package notifications

import (
	"context"
	"net/http"
	"testing"
	"time"

	membus "parley/adapters/memory"
	"parley/namespaces/identity"
	"parley/server/socketio"
)

// A room of which a server does not say who is in it is not told at all, rather than half of it for good.
func TestRoomsThatAreNotKnownWhollyAreNotTold(t *testing.T) {
	bus := membus.NewBus(&membus.Options{Timeout: 50 * time.Millisecond, Fault: func() (time.Duration, bool) { return 0, true }})
	var list [2]*Notifications
	for i := range list {
		srv := socketio.New(&socketio.Options{Adapter: bus.Adapter})
		t.Cleanup(func() { _ = srv.Shutdown(context.Background()) })
		list[i] = Mount(srv, identity.NewGate(nil), nil)
	}
	answers(t, "a room", post(list[0], `{"to":{"room":"tea"},"type":"system"}`, nil), http.StatusServiceUnavailable, "unavailable")
	answers(t, "a user", post(list[0], `{"to":{"userId":"u1"},"type":"system"}`, nil), http.StatusAccepted, "")
}

func TestRoomsOfSocketsOfOtherServersArePrivate(t *testing.T) {
	bus := membus.NewBus(nil)
	var people [2]*person
	for i := range people {
		srv := socketio.New(&socketio.Options{Adapter: bus.Adapter})
		t.Cleanup(func() { _ = srv.Shutdown(context.Background()) })
		Mount(srv, identity.NewGate(nil), nil)
		people[i] = visit(t, srv, "u1", 0)
	}
	people[0].refused("forbidden", "join-room", object{"roomId": people[1].ID()})
	people[0].ask(`{"ok":true}`, "join-room", object{"roomId": "twenty-characters-20"})
}
