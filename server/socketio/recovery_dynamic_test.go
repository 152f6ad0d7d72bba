package socketio_test

import (
	"context"
	"fmt"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"parley/server/engineio"
	"parley/server/socketio"
	"parley/server/socketiotest"
)

// recovering returns a server with a parent of rooms that have recovery, and who is gone.
func recovering(t *testing.T, opts socketio.Recovery) (srv *socketio.Server, parent *socketio.Namespace, gone chan string) {
	t.Helper()
	srv = newServer(t, &socketio.Options{AllowEIO3: true})
	parent = withSync(srv.OfRegexp(roomNames))
	parent.EnableRecovery(opts)
	gone = make(chan string, 100)
	parent.OnGone(func(_ context.Context, s *socketio.Socket) { gone <- s.Namespace().Name() + " " + s.ID() })
	return srv, parent, gone
}

// again connects a client with the state of another.
func again(t *testing.T, srv *socketio.Server, namespace string, c *socketiotest.Client) *socketiotest.Client {
	t.Helper()
	return socketiotest.Connect(t, srv, namespace, &socketiotest.Options{Auth: c.State()})
}

// away cuts a client and waits until the server waits for n.
func away(t *testing.T, srv *socketio.Server, c *socketiotest.Client, n int) {
	t.Helper()
	c.Abort()
	waitFor(t, "the client is away", func() bool { return srv.Stats().Away == n })
}

func TestChildrenStayWhileSomebodyIsAway(t *testing.T) {
	srv, parent, gone := recovering(t, socketio.Recovery{})
	refuse := false
	parent.Use(func(context.Context, *socketio.Socket) error {
		if refuse {
			return &socketio.Error{Message: "not now"}
		}
		return nil
	})
	c := connect(t, srv, "/room-1")
	away(t, srv, c, 1)
	child := srv.Lookup("/room-1")
	if err := parent.Emit("e", 1); err != nil {
		t.Fatal(err)
	}
	refuse = true
	other := connect(t, srv, "/")
	for range 3 {
		if _, err := other.Join(t.Context(), "/room-1", c.State()); err == nil {
			t.Fatal("the middleware did not run")
		}
	}
	refuse = false
	waitFor(t, "it is away again", func() bool { return srv.Stats().Away == 1 })
	back := again(t, srv, "/room-1", c)
	hears(t, back, 1)
	if srv.Lookup("/room-1") != child || back.ID() != c.ID() {
		t.Fatal("the child is another one")
	}
	away(t, srv, back, 1)
	stranger, err := other.Join(t.Context(), "/room-1", socketiotest.State{PID: "unknown"})
	if err != nil || len(child.Sockets()) != 1 {
		t.Fatal(err)
	}
	stranger.Disconnect()
	if got := receive(t, gone); got != "/room-1 "+stranger.ID() {
		t.Error(got)
	}
	forged := socketiotest.State{PID: back.State().PID, Offset: "forged"}
	new1 := socketiotest.Connect(t, srv, "/room-1", &socketiotest.Options{Auth: forged})
	if got := receive(t, gone); got != "/room-1 "+back.ID() || new1.ID() == back.ID() {
		t.Error(got)
	}
	new1.Disconnect()
	receive(t, gone)
	waitFor(t, "no child is left", func() bool { return slices.Equal(names(srv), []string{"/"}) })
}

func TestChildrenGoWithTheLastThatIsAway(t *testing.T) {
	srv, parent, gone := recovering(t, socketio.Recovery{Window: 50 * time.Millisecond})
	kept := srv.Of("/room-2")
	for _, name := range []string{"/room-1", "/room-2"} {
		c := connect(t, srv, name)
		s := parent.Socket(c.ID())
		c.Abort()
		if got := receive(t, gone); got != name+" "+c.ID() {
			t.Error(got)
		}
		mustBe(t, s.Emit("e"), socketio.ErrClosed)
		mustBe(t, s.Join("x"), socketio.ErrClosed)
	}
	waitFor(t, "the child is gone", func() bool { return srv.Lookup("/room-1") == nil })
	if srv.Lookup("/room-2") != kept || srv.Stats().Away != 0 {
		t.Error("what Of has made is gone")
	}
}

func TestRecoveryOfChildrenThatOfHasMade(t *testing.T) {
	srv := newServer(t, nil)
	parent := srv.OfRegexp(roomNames)
	early := srv.Of("/room-1")
	own := srv.Of("/room-2")
	own.EnableRecovery(socketio.Recovery{User: func(*socketio.Socket) string { return "own" }})
	parent.EnableRecovery(socketio.Recovery{User: func(*socketio.Socket) string { panic("of the parent") }})
	late := srv.Of("/room-3")
	late.EnableRecovery(socketio.Recovery{})
	if _, err := socketiotest.Dial(t.Context(), srv, early.Name(), nil); err == nil {
		t.Error("the parent's options are not those of the child")
	}
	for _, ns := range []*socketio.Namespace{own, late} {
		c := connect(t, srv, ns.Name())
		away(t, srv, c, 1)
		if back := again(t, srv, ns.Name(), c); back.ID() != c.ID() {
			t.Error(ns.Name(), "has another id")
		}
	}
	mustPanic(t, "socketio: EnableRecovery for /room-3 comes too late", func() { late.EnableRecovery(socketio.Recovery{}) })
	twice := srv.Of("/twice")
	twice.EnableRecovery(socketio.Recovery{})
	mustPanic(t, "socketio: EnableRecovery for /twice comes too late", func() { twice.EnableRecovery(socketio.Recovery{}) })
}

// TestShutdownWhileClientsOfChildrenAreAway: nobody is waited for, and no child, timer
// or goroutine is left.
func TestShutdownWhileClientsOfChildrenAreAway(t *testing.T) {
	srv, parent, gone := recovering(t, socketio.Recovery{})
	const clients = 6
	for i := range clients {
		c := connect(t, srv, fmt.Sprint("/room-", i/2))
		if i%2 == 0 {
			c.Abort()
		}
	}
	waitFor(t, "half are away", func() bool { return srv.Stats().Away == clients/2 })
	if err := parent.Emit("e", 1); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	shutdown(t, srv)
	if len(gone) != clients || time.Since(began) > patience/2 {
		t.Errorf("%d are gone after %v", len(gone), time.Since(began))
	}
	if left := names(srv); !slices.Equal(left, []string{"/"}) {
		t.Errorf("left: %v", left)
	}
}

func TestRecoveryOfMessagePackClients(t *testing.T) {
	l := newLounge(t, socketio.Recovery{})
	dial := func(auth any) (*socketiotest.Client, *socketio.Socket) {
		c := socketiotest.Connect(t, l.srv, "/lounge", &socketiotest.Options{MessagePack: true, Auth: auth})
		return c, receive(t, l.came)
	}
	c, s := dial(nil)
	l.emit(s, 1)
	hears(t, c, 1)
	state := c.State()
	l.cut(c)
	l.emit(l, 2)
	if err := s.Emit("bin", []byte("abc")); err != nil {
		t.Fatal(err)
	}
	back, again := dial(state)
	recovered(t, back, again, state, true)
	hears(t, back, 2)
	if e := back.Expect("bin"); len(e.Attachments) != 1 || string(e.Attachments[0]) != "abc" {
		t.Errorf("attachments %q", e.Attachments)
	}
	l.emit(again, 3)
	hears(t, back, 3)
}

// TestClientsOfRevision3InARecoverableChild: they know nothing of recovery, get what is
// emitted, and leave nothing behind.
func TestClientsOfRevision3InARecoverableChild(t *testing.T) {
	srv, parent, gone := recovering(t, socketio.Recovery{})
	parent.OnConnect(func(_ context.Context, s *socketio.Socket) { _ = s.Emit("own", 1) })
	web := httptest.NewServer(srv)
	defer web.Close()
	const query = "/socket.io/?EIO=3&transport=polling"
	body := ask3(t, web, query, "")
	_, rest, _ := strings.Cut(body, `"sid":"`)
	sid, _, _ := strings.Cut(rest, `"`)
	until := func(want string) {
		t.Helper()
		for !strings.Contains(body, want) {
			body += ask3(t, web, query+"&sid="+sid, "")
		}
	}
	ask3(t, web, query+"&sid="+sid, "10:40/room-1,")
	until(`42/room-1,["own",1]`)
	waitFor(t, "the socket is in", func() bool { return len(parent.Sockets()) == 1 })
	s := parent.Sockets()[0]
	if err := parent.Emit("all", 2); err != nil {
		t.Fatal(err)
	}
	until(`42/room-1,["all",2,`)
	if err := s.Volatile().Emit("one", 3); err != nil || s.Recovered() {
		t.Fatal(err)
	}
	ask3(t, web, query+"&sid="+sid, "1:1") // close
	if got := receive(t, gone); got != "/room-1 "+s.ID() {
		t.Error(got)
	}
	waitFor(t, "the child is gone", func() bool { return srv.Lookup("/room-1") == nil })
}

// TestListenersMayEmitInANamespaceWithRecovery: whoever hears of what is sent holds up
// nobody, so it may use the namespace.
func TestListenersMayEmitInANamespaceWithRecovery(t *testing.T) {
	var l *lounge
	seen := make(chan string, 1000)
	srv := newServer(t, &socketio.Options{OnPacket: func(p engineio.PacketInfo) {
		if l != nil && !p.Incoming {
			_, _ = l.Sockets(), l.srv.Stats()
			seen <- p.Type + string(p.Data)
		}
	}})
	l = newLoungeOn(t, srv, socketio.Recovery{})
	heard := make(chan string, 1000)
	l.OnAnyOutgoing(func(s *socketio.Socket, e socketio.Event) {
		heard <- e.Name
		if e.Name == "e" {
			_ = s.Emit("echo", 1)
			_ = l.To(s.ID()).Emit("echo", 2)
			_ = l.Volatile().Emit("soft", 3)
			_ = s.Join("heard")
		}
	})
	c, s := l.guest(nil)
	for i, target := range []interface {
		Emit(event string, args ...any) error
	}{s, l, l.Volatile(), s.Volatile(), l.To(c.ID())} {
		l.emit(target, i)
		hears(t, c, i)
		for _, n := range []int{1, 2} {
			var got int
			if err := decodeArg(c.Expect("echo"), 0, &got); err != nil || got != n {
				t.Fatalf("echo %d, %v", got, err)
			}
		}
	}
	state := c.State()
	l.cut(c)
	l.emit(l, 7)
	for len(heard) > 0 {
		<-heard
	}
	back, _ := l.guest(state)
	hears(t, back, 7)
	handled(t, back)
	if len(heard) > 0 {
		t.Errorf("%s was heard of again", <-heard)
	}
	for packet := ""; !strings.Contains(packet, `["e",7,`); {
		packet = receive(t, seen)
	}
}

// TestCauseOfTheEndWithRecovery: it is that of the connection, also in OnGone and for a
// socket whose client is back already.
func TestCauseOfTheEndWithRecovery(t *testing.T) {
	l := newLounge(t, socketio.Recovery{})
	ends := make(chan string, 10)
	note := func(ctx context.Context, _ *socketio.Socket) { ends <- context.Cause(ctx).Error() }
	l.OnDisconnect(func(ctx context.Context, s *socketio.Socket, _ socketio.Reason) { note(ctx, s) })
	l.OnGone(note)
	c, s := l.guest(nil)
	c.Pause()
	_, back := l.guest(c.State())
	if got := receive(t, ends); got != "socketio: closed: transport close" || context.Cause(s.Context()).Error() != got {
		t.Error(got)
	}
	if back.Context().Err() != nil {
		t.Error("the new socket has ended")
	}
	shutdown(t, l.srv)
	for range 2 {
		if got := receive(t, ends); got != "socketio: closed: server shutting down" {
			t.Error(got)
		}
	}
}
