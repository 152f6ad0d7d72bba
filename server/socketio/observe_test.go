package socketio_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"parley/server/socketio"
	"parley/server/socketiotest"
)

// A diary is what hooks and listeners of any goroutine note down.
type diary struct {
	mu    sync.Mutex
	lines []string
}

func (d *diary) note(line ...any) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.lines = append(d.lines, strings.TrimSuffix(fmt.Sprintln(line...), "\n"))
}

// take returns the lines since the last call.
func (d *diary) take() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	lines := d.lines
	d.lines = nil
	return lines
}

func (d *diary) expect(t *testing.T, want ...string) {
	t.Helper()
	if got := d.take(); !slices.Equal(got, want) {
		t.Errorf("noted\n%q, want\n%q", got, want)
	}
}

// args prints the arguments of an event.
func args(e socketio.Event) string {
	var list []string
	for _, v := range e.Args {
		list = append(list, string(v.Bytes()))
	}
	return e.Name + "(" + strings.Join(list, ",") + ")"
}

// socketOf returns the server's side of a client.
func socketOf(t *testing.T, ns *socketio.Namespace, c *socketiotest.Client) *socketio.Socket {
	t.Helper()
	s := ns.Socket(c.ID())
	if s == nil {
		t.Fatal("the server does not know the socket")
	}
	return s
}

func TestEventMiddlewaresRunInOrderBeforeTheHandler(t *testing.T) {
	srv := newServer(t, nil)
	ns := withSync(srv.Of("/"))
	var d diary
	noting := func(who string) func(context.Context, *socketio.Socket, socketio.Event) error {
		return func(ctx context.Context, _ *socketio.Socket, e socketio.Event) error {
			if e.Name != "sync" {
				d.note(who, args(e), socketio.HasAck(ctx))
			}
			return nil
		}
	}
	ns.UseEvent(noting("first"))
	ns.UseEvent(noting("second"))
	ns.UseEvent(func(_ context.Context, s *socketio.Socket, e socketio.Event) error {
		switch e.Name {
		case "refused":
			return &socketio.Error{Code: "no", Message: "not that"}
		case "panic":
			panic("on purpose")
		}
		return nil
	})
	for _, event := range []string{"known", "refused", "panic"} {
		socketio.On(ns, event, func(_ context.Context, _ *socketio.Socket, in int) error {
			d.note("handler", event, in)
			return nil
		})
	}
	c := connect(t, srv, "/")
	socketOf(t, ns, c).UseEvent(noting("socket"))

	for _, call := range []struct{ event, answer string }{
		{"known", ""},
		{"refused", `{"ok":false,"error":{"code":"no","message":"not that"}}`},
		{"panic", `{"ok":false,"error":{"code":"internal","message":"Internal error"}}`},
	} {
		if got := ask(t, c, call.event, 7); got != call.answer {
			t.Errorf("%s: answered %s", call.event, got)
		}
	}
	d.expect(t, "first known(7) true", "second known(7) true", "socket known(7) true", "handler known 7",
		"first refused(7) true", "second refused(7) true", "first panic(7) true", "second panic(7) true")

	emit(t, c, "refused", 1)
	var refusal struct{ Code, Message string }
	if err := c.Expect("error").Decode(&refusal); err != nil || refusal.Code != "no" {
		t.Errorf("got %+v, %v", refusal, err)
	}
	d.take()
	emit(t, c, "unknown", "a", []byte("b"))
	handled(t, c)
	d.expect(t, `first unknown("a",{"_placeholder":true,"num":0}) false`,
		`second unknown("a",{"_placeholder":true,"num":0}) false`, `socket unknown("a",{"_placeholder":true,"num":0}) false`)
}

func TestEventMiddlewareThatDisconnectsEndsTheEvent(t *testing.T) {
	srv := newServer(t, nil)
	ns := srv.Of("/")
	ns.UseEvent(func(_ context.Context, s *socketio.Socket, _ socketio.Event) error {
		s.Disconnect(false)
		return nil
	})
	socketio.On(ns, "event", func(context.Context, *socketio.Socket, socketio.None) error {
		t.Error("handled")
		return nil
	})
	c := connect(t, srv, "/")
	emit(t, c, "event")
	if why := reason(t, c); why != socketiotest.ReasonServerDisconnect {
		t.Errorf("the client sees %q", why)
	}
}

func TestAcknowledgementsPassMiddlewaresBy(t *testing.T) {
	srv := newServer(t, nil)
	ns := srv.Of("/")
	var d diary
	ns.UseEvent(func(_ context.Context, _ *socketio.Socket, e socketio.Event) error {
		d.note(e.Name)
		return nil
	})
	socketio.OnAck(ns, "ask", func(ctx context.Context, s *socketio.Socket, _ socketio.None) (int, error) {
		return socketio.Call[int](ctx, s, "question")
	})
	c := connect(t, srv, "/")
	go func() { _ = c.Expect("question").Ack(42) }()
	if got := ask(t, c, "ask"); got != "42" {
		t.Errorf("got %s", got)
	}
	d.expect(t, "ask")
}

func TestOnAnySeesWhatComesInUntilItIsRemoved(t *testing.T) {
	srv := newServer(t, nil)
	ns := withSync(srv.Of("/"))
	var d diary
	ns.OnAny(func(context.Context, *socketio.Socket, socketio.Event) { panic("on purpose") })
	removeAll := ns.OnAny(func(_ context.Context, _ *socketio.Socket, e socketio.Event) { d.note("all", args(e)) })
	ns.UseEvent(func(_ context.Context, _ *socketio.Socket, e socketio.Event) error {
		if e.Name == "refused" {
			return &socketio.Error{Message: "no"}
		}
		return nil
	})
	c := connect(t, srv, "/")
	removeOne := socketOf(t, ns, c).OnAny(func(_ context.Context, _ *socketio.Socket, e socketio.Event) { d.note("one", args(e)) })
	emit(t, c, "refused", true)
	emit(t, c, "unknown", map[string]int{"x": 1})
	handled(t, c)
	d.expect(t, "all refused(true)", "one refused(true)", `all unknown({"x":1})`, `one unknown({"x":1})`, "all sync()", "one sync()")
	removeAll()
	removeAll()
	handled(t, c)
	d.expect(t, "one sync()")
	removeOne()
	handled(t, c)
	d.expect(t)
}

func TestOnAnyOutgoingSeesEachReceiverOfEachEvent(t *testing.T) {
	srv := newServer(t, nil)
	ns := withSync(srv.Of("/"))
	clients, sockets := members(t, srv, 2)
	names := map[*socketio.Socket]string{sockets[0]: "first", sockets[1]: "second"}
	var d diary
	ns.OnAnyOutgoing(func(*socketio.Socket, socketio.Event) { panic("on purpose") })
	remove := ns.OnAnyOutgoing(func(s *socketio.Socket, e socketio.Event) { d.note(names[s], args(e)) })
	removeOne := sockets[1].OnAnyOutgoing(func(s *socketio.Socket, e socketio.Event) { d.note("itself", args(e)) })

	if err := sockets[0].Emit("direct", 1, []byte("x")); err != nil {
		t.Fatal(err)
	}
	handled(t, clients[0]) // its acknowledgement is no event
	d.expect(t, `first direct(1,{"_placeholder":true,"num":0})`)

	if err := ns.Volatile().Emit("all", "a"); err != nil {
		t.Fatal(err)
	}
	got := d.take()
	slices.Sort(got)
	if want := []string{`first all("a")`, `itself all("a")`, `second all("a")`}; !slices.Equal(got, want) {
		t.Errorf("noted %q, want %q", got, want)
	}

	go func() { _ = clients[1].Expect("question").Ack() }()
	if _, err := socketio.Call[socketio.None](t.Context(), sockets[1], "question"); err != nil {
		t.Fatal(err)
	}
	d.expect(t, "itself question()", "second question()")

	remove()
	removeOne()
	if err := ns.Emit("all", "b"); err != nil {
		t.Fatal(err)
	}
	d.expect(t)
}

func TestUnhandledEvents(t *testing.T) {
	srv := newServer(t, nil)
	ns := withSync(srv.Of("/"))
	socketio.OnUnhandled(ns, func(_ context.Context, _ *socketio.Socket, e socketio.Event) (string, error) {
		if e.Name == "bad" {
			return "", &socketio.Error{Code: "bad", Message: "no"}
		}
		return args(e), nil
	})
	c := connect(t, srv, "/")
	handled(t, c)
	if got := ask(t, c, "what", 1, "two"); got != `"what(1,\"two\")"` {
		t.Errorf("answered %s", got)
	}
	if got := ask(t, c, "bad"); got != `{"ok":false,"error":{"code":"bad","message":"no"}}` {
		t.Errorf("answered %s", got)
	}
	socketio.OnUnhandled(socketOf(t, ns, c), func(_ context.Context, _ *socketio.Socket, e socketio.Event) (socketio.Args, error) {
		return e.Args, nil
	})
	if got := ask(t, c, "what", 1, "two"); got != `1,"two"` {
		t.Errorf("answered %s", got)
	}
	mustPanic(t, "socketio: / has a handler for unhandled events", func() {
		socketio.OnUnhandled(ns, func(context.Context, *socketio.Socket, socketio.Event) (int, error) { return 0, nil })
	})
}

func mustPanic(t *testing.T, want string, f func()) {
	t.Helper()
	defer func() {
		t.Helper()
		if got := fmt.Sprint(recover()); got != want {
			t.Errorf("panic %q, want %q", got, want)
		}
	}()
	f()
}

func TestOnceAndOff(t *testing.T) {
	srv := newServer(t, nil)
	ns := withSync(srv.Of("/"))
	var d diary
	noting := func(who string) func(context.Context, *socketio.Socket, int) error {
		return func(_ context.Context, _ *socketio.Socket, in int) error {
			d.note(who, in)
			return nil
		}
	}
	socketio.On(ns, "event", noting("namespace"))
	c := connect(t, srv, "/")
	s := socketOf(t, ns, c)
	once := noting("once")
	socketio.Once(s, "event", once)
	for i := range 4 {
		emit(t, c, "event", i)
		if i == 0 {
			handled(t, c)
			socketio.Once(s, "event", func(ctx context.Context, s *socketio.Socket, in int) error {
				socketio.Once(s, "event", noting("again"))
				return once(ctx, s, in)
			})
			emit(t, c, "event", "of the wrong type")
		}
	}
	handled(t, c)
	d.expect(t, "once 0", "once 1", "again 2", "namespace 3")

	socketio.On(s, "event", noting("socket"))
	emit(t, c, "event", 1)
	handled(t, c)
	socketio.Off(s, "event")
	socketio.Off(s, "event")
	emit(t, c, "event", 2)
	handled(t, c)
	socketio.Off(ns, "event")
	emit(t, c, "event", 3)
	handled(t, c)
	socketio.On(ns, "event", noting("anew"))
	emit(t, c, "event", 4)
	handled(t, c)
	d.expect(t, "socket 1", "namespace 2", "anew 4")
}
