package socketio_test

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"

	"parley/server/engineio"
	"parley/server/socketio"
	"parley/server/socketiotest"
)

func textLogger(to *lockedBuffer) *slog.Logger { return slog.New(slog.NewTextHandler(to, nil)) }

func TestRoomChangesAreToldInOrder(t *testing.T) {
	var log lockedBuffer
	srv := newServer(t, &socketio.Options{Logger: textLogger(&log)})
	ns := withSync(srv.Of("/"))
	clients, sockets := members(t, srv, 2)
	who := map[*socketio.Socket]string{sockets[0]: "0", sockets[1]: "1"}
	if err := sockets[0].Join("before"); err != nil {
		t.Fatal(err)
	}
	var d diary
	ns.OnRoomChange(func(socketio.RoomChange, string, *socketio.Socket) { panic("on purpose") })
	ns.OnRoomChange(func(change socketio.RoomChange, room string, s *socketio.Socket) {
		d.note(string(change), room, who[s], ns.Rooms()[room], slices.Contains(s.Rooms(), room))
	})
	for _, s := range sockets {
		if err := s.Join("a", "a", s.ID()); err != nil {
			t.Fatal(err)
		}
	}
	sockets[0].Leave("a", "none")
	d.expect(t, "create-room a 0 1 true", "join-room a 0 1 true", "join-room a 1 2 true", "leave-room a 0 1 false")
	clients[1].Disconnect()
	waitFor(t, "the other is gone", func() bool { return len(ns.Sockets()) == 1 })
	waitFor(t, "its rooms are left", func() bool { return ns.Rooms()["a"] == 0 })
	handled(t, clients[0])
	sockets[0].Leave("before")
	d.expect(t, "leave-room a 1 0 false", "delete-room a 1 0 false", "leave-room before 0 0 false", "delete-room before 0 0 false")
	if !strings.Contains(log.String(), "on purpose") {
		t.Error("the panic of a hook is not logged")
	}
}

// TestRoomChangesMirrorTheRooms: who counts what the hook tells knows the rooms at any
// time, however many goroutines change them.
func TestRoomChangesMirrorTheRooms(t *testing.T) {
	srv := newServer(t, nil)
	ns := srv.Of("/")
	_, sockets := members(t, srv, 6)
	mirror := map[string]int{} // the hook is called one at a time
	ns.OnRoomChange(func(change socketio.RoomChange, room string, _ *socketio.Socket) {
		size, there := mirror[room]
		switch {
		case change == socketio.RoomCreated && !there:
			mirror[room] = 0
		case change == socketio.RoomJoined && there:
			mirror[room]++
		case change == socketio.RoomLeft && size > 0:
			mirror[room]--
		case change == socketio.RoomDeleted && there && size == 0:
			delete(mirror, room)
		default:
			t.Errorf("%s %s while %d are in it, known: %t", change, room, size, there)
		}
	})
	var all sync.WaitGroup
	for i, s := range sockets {
		all.Go(func() {
			for n := range 200 {
				if room := string(rune('a' + n%3)); (n/3+i)%2 == 0 {
					_ = s.Join(room)
				} else {
					s.Leave(room)
				}
			}
		})
	}
	all.Wait()
	if rooms := ns.Rooms(); !maps.Equal(rooms, mirror) {
		t.Errorf("the mirror has %v, the namespace %v", mirror, rooms)
	}
}

func TestUpgradeHookComesAmongTheEvents(t *testing.T) {
	srv := newServer(t, nil)
	ns := withSync(srv.Of("/"))
	upgraded := make(chan string, 1)
	ns.OnConnect(func(_ context.Context, s *socketio.Socket) {
		if s.Transport() != socketiotest.Polling {
			t.Errorf("connected over %s", s.Transport())
		}
	})
	ns.OnUpgrade(func(_ context.Context, s *socketio.Socket) { upgraded <- s.Transport() })
	c := socketiotest.Connect(t, srv, "/", &socketiotest.Options{Transport: socketiotest.Polling})
	handled(t, c)
	if err := c.Upgrade(); err != nil {
		t.Fatal(err)
	}
	if got := receive(t, upgraded); got != socketiotest.WebSocket {
		t.Errorf("upgraded to %s", got)
	}
	handled(t, c)
}

func TestSessionHookIsToldInOrder(t *testing.T) {
	changes := make(chan engineio.SessionInfo, 10)
	srv := newServer(t, &socketio.Options{OnSession: func(i engineio.SessionInfo) {
		changes <- i
		panic("on purpose")
	}})
	ns := withSync(srv.Of("/"))
	c := socketiotest.Connect(t, srv, "/", &socketiotest.Options{Transport: socketiotest.Polling})
	id := socketOf(t, ns, c).SessionID()
	if err := c.Upgrade(); err != nil {
		t.Fatal(err)
	}
	opened, upgraded := receive(t, changes), receive(t, changes)
	socketOf(t, ns, c).Disconnect(true)
	for i, got := range []engineio.SessionInfo{opened, upgraded, receive(t, changes)} {
		want := []engineio.SessionInfo{
			{ID: id, Change: engineio.SessionOpened, Transport: "polling"},
			{ID: id, Change: engineio.SessionUpgraded, Transport: "websocket"},
			{ID: id, Change: engineio.SessionClosed, Transport: "websocket", Reason: socketio.ReasonForcedClose},
		}[i]
		if got.RemoteAddr == "" {
			t.Error("not told where the client came from")
		}
		got.RemoteAddr = ""
		if got != want {
			t.Errorf("told of %+v, want %+v", got, want)
		}
	}
}

func TestPacketHookSeesBothDirections(t *testing.T) {
	var d diary
	var log lockedBuffer
	srv := newServer(t, &socketio.Options{
		Logger: textLogger(&log),
		OnPacket: func(p engineio.PacketInfo) {
			direction := "out"
			if p.Incoming {
				direction = "in"
			}
			data := string(p.Data)
			if p.Type == "open" || p.SessionID == "" || strings.HasPrefix(data, "0{") {
				data = ""
			}
			d.note(direction, p.Type, p.Binary, data)
			panic("on purpose")
		},
	})
	ns := withSync(srv.Of("/"))
	socketio.On(ns, "echo", func(_ context.Context, s *socketio.Socket, in socketio.Value) error { return s.Emit("echo", in) })
	c := connect(t, srv, "/")
	if s := socketOf(t, ns, c); len(s.SessionID()) != 20 || s.SessionID() == s.ID() {
		t.Errorf("session %q of socket %q", s.SessionID(), s.ID())
	}
	emit(t, c, "echo", []byte("abc"))
	c.Expect("echo")
	handled(t, c)
	if err := ns.Volatile().Emit("last"); err != nil {
		t.Fatal(err)
	}
	const binary = `51-["echo",{"_placeholder":true,"num":0}]`
	d.expect(t, "out open false ", "in message false 0", "out message false ",
		"in message false "+binary, "in message true abc", "out message false "+binary, "out message true abc",
		`in message false 20["sync"]`, "out message false 30[]", `out message false 2["last"]`)
	if !strings.Contains(log.String(), "on purpose") {
		t.Error("the panic of the hook is not logged")
	}
}

func TestCauseOfTheEndIsKnown(t *testing.T) {
	srv := newServer(t, &socketio.Options{MaxPayload: 1000})
	ns := srv.Of("/")
	ends := make(chan string, 1)
	ns.OnDisconnect(func(ctx context.Context, _ *socketio.Socket, why socketio.Reason) {
		ends <- string(why) + ": " + context.Cause(ctx).Error()
	})
	c := connect(t, srv, "/")
	if err := c.Write(`2["` + strings.Repeat("x", 1000) + `"]`); err != nil {
		t.Fatal(err)
	}
	if got := receive(t, ends); !strings.HasPrefix(got, "transport error: socketio: closed: transport error: ") ||
		!strings.Contains(got, "Max payload size exceeded") {
		t.Error(got)
	}
	c = connect(t, srv, "/")
	c.Disconnect()
	if got := receive(t, ends); got != "client namespace disconnect: socketio: closed: client namespace disconnect" {
		t.Error(got)
	}
}
