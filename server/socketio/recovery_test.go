package socketio_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"parley/server/socketio"
	"parley/server/socketiotest"
)

// A lounge is a namespace with recovery that tells what happens to its sockets.
type lounge struct {
	*socketio.Namespace
	t     *testing.T
	srv   *socketio.Server
	came  chan *socketio.Socket
	ended chan socketio.Reason
	gone  chan *socketio.Socket
}

func newLounge(t *testing.T, opts socketio.Recovery) *lounge {
	return newLoungeOn(t, newServer(t, &socketio.Options{PingInterval: time.Second, PingTimeout: time.Second}), opts)
}

func newLoungeOn(t *testing.T, srv *socketio.Server, opts socketio.Recovery) *lounge {
	t.Helper()
	l := &lounge{
		Namespace: withSync(srv.Of("/lounge")), t: t, srv: srv,
		came:  make(chan *socketio.Socket, 1000),
		ended: make(chan socketio.Reason, 1000),
		gone:  make(chan *socketio.Socket, 1000),
	}
	l.EnableRecovery(opts)
	l.OnConnect(func(_ context.Context, s *socketio.Socket) { l.came <- s })
	l.OnDisconnect(func(_ context.Context, _ *socketio.Socket, why socketio.Reason) { l.ended <- why })
	l.OnGone(func(_ context.Context, s *socketio.Socket) { l.gone <- s })
	return l
}

// guest is a client and its socket.
func (l *lounge) guest(auth any) (*socketiotest.Client, *socketio.Socket) {
	l.t.Helper()
	c := socketiotest.Connect(l.t, l.srv, "/lounge", &socketiotest.Options{Auth: auth})
	return c, receive(l.t, l.came)
}

// cut ends a client's connection and waits until that was noticed.
func (l *lounge) cut(c *socketiotest.Client) {
	l.t.Helper()
	c.Abort()
	receive(l.t, l.ended)
}

// hears checks the first arguments of the next events of the name "e".
func hears(t *testing.T, c *socketiotest.Client, want ...int) {
	t.Helper()
	for _, n := range want {
		var got int
		if err := decodeArg(c.Expect("e"), 0, &got); err != nil || got != n {
			t.Fatalf("got event %d (%v), want %d", got, err, n)
		}
	}
}

func (l *lounge) emit(target interface {
	Emit(event string, args ...any) error
}, numbers ...int) {
	l.t.Helper()
	for _, n := range numbers {
		if err := target.Emit("e", n); err != nil {
			l.t.Fatal(err)
		}
	}
}

func recovered(t *testing.T, now *socketiotest.Client, s *socketio.Socket, before socketiotest.State, want bool) {
	t.Helper()
	if got := now.State().PID == before.PID; got != want || s.Recovered() != want {
		t.Fatalf("recovered: the client says %t, the server %t, want %t", got, s.Recovered(), want)
	}
}

var mood = socketio.NewKey[string]("mood")

func TestRecoveryBringsBackIDRoomsDataAndMissedEvents(t *testing.T) {
	l := newLounge(t, socketio.Recovery{})
	c, s := l.guest(nil)
	_, other := l.guest(nil)
	if err := s.Join("red", "blue"); err != nil {
		t.Fatal(err)
	}
	mood.Set(s, "fine")
	l.emit(s, 1)
	hears(t, c, 1)
	state := c.State()
	l.cut(c)
	l.emit(l, 2)
	l.emit(l.To("red", "blue"), 3)
	l.emit(l.To("green"), 100)
	l.emit(l.To("red").Except("blue"), 101)
	l.emit(l.To(s.ID()), 4)
	l.emit(s, 5)
	l.emit(s.To("red"), 102)
	l.emit(other.To("red"), 6)
	l.emit(l.Volatile(), 103)
	back, again := l.guest(state)
	recovered(t, back, again, state, true)
	hears(t, back, 2, 3, 4, 5, 6)
	if again == s || again.ID() != s.ID() || back.ID() != s.ID() {
		t.Fatal("not a new socket with the old id")
	}
	rooms := again.Rooms()
	slices.Sort(rooms)
	if m, _ := mood.Get(again); m != "fine" || !slices.Equal(rooms, []string{"blue", "red"}) {
		t.Fatalf("rooms %v, mood %q", rooms, m)
	}
	l.emit(l.To("red"), 7)
	l.emit(s, 8) // whoever still has the old socket
	hears(t, back, 7, 8)
	handled(t, back)
	none, cancel := context.WithCancel(context.Background())
	cancel()
	if e, err := back.Next(none); err == nil {
		t.Fatalf("one event too many: %s %s", e.Name, joined(e.Args))
	}
	if len(l.gone) > 0 {
		t.Fatal("OnGone for a client that came back")
	}
}

func TestRecoveryWithoutAnOffset(t *testing.T) { // 4.4: no event received yet
	l := newLounge(t, socketio.Recovery{})
	c, s := l.guest(nil)
	state := c.State()
	if state.Offset != "" {
		t.Fatal("an offset from nowhere")
	}
	l.cut(c)
	l.emit(s, 1)
	back, again := l.guest(state)
	recovered(t, back, again, state, true)
	hears(t, back, 1)
}

func TestRecoveryWithTheOffsetOfAnEarlierSession(t *testing.T) { // 4.4: the client keeps it for ever
	l := newLounge(t, socketio.Recovery{})
	stale := map[string]string{"pid": "of-a-server-that-is-gone", "offset": "Xq.17"}
	c, s := l.guest(stale)
	if s.Recovered() {
		t.Fatal("recovered what never was")
	}
	stale["pid"] = c.State().PID
	l.cut(c)
	l.emit(s, 1)
	back, again := l.guest(stale)
	recovered(t, back, again, c.State(), true)
	hears(t, back, 1)
	stale["offset"] = "forged.1"
	l.cut(back)
	back, again = l.guest(stale)
	recovered(t, back, again, c.State(), false)
	if again.ID() == s.ID() {
		t.Fatal("the old id for a new session")
	}
	if receive(t, l.gone).ID() != s.ID() {
		t.Fatal("another socket is gone")
	}
}

func TestRecoveryAfterAVolatileEventThatEndsWithAString(t *testing.T) { // 4.4
	l := newLounge(t, socketio.Recovery{})
	c, s := l.guest(nil)
	l.emit(s, 1)
	hears(t, c, 1)
	if err := s.Volatile().Emit("v", "not an offset"); err != nil {
		t.Fatal(err)
	}
	if err := l.Volatile().Emit("v", "nor this"); err != nil {
		t.Fatal(err)
	}
	c.Expect("v")
	c.Expect("v")
	state := c.State()
	l.cut(c)
	l.emit(l, 2)
	back, again := l.guest(state)
	recovered(t, back, again, state, true)
	hears(t, back, 2)
}

func TestRecoveryTwiceInARow(t *testing.T) { // 4.4: the same events again, the session not deleted
	l := newLounge(t, socketio.Recovery{})
	c, s := l.guest(nil)
	first := c.State()
	l.cut(c)
	l.emit(s, 1, 2)
	back, _ := l.guest(first)
	hears(t, back, 1, 2)
	state := back.State()
	l.cut(back)
	l.emit(s, 3)
	back, again := l.guest(state)
	recovered(t, back, again, state, true)
	hears(t, back, 3)
	back.Disconnect()
	receive(t, l.gone)
	back, again = l.guest(state)
	recovered(t, back, again, state, false)
}

func TestRecoveryBeforeTheOldConnectionIsNoticedDead(t *testing.T) { // 4.4
	l := newLounge(t, socketio.Recovery{})
	order := make(chan string, 10)
	l.OnDisconnect(func(_ context.Context, _ *socketio.Socket, why socketio.Reason) { order <- string(why) })
	c, s := l.guest(nil)
	l.OnConnect(func(context.Context, *socketio.Socket) { order <- "connect" })
	if err := s.Join("red"); err != nil {
		t.Fatal(err)
	}
	state := c.State()
	c.Pause()
	l.emit(s, 1)
	back, again := l.guest(state)
	recovered(t, back, again, state, true)
	if a, b := receive(t, order), receive(t, order); a != "transport close" || b != "connect" {
		t.Fatalf("hooks: %s, %s", a, b)
	}
	c.Resume()
	hears(t, back, 1)
	l.emit(l.To("red"), 2)
	hears(t, back, 2)
	if why := reason(t, c); why != socketiotest.ReasonTransportClose {
		t.Fatalf("the old connection ended with %q", why)
	}
	if !again.Connected() || len(l.Sockets()) != 1 {
		t.Fatal("the end of the old connection ended the new one")
	}
}

func TestRecoveryKeepsWhatMiddlewaresEmit(t *testing.T) { // 4.4
	l := newLounge(t, socketio.Recovery{})
	l.Use(func(_ context.Context, s *socketio.Socket) error { return s.Emit("hello", s.ID()) })
	c, s := l.guest(nil)
	l.emit(s, 1)
	hears(t, c, 1)
	state := c.State()
	c.Expect("hello")
	l.cut(c)
	l.emit(s, 2)
	back, _ := l.guest(state)
	hears(t, back, 2)
	var id string
	if err := decodeArg(back.Expect("hello"), 0, &id); err != nil || id != s.ID() {
		t.Fatalf("hello %q (%v), want the recovered id", id, err)
	}
}

func TestRecoveryIsBoundToTheUser(t *testing.T) {
	type login struct {
		socketiotest.State
		User string `json:"user"`
	}
	l := newLounge(t, socketio.Recovery{User: func(s *socketio.Socket) string {
		var in login
		_ = json.Unmarshal(s.Handshake().Auth, &in)
		return in.User
	}})
	refuse := false
	l.Use(func(_ context.Context, s *socketio.Socket) error {
		if refuse {
			return &socketio.Error{Message: "not now"}
		}
		return nil
	})
	c, s := l.guest(login{User: "ann"})
	state := c.State()
	l.cut(c)
	l.emit(s, 1)
	thief, other := l.guest(login{state, "eve"})
	recovered(t, thief, other, state, false)
	if other.ID() == s.ID() || thief.State().PID == state.PID {
		t.Fatal("another user got the session")
	}
	refuse = true
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	_, err := socketiotest.Dial(ctx, l.srv, "/lounge", &socketiotest.Options{Auth: login{state, "ann"}})
	if err == nil {
		t.Fatal("the middleware did not run")
	}
	refuse = false
	back, again := l.guest(login{state, "ann"})
	recovered(t, back, again, state, true)
	hears(t, back, 1)
	thief, other = l.guest(login{back.State(), "eve"})
	recovered(t, thief, other, state, false)
	if !again.Connected() {
		t.Fatal("another user ended a socket that is connected")
	}
}

func TestRecoveryWindowAndOnGone(t *testing.T) {
	l := newLounge(t, socketio.Recovery{Window: 30 * time.Millisecond})
	c, s := l.guest(nil)
	_ = s.Join("red")
	rooms := make(chan []string, 2)
	l.OnGone(func(_ context.Context, s *socketio.Socket) { rooms <- s.Rooms() })
	l.cut(c)
	if receive(t, l.gone) != s {
		t.Fatal("another socket is gone")
	}
	if got := receive(t, rooms); !slices.Equal(got, []string{"red"}) {
		t.Fatalf("rooms in OnGone: %v", got)
	}
	mustBe(t, s.Emit("e", 1), socketio.ErrClosed)
	mustBe(t, s.Join("blue"), socketio.ErrClosed)
	state := c.State()
	c, again := l.guest(state)
	recovered(t, c, again, state, false)
	c.Disconnect() // nothing is kept
	receive(t, l.gone)
}

func TestWhatOthersDoToASocketThatIsAway(t *testing.T) {
	l := newLounge(t, socketio.Recovery{})
	c, s := l.guest(nil)
	_ = s.Join("red", "blue")
	state := c.State()
	l.cut(c)
	waitFor(t, "the socket has left", func() bool { return len(l.Sockets()) == 0 })
	s.Leave("red")
	if err := s.Join("green"); err != nil {
		t.Fatal(err)
	}
	l.emit(l.To("red"), 100)
	c, again := l.guest(state)
	recovered(t, c, again, state, true)
	rooms := again.Rooms()
	slices.Sort(rooms)
	if !slices.Equal(rooms, []string{"blue", "green"}) {
		t.Fatalf("rooms: %v", rooms)
	}
	l.cut(c)
	again.Disconnect(false)
	if receive(t, l.gone) != again {
		t.Fatal("another socket is gone")
	}
	c, s = l.guest(state)
	recovered(t, c, s, state, false)
}

func TestRecoveryIsBounded(t *testing.T) { // 4.4: unbounded by size, and idle clients
	l := newLounge(t, socketio.Recovery{MaxEvents: 10, MaxSessions: 2})
	quiet, s := l.guest(nil)
	_ = s.Join("quiet")
	busy, s2 := l.guest(nil)
	_ = s2.Join("busy")
	idle, busyState := quiet.State(), busy.State()
	l.cut(quiet)
	l.cut(busy)
	for n := range 100 {
		l.emit(l.To("busy"), n)
	}
	back, again := l.guest(idle)
	recovered(t, back, again, idle, true)
	back, again = l.guest(busyState)
	recovered(t, back, again, busyState, false)
	if receive(t, l.gone) != s2 {
		t.Fatal("another socket is gone")
	}
	var away []*socketiotest.Client
	var first *socketio.Socket
	for i := range 3 {
		c, s := l.guest(nil)
		if i == 0 {
			first = s
		}
		away = append(away, c)
	}
	for i, c := range away {
		l.cut(c)
		waitFor(t, "the client is away", func() bool { return l.srv.Stats().Away == min(i+1, 2) })
	}
	if receive(t, l.gone) != first {
		t.Fatal("not the oldest went first")
	}
}

func TestAClientThatMissedTooMuchStartsAnew(t *testing.T) {
	srv := newServer(t, &socketio.Options{SendQueueBytes: 10_000})
	l := newLoungeOn(t, srv, socketio.Recovery{})
	c, s := l.guest(nil)
	state := c.State()
	l.cut(c)
	for range 3 {
		if err := s.Emit("big", strings.Repeat("x", 5000)); err != nil {
			t.Fatal(err)
		}
	}
	c, s = l.guest(state)
	recovered(t, c, s, state, false)
}

func TestRecoveryWithBinary(t *testing.T) {
	l := newLounge(t, socketio.Recovery{})
	c, s := l.guest(nil)
	state := c.State()
	l.cut(c)
	data := []byte("abc")
	if err := s.Emit("bin", "x", data); err != nil {
		t.Fatal(err)
	}
	copy(data, "xyz") // the log has a copy
	back, _ := l.guest(state)
	e := back.Expect("bin")
	if len(e.Args) != 3 || len(e.Attachments) != 1 || string(e.Attachments[0]) != "abc" {
		t.Fatalf("got %s with %q", joined(e.Args), e.Attachments)
	}
}

func TestSkipMiddlewares(t *testing.T) {
	l := newLounge(t, socketio.Recovery{SkipMiddlewares: true})
	runs := 0
	l.Use(func(context.Context, *socketio.Socket) error { runs++; return nil })
	c, _ := l.guest(nil)
	state := c.State()
	l.cut(c)
	l.guest(state)
	if runs != 1 {
		t.Fatalf("the middleware ran %d times", runs)
	}
}

func TestShutdownGivesUpWhoIsAway(t *testing.T) {
	l := newLounge(t, socketio.Recovery{})
	c, s := l.guest(nil)
	_, there := l.guest(nil)
	l.emit(s, 1)
	l.cut(c)
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := l.srv.Shutdown(ctx); err != nil {
		t.Fatal(err)
	}
	gone := []*socketio.Socket{receive(t, l.gone), receive(t, l.gone)}
	if !slices.Contains(gone, s) || !slices.Contains(gone, there) || len(l.gone) > 0 {
		t.Fatal("OnGone was not called once for each")
	}
}

func TestImpossibleRecoveryPanics(t *testing.T) {
	for field, opts := range map[string]socketio.Recovery{
		"Recovery.Window": {Window: -1}, "Recovery.MaxWait": {MaxWait: -1}, "Recovery.MaxSessions": {MaxSessions: -1},
	} {
		func() {
			defer func() {
				if v := fmt.Sprint(recover()); !strings.Contains(v, field) {
					t.Errorf("panic: %s", v)
				}
			}()
			newServer(t, nil).Of("/").EnableRecovery(opts)
		}()
	}
}
