package socketio_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"

	"parley/server/socketio"
	"parley/server/socketiotest"
)

// members connects n clients and returns them with their sockets.
func members(t *testing.T, srv *socketio.Server, n int) ([]*socketiotest.Client, []*socketio.Socket) {
	t.Helper()
	var clients []*socketiotest.Client
	for range n {
		clients = append(clients, connect(t, srv, "/"))
	}
	sockets := make([]*socketio.Socket, n)
	for i, c := range clients {
		for _, s := range srv.Of("/").Sockets() {
			if s.ID() == c.ID() {
				sockets[i] = s
			}
		}
	}
	return clients, sockets
}

func TestTargetsReachWhomTheyName(t *testing.T) {
	srv := newServer(t, nil)
	ns := srv.Of("/")
	clients, s := members(t, srv, 4)
	for i, rooms := range [][]string{{"a", "b"}, {"a"}, {"b", "c"}, {}} {
		if err := s[i].Join(rooms...); err != nil {
			t.Fatal(err)
		}
	}
	id := func(i int) string { return s[i].ID() }
	for _, target := range []struct {
		name   string
		target interface {
			Emit(event string, args ...any) error
		}
		want string
	}{
		{"namespace", ns, "0123"},
		{"nobody asked for", ns.To(), "0123"},
		{"room", ns.To("a"), "01"},
		{"rooms", ns.To("a", "b", "a").In("c"), "012"},
		{"unknown room", ns.To("none"), ""},
		{"id", ns.To(id(3)), "3"},
		{"id and room", ns.To(id(0), "a", id(3)), "013"},
		{"all but a room", ns.Except("a"), "23"},
		{"all but an id", ns.Except(id(1)), "023"},
		{"room but a room", ns.To("a").Except("b"), "1"},
		{"room but an id", ns.In("a").Except(id(0)), "1"},
		{"rooms but rooms", ns.To("a", "b").Except("c", id(1)), "0"},
		{"local", ns.Local(), "0123"},
		{"volatile", ns.Volatile(), "0123"},
		{"local, volatile, room", ns.To("a").Local().Volatile(), "01"},
		{"socket", s[0], "0"},
		{"socket, volatile", s[0].Volatile(), "0"},
		{"socket, volatile, room", s[0].Volatile().To("a"), "1"},
		{"socket, volatile, except", s[0].Volatile().Except("a"), "23"},
		{"others", s[0].Broadcast(), "123"},
		{"others, locally", s[0].Local(), "123"},
		{"others in a room", s[0].To("a"), "1"},
		{"others in rooms", s[0].In("a", "b"), "12"},
		{"others but a room", s[0].Except("c"), "13"},
		{"itself as a room", s[0].To(id(0)), ""},
		{"another", s[0].To(id(2)), "2"},
	} {
		if err := target.target.Emit("e", target.name); err != nil {
			t.Fatal(err)
		}
		if err := ns.Emit("end"); err != nil {
			t.Fatal(err)
		}
		got := ""
		for i, c := range clients {
			for {
				e, err := c.Next(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				if e.Name == "end" {
					break
				}
				got += fmt.Sprint(i)
			}
		}
		if got != target.want {
			t.Errorf("%s reaches %q, want %q", target.name, got, target.want)
		}
	}
}

func TestTargetsAreValues(t *testing.T) {
	srv := newServer(t, nil)
	ns := srv.Of("/")
	clients, s := members(t, srv, 3)
	for i, room := range []string{"a", "b", "c"} {
		if err := s[i].Join(room); err != nil {
			t.Fatal(err)
		}
	}
	base := ns.To("a")
	first, second := base.To("b"), base.To("c")
	if err := first.Emit("first"); err != nil {
		t.Fatal(err)
	}
	clients[1].Expect("first")
	if err := second.Emit("second"); err != nil {
		t.Fatal(err)
	}
	clients[2].Expect("second")
	if e, err := clients[1].Next(canceled()); err == nil {
		t.Errorf("event %s reached a room of another target", e.Name)
	}
}

func TestRoomsAgreeWithAModel(t *testing.T) {
	const sockets, rooms, steps = 8, 5, 3000
	srv := newServer(t, nil)
	ns := srv.Of("/")
	clients, s := members(t, srv, sockets)
	model := make([]map[string]bool, sockets)
	for i := range model {
		model[i] = make(map[string]bool)
	}
	random := rand.New(rand.NewPCG(1, 2))
	for range steps {
		i, room := random.IntN(sockets), fmt.Sprint("room", random.IntN(rooms))
		if random.IntN(2) == 0 {
			model[i][room] = true
			if err := s[i].Join(room); err != nil {
				t.Fatal(err)
			}
		} else {
			delete(model[i], room)
			s[i].Leave(room)
		}
		got := s[i].Rooms()
		slices.Sort(got)
		want := []string{}
		for room := range model[i] {
			want = append(want, room)
		}
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Fatalf("socket %d is in %v, want %v", i, got, want)
		}
	}
	for r := range rooms {
		room := fmt.Sprint("room", r)
		if err := ns.To(room).Emit(room); err != nil {
			t.Fatal(err)
		}
	}
	if err := ns.Emit("end"); err != nil {
		t.Fatal(err)
	}
	for i, c := range clients {
		c.Expect("end")
		for {
			e, err := c.Next(canceled())
			if err != nil {
				break
			}
			if !model[i][e.Name] {
				t.Errorf("socket %d got an event for %s", i, e.Name)
			}
			delete(model[i], e.Name)
		}
		if len(model[i]) > 0 {
			t.Errorf("socket %d got nothing for %v", i, model[i])
		}
	}
}

func TestRoomsMayBeChangedWhileTheyAreUsed(t *testing.T) {
	srv := newServer(t, nil)
	ns := srv.Of("/")
	_, s := members(t, srv, 4)
	var wg sync.WaitGroup
	for i := range s {
		wg.Go(func() {
			for n := range 300 {
				room := fmt.Sprint("room", n%3)
				if err := s[i].Join(room); err != nil {
					t.Error(err)
				}
				if err := ns.To(room, "room0").Except("room1").Emit("e", n); err != nil {
					t.Error(err)
				}
				s[(i+1)%len(s)].Leave(room)
				_ = s[i].Rooms()
			}
		})
	}
	wg.Wait()
}

func TestLimitsOfRooms(t *testing.T) {
	srv := newServer(t, &socketio.Options{MaxRooms: 2, MaxName: 10})
	ns := srv.Of("/")
	gone := make(chan []string, 1)
	ns.OnDisconnect(func(_ context.Context, s *socketio.Socket, _ socketio.Reason) {
		rooms := s.Rooms()
		slices.Sort(rooms)
		gone <- rooms
	})
	c := connect(t, srv, "/")
	s := ns.Sockets()[0]
	err := s.Join("a", "a", s.ID(), "b", "c")
	mustBe(t, err, socketio.ErrTooManyRooms)
	if !strings.Contains(err.Error(), "MaxRooms is 2") {
		t.Errorf("the error does not name the limit: %v", err)
	}
	s.Leave("a", "none")
	mustBe(t, s.Join("far too long"), socketio.ErrNameTooLong)
	if err := s.Join("c"); err != nil {
		t.Error(err)
	}
	c.Disconnect()
	if rooms := receive(t, gone); !slices.Equal(rooms, []string{"b", "c"}) {
		t.Errorf("the disconnect hook sees the rooms %v", rooms)
	}
	waitFor(t, "the socket has left", func() bool { return len(s.Rooms()) == 0 })
	mustBe(t, s.Join("d"), socketio.ErrClosed)
}
