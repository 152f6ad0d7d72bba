package socketio_test

import (
	"context"
	"slices"
	"testing"

	"parley/server/adapter"
	"parley/server/socketio"
	"parley/server/socketiotest"
)

// parents returns the parents of rooms on two servers that are tied by a bus.
func parents(t *testing.T, opts socketio.Options) (a, b *socketio.Namespace, srv [2]*socketio.Server) {
	t.Helper()
	_, _, srv = pair(t, nil, opts)
	return withSync(srv[0].OfRegexp(roomNames)), withSync(srv[1].OfRegexp(roomNames)), srv
}

func TestParentCallsFetchesAndMovesAll(t *testing.T) {
	a, b, srv := parents(t, socketio.Options{})
	if got, err := socketio.CallAll[int](within(t, patience), a.To(), "q"); err != nil || len(got) != 0 {
		t.Errorf("without children: %v, %v", got, err)
	}
	var clients []*socketiotest.Client
	for _, at := range []struct {
		server int
		name   string
	}{{0, "/room-1"}, {1, "/room-1"}, {0, "/room-2"}, {1, "/room-3"}} {
		clients = append(clients, connect(t, srv[at.server], at.name))
	}
	answerAll(clients, func(i int) any { return i })
	got, err := socketio.CallAll[int](within(t, patience), a.To(), "q")
	if slices.Sort(got); err != nil || !slices.Equal(got, []int{0, 1, 2}) {
		t.Errorf("answers %v, %v", got, err)
	}
	found, err := a.To().FetchSockets(within(t, patience))
	if err != nil || len(found) != 3 {
		t.Fatalf("found %v, %v", found, err)
	}
	for _, s := range found {
		if err := s.Join("own-" + s.ID); err != nil {
			t.Fatal(err)
		}
	}
	if err := a.To().Join("blue"); err != nil {
		t.Fatal(err)
	}
	if err := a.To(clients[2].ID()).Leave("blue"); err != nil {
		t.Fatal(err)
	}
	if rooms := a.Rooms(); rooms["blue"] != 1 || len(rooms) != 3 {
		t.Errorf("rooms of a: %v", rooms)
	}
	waitFor(t, "rooms on the other server", func() bool {
		rooms := b.Rooms()
		return rooms["blue"] == 1 && rooms["own-"+clients[1].ID()] == 1
	})
	got, err = socketio.CallAll[int](within(t, patience), a.To("blue"), "q")
	if slices.Sort(got); err != nil || !slices.Equal(got, []int{0, 1}) {
		t.Errorf("answers of blue: %v, %v", got, err)
	}
	if err := a.To().Disconnect(false); err != nil {
		t.Fatal(err)
	}
	for _, c := range clients[:3] {
		reason(t, c)
	}
	if b.Socket(clients[3].ID()) == nil {
		t.Error("a child that this server does not have")
	}
}

func TestServerSideEventsOfParents(t *testing.T) {
	a, b, srv := parents(t, socketio.Options{})
	own := srv[1].Of("/room-1")
	socketio.OnServerSideAck(own, "who", func(context.Context, socketio.None) (string, error) { return "child", nil })
	answer := func(context.Context, socketio.None) (string, error) { return "parent", nil }
	socketio.OnServerSideAck(b, "who", answer)
	socketio.OnServerSideAck(b, "late", answer)
	noted := make(chan int, 10)
	socketio.OnServerSide(b, "note", func(_ context.Context, n int) error { noted <- n; return nil })
	for _, name := range []string{"/room-1", "/room-2"} {
		srv[0].Of(name)
		srv[1].Of(name)
	}
	srv[0].Of("/room-3")
	for event, want := range map[string][]string{"who": {"child", "parent"}, "late": {"parent", "parent"}} {
		got, err := socketio.ServerSideCall[string](within(t, patience), a, event)
		if slices.Sort(got); err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: %v, %v", event, got, err)
		}
	}
	_, err := socketio.ServerSideCall[string](within(t, patience), a, "unknown")
	mustBePartial(t, err, 0, 2, err)
	if err := a.ServerSideEmit("note", 7); err != nil {
		t.Fatal(err)
	}
	if receive(t, noted)+receive(t, noted) != 14 {
		t.Error("not for each child")
	}
}

// TestAbsentServersOfParents: what some do not answer is told for all children.
func TestAbsentServersOfParents(t *testing.T) {
	broken := &brokenAdapter{}
	srv := newServer(t, &socketio.Options{Adapter: func(local adapter.Local) (adapter.Adapter, error) {
		if local.Namespace() == "/room-1" {
			return partialAdapter{broken}, nil
		}
		return broken, nil
	}})
	parent := srv.OfRegexp(roomNames)
	connect(t, srv, "/room-1")
	connect(t, srv, "/room-2")
	found, err := parent.To().FetchSockets(t.Context())
	mustBePartial(t, err, 1, 3, err)
	if len(found) != 2 {
		t.Errorf("found %v", found)
	}
}

type partialAdapter struct{ *brokenAdapter }

func (partialAdapter) Sockets(context.Context, adapter.Selection) ([]adapter.Socket, error) {
	return nil, &adapter.PartialError{Answered: 1, Expected: 3, Err: errBroken}
}

// TestChildGoesAndComesAgain: a child on two servers, of which one removes and later
// makes it again.
func TestChildGoesAndComesAgain(t *testing.T) {
	a, _, srv := parents(t, socketio.Options{})
	socketio.OnServerSideAck(a, "who", func(context.Context, socketio.None) (string, error) { return "a", nil })
	b := connect(t, srv[1], "/room-1")
	others := func() (got []string) {
		got, err := socketio.ServerSideCall[string](within(t, patience), srv[1].Lookup("/room-1"), "who")
		if err != nil {
			t.Log(err) // of a child that is about to go
		}
		return got
	}
	for round := range 5 {
		c := connect(t, srv[0], "/room-1")
		waitFor(t, "one other server", func() bool { return slices.Equal(others(), []string{"a"}) })
		if err := srv[0].Lookup("/room-1").Emit("e", round); err != nil {
			t.Fatal(err)
		}
		expect(t, b, "e", round)
		expect(t, c, "e", round)
		if err := srv[1].Lookup("/room-1").Emit("e", round); err != nil {
			t.Fatal(err)
		}
		expect(t, c, "e", round)
		expect(t, b, "e", round)
		c.Disconnect()
		waitFor(t, "the child is gone", func() bool { return srv[0].Lookup("/room-1") == nil && len(others()) == 0 })
		if got := arrived(b) + arrived(c); got != "" {
			t.Fatalf("%s came twice", got)
		}
	}
}
