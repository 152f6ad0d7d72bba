package socketio_test

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"parley/adapters/memory"
	"parley/server/adapter"
	"parley/server/socketio"
	"parley/server/socketiotest"
)

func shutdown(t *testing.T, srv *socketio.Server) {
	t.Helper()
	if err := srv.Shutdown(within(t, patience)); err != nil {
		t.Errorf("Shutdown: %v", err)
	}
}

// pair returns two servers that are tied by a bus, and their main namespaces.
func pair(t *testing.T, bus *memory.Options, opts socketio.Options) (a, b *socketio.Namespace, srv [2]*socketio.Server) {
	t.Helper()
	opts.Adapter = memory.NewBus(bus).Adapter
	srv = [2]*socketio.Server{newServer(t, &opts), newServer(t, &opts)}
	return srv[0].Of("/"), srv[1].Of("/"), srv
}

var errBroken = errors.New("broken")

// A brokenAdapter passes nothing on, and notes the rooms that it is told of.
type brokenAdapter struct {
	mu    sync.Mutex
	rooms []string
	local adapter.Local
}

func (b *brokenAdapter) Broadcast(adapter.Payload, adapter.Selection, adapter.Flags) error {
	return errBroken
}

func (b *brokenAdapter) BroadcastAck(context.Context, adapter.Payload, adapter.Selection, adapter.Flags, adapter.Acks) error {
	return errBroken
}
func (b *brokenAdapter) Join(adapter.Selection, []string) error   { return errBroken }
func (b *brokenAdapter) Leave(adapter.Selection, []string) error  { return errBroken }
func (b *brokenAdapter) Disconnect(adapter.Selection, bool) error { return errBroken }
func (b *brokenAdapter) ServerSide(adapter.Payload) error         { return errBroken }
func (b *brokenAdapter) ServerCount(context.Context) (int, error) { return 0, errBroken }
func (b *brokenAdapter) RoomCreated(name string, own bool)        { b.note("+", name, own) }
func (b *brokenAdapter) RoomRemoved(name string, own bool)        { b.note("-", name, own) }
func (b *brokenAdapter) Close(context.Context) error              { return nil }
func (b *brokenAdapter) Sockets(context.Context, adapter.Selection) ([]adapter.Socket, error) {
	return nil, errBroken
}

func (b *brokenAdapter) ServerSideCall(context.Context, adapter.Payload) ([]adapter.Payload, error) {
	return nil, errBroken
}

func (b *brokenAdapter) note(what, name string, own bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if own {
		name = "own"
	}
	b.rooms = append(b.rooms, what+name)
}

func brokenServer(t testing.TB, log *lockedBuffer) (*socketio.Server, *brokenAdapter) {
	b := &brokenAdapter{}
	srv := newServer(t, &socketio.Options{
		Logger: slog.New(slog.NewTextHandler(log, nil)),
		Adapter: func(local adapter.Local) (adapter.Adapter, error) {
			b.local = local
			return b, nil
		},
	})
	return srv, b
}

func TestBrokenAdapterHarmsNoLocalDelivery(t *testing.T) {
	var log lockedBuffer
	srv, b := brokenServer(t, &log)
	ns, c := srv.Of("/"), connect(t, srv, "/")
	s := ns.Sockets()[0]
	for i := range 100 {
		if err := errors.Join(ns.Emit("e", i), ns.To().Join("room"), ns.To("room").Leave("room")); err != nil {
			t.Fatal(err)
		}
		expect(t, c, "e", i)
	}
	answerAll([]*socketiotest.Client{c}, func(int) any { return 7 })
	if err := s.Join("here"); err != nil || !b.local.HasRoom("here") || !b.local.HasRoom(s.ID()) || len(b.local.Rooms()) != 2 {
		t.Errorf("there are the rooms %v, %v", b.local.Rooms(), err)
	}
	got, err := socketio.CallAll[int](within(t, patience), ns.To(), "q")
	mustBePartial(t, err, 1, 1, errBroken)
	if !slices.Equal(got, []int{7}) {
		t.Errorf("got %v", got)
	}
	found, err := ns.To().FetchSockets(t.Context())
	mustBe(t, err, errBroken)
	if len(found) != 1 || found[0].ID != s.ID() {
		t.Errorf("found %v", found)
	}
	if err := ns.To().Disconnect(false); err != nil || reason(t, c) != "io server disconnect" {
		t.Error(err)
	}
	waitFor(t, "the socket has left", func() bool { return len(ns.Sockets()) == 0 })
	lines := strings.Count(log.String(), "error=broken")
	if lines != 4 { // broadcast, join, leave, disconnect
		t.Errorf("%d lines:\n%s", lines, log.String())
	}
	waitFor(t, "no room is left", func() bool { return !b.local.HasRoom("room") && len(b.local.Rooms()) == 0 })
	waitFor(t, "the rooms are removed", func() bool {
		b.mu.Lock()
		defer b.mu.Unlock()
		return slices.Equal(b.rooms[:3], []string{"+own", "+room", "-room"}) && b.rooms[len(b.rooms)-1] == "-own"
	})
}

func TestNamespaceWithoutItsAdapterIsAlone(t *testing.T) {
	var log lockedBuffer
	srv := newServer(t, &socketio.Options{
		Logger:  slog.New(slog.NewTextHandler(&log, nil)),
		Adapter: func(adapter.Local) (adapter.Adapter, error) { return nil, errBroken },
	})
	c := connect(t, srv, "/")
	if err := srv.Of("/").Emit("e", 1); err != nil {
		t.Fatal(err)
	}
	expect(t, c, "e", 1)
	if n := strings.Count(log.String(), "error=broken"); n != 1 {
		t.Errorf("%d lines:\n%s", n, log.String())
	}
	if got, err := socketio.ServerSideCall[int](t.Context(), srv.Of("/"), "x"); err != nil || got != nil {
		t.Errorf("got %v, %v", got, err)
	}
	if err := srv.Of("/").ServerSideEmit("x"); err != nil {
		t.Error(err)
	}
}

func TestMalformedEventsOfOtherServersReachNobody(t *testing.T) {
	var log lockedBuffer
	srv, b := brokenServer(t, &log)
	c := connect(t, srv, "/")
	everybody := adapter.Selection{}
	for _, p := range []adapter.Payload{
		{},
		{Data: []byte(`{}`)},
		{Data: []byte(`[]`)},
		{Data: []byte(`[{}]`)},
		{Data: []byte(`["x"`)},
		{Data: []byte(`["x"]]`)},
		{Data: []byte(`["connect"]`)},
		{Data: []byte("[\"\xff\"]")},
		{Data: []byte(`/x,["x"]`)},
		{Data: []byte(`7["x"]`)},
		{Data: []byte(`["x",{"_placeholder":true,"num":1}]`), Attachments: [][]byte{{1}}},
		{Data: []byte(`["x"]`), Attachments: make([][]byte, 11)},
	} {
		if err := b.local.Deliver(p, everybody, adapter.Flags{}); err == nil {
			t.Errorf("%s was delivered", p.Data)
		}
		if err := b.local.ServerSide(p, nil); err == nil {
			t.Errorf("%s was handled", p.Data)
		}
		counted := &countedAcks{}
		if stop, err := b.local.DeliverAck(p, everybody, adapter.Flags{}, counted); err == nil || counted.expected != 0 {
			t.Errorf("%s was asked", p.Data)
		} else {
			stop()
		}
	}
	if err := b.local.Deliver(adapter.Payload{Data: []byte(`["ok"]`)}, everybody, adapter.Flags{}); err != nil {
		t.Error(err)
	}
	if e, err := c.Next(within(t, patience)); err != nil || e.Name != "ok" {
		t.Errorf("got %v, %v", e, err)
	}
}

type countedAcks struct{ expected, answered, gone int }

func (a *countedAcks) Expect(n int)           { a.expected += n }
func (a *countedAcks) Answer(adapter.Payload) { a.answered++ }
func (a *countedAcks) Gone(error)             { a.gone++ }

func TestLostServersMakeResultsPartial(t *testing.T) {
	lose := false
	a, _, srv := pair(t, &memory.Options{
		Timeout: 50 * time.Millisecond,
		Fault:   func() (time.Duration, bool) { return 0, lose },
	}, socketio.Options{})
	connect(t, srv[0], "/")
	connect(t, srv[1], "/")
	lose = true
	found, err := a.To().FetchSockets(t.Context())
	mustBePartial(t, err, 0, 1, context.DeadlineExceeded)
	if len(found) != 1 {
		t.Errorf("found %d", len(found))
	}
	_, err = socketio.ServerSideCall[int](within(t, 10*time.Millisecond), a, "x")
	mustBePartial(t, err, 0, 1, context.DeadlineExceeded)
	_, err = socketio.CallAll[int](within(t, 50*time.Millisecond), a.Except("nobody"), "x")
	mustBePartial(t, err, 0, 1, context.DeadlineExceeded)
	if !strings.Contains(err.Error(), "other servers: 0 of 1 answered") {
		t.Errorf("got %v", err)
	}
}

func TestSlowServerMissesWhatItsQueueCannotHold(t *testing.T) {
	a, _, srv := pair(t, &memory.Options{
		Queue: 2,
		Fault: func() (time.Duration, bool) { return 300 * time.Millisecond, false },
	}, socketio.Options{})
	c := connect(t, srv[1], "/")
	for i := range 10 {
		if err := a.Emit("e", i); err != nil {
			t.Fatal(err)
		}
	}
	found, err := a.To().FetchSockets(within(t, patience))
	mustBePartial(t, err, 0, 1, memory.ErrQueueFull)
	if len(found) != 0 || !strings.Contains(err.Error(), "queue is full") {
		t.Errorf("got %v, %v", found, err)
	}
	expect(t, c, "e", 0)
	expect(t, c, "e", 1)
}

func TestRoomLimitsHoldForOthersToo(t *testing.T) {
	a, b, srv := pair(t, nil, socketio.Options{MaxRooms: 2})
	connect(t, srv[0], "/")
	connect(t, srv[1], "/")
	err := a.To().Join("1", "2", "3")
	mustBe(t, err, socketio.ErrTooManyRooms)
	for _, ns := range []*socketio.Namespace{a, b} {
		waitFor(t, "two rooms are joined", func() bool { return len(ns.Sockets()[0].Rooms()) == 2 })
	}
	// The socket of b alone is over the limit, of which a hears nothing.
	if err := a.To(b.Sockets()[0].ID()).Join("4"); err != nil {
		t.Error(err)
	}
	found, err := a.To("4").FetchSockets(within(t, patience))
	if err != nil || len(found) != 0 {
		t.Errorf("got %v, %v", found, err)
	}
}

func TestSharedKeysTravelAsJSON(t *testing.T) {
	type user struct {
		Name string `json:"name"`
	}
	key, again := socketio.NewSharedKey[user]("user"), socketio.NewSharedKey[map[string]string]("user")
	broken := socketio.NewSharedKey[any]("broken")
	a, b, srv := pair(t, nil, socketio.Options{})
	connect(t, srv[1], "/")
	s := b.Sockets()[0]
	if _, ok := key.Get(s); ok {
		t.Error("a value before there was one")
	}
	if err := errors.Join(key.Set(s, user{"x"}), key.Set(s, user{"ada"})); err != nil {
		t.Fatal(err)
	}
	if err := broken.Set(s, make(chan int)); err == nil {
		t.Error("a channel is shared")
	}
	if got, ok := again.Get(s); !ok || got["name"] != "ada" {
		t.Errorf("got %v", got)
	}
	found, err := a.To().FetchSockets(within(t, patience))
	if err != nil || len(found) != 1 {
		t.Fatalf("got %v, %v", found, err)
	}
	if got, ok := key.Get(found[0]); !ok || got.Name != "ada" || string(found[0].Data) != `{"user":{"name":"ada"}}` {
		t.Errorf("got %v of %s", got, found[0].Data)
	}
	if _, ok := broken.Get(found[0]); ok || broken.String() != "broken" {
		t.Error("a value that could not be set")
	}
	if _, ok := socketio.NewSharedKey[int]("user").Get(found[0]); ok {
		t.Error("a value of another type")
	}
}

func TestServerSideEvents(t *testing.T) {
	var log lockedBuffer
	a, b, _ := pair(t, nil, socketio.Options{InboxEvents: 5, Logger: slog.New(slog.NewTextHandler(&log, nil))})
	var mu sync.Mutex
	var order []int
	block := make(chan struct{})
	socketio.OnServerSide(b, "n", func(ctx context.Context, n int) error {
		mu.Lock()
		defer mu.Unlock()
		order = append(order, n)
		return nil
	})
	socketio.OnServerSide(b, "block", func(context.Context, socketio.None) error {
		<-block
		return nil
	})
	socketio.OnServerSideAck(b, "panic", func(context.Context, socketio.None) (int, error) { panic("ouch") })
	socketio.OnServerSideAck(b, "wrong", func(context.Context, socketio.None) (any, error) { return make(chan int), nil })
	for i := range 5 {
		if err := a.ServerSideEmit("n", i); err != nil {
			t.Fatal(err)
		}
		if _, err := socketio.ServerSideCall[socketio.None](within(t, patience), a, "n", 10+i); err != nil {
			t.Fatal(err)
		}
	}
	mu.Lock()
	if want := []int{0, 10, 1, 11, 2, 12, 3, 13, 4, 14}; !slices.Equal(order, want) {
		t.Errorf("got %v", order)
	}
	mu.Unlock()
	for _, event := range []string{"panic", "wrong", "n"} {
		_, err := socketio.ServerSideCall[int](within(t, patience), a, event)
		var e *socketio.Error
		if mustBePartial(t, err, 0, 1, err); !errors.As(err, &e) {
			t.Errorf("%s: got %v", event, err)
		}
	}
	if !strings.Contains(log.String(), "ouch") {
		t.Errorf("the log misses the panic:\n%s", log.String())
	}
	for _, reserved := range []string{"connect", "connection", "new_namespace", "disconnect"} {
		mustBe(t, a.ServerSideEmit(reserved), socketio.ErrReserved)
	}

	// What is too much for a handler that hangs is refused.
	if err := a.ServerSideEmit("block"); err != nil {
		t.Fatal(err)
	}
	var err error
	for range 8 {
		go func() { _, _ = socketio.ServerSideCall[int](within(t, patience), a, "block") }()
	}
	waitFor(t, "a refusal", func() bool {
		_, err = socketio.ServerSideCall[int](within(t, 20*time.Millisecond), a, "n", 1)
		return err != nil && strings.Contains(err.Error(), "InboxEvents is 5")
	})
	close(block)
}

func TestShutdownEndsHandlersOfServerSideEvents(t *testing.T) {
	a, b, srv := pair(t, nil, socketio.Options{})
	began := make(chan struct{})
	socketio.OnServerSide(b, "wait", func(ctx context.Context, _ socketio.None) error {
		close(began)
		<-ctx.Done()
		return nil
	})
	answered := make(chan error, 1)
	go func() {
		_, err := socketio.ServerSideCall[socketio.None](within(t, patience), a, "wait")
		answered <- err
	}()
	<-began
	shutdown(t, srv[1])
	if err := receive(t, answered); err != nil { // the answer may come before the end
		mustBePartial(t, err, 0, 1, net.ErrClosed)
	}
	shutdown(t, srv[1])
	_, err := socketio.CallAll[int](t.Context(), b.To(), "x")
	mustBe(t, err, socketio.ErrClosed)
	_, err = b.To().FetchSockets(t.Context())
	mustBe(t, err, socketio.ErrClosed)
}
