package zishang520_test

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/zishang520/engine.io/v2/events"
	"github.com/zishang520/socket.io/v2/socket"

	"parley/adapters/zishang520"
)

// with is an application whose "connection" has one listener.
func with(f func(io *socket.Server, s *socket.Socket)) func(*socket.Server) {
	return func(io *socket.Server) {
		io.On("connection", func(args ...any) { f(io, args[0].(*socket.Socket)) })
	}
}

// within fails the test if nothing comes.
func within[T any](t *testing.T, c <-chan T) (v T) {
	t.Helper()
	select {
	case v = <-c:
	case <-time.After(10 * time.Second):
		t.Fatal("nothing came for 10 s")
	}
	return v
}

func TestEventsComeInOrderOneAtATime(t *testing.T) {
	const n = 2000
	var running atomic.Int32
	var got []int
	done := make(chan struct{})
	url, _ := start(t, nil, with(func(_ *socket.Server, s *socket.Socket) {
		s.Use(func(_ []any, next func(error)) { next(nil) })
		s.On("n", func(args ...any) {
			if running.Add(1) > 1 {
				t.Error("two listeners at a time")
			}
			if got = append(got, int(args[0].(float64))); len(got) == n {
				close(done)
			}
			running.Add(-1)
		})
	}))
	r := dial(t, url)
	r.join("")
	var packets []string
	for i := range n {
		packets = append(packets, fmt.Sprintf(`42["n",%d]`, i))
	}
	r.send(packets[:n/2]...)
	r.send(packets[n/2:]...)
	within(t, done)
	if !slices.IsSorted(got) {
		t.Errorf("out of order: %v", got)
	}
}

func TestEventsWaitForTheListenersOfConnection(t *testing.T) {
	attach, got := make(chan struct{}), make(chan any, 1)
	url, _ := start(t, nil, with(func(_ *socket.Server, s *socket.Socket) {
		<-attach // such as a question to a database
		s.On("x", func(args ...any) { got <- args[0] })
	}))
	r := dial(t, url)
	r.join("")
	r.send(`42["x",1]`)
	r.send("41") // waits too
	close(attach)
	if v := within(t, got); v != 1.0 {
		t.Errorf("got %v", v)
	}
}

// TestListenersAddedLate: the last listener of "connection" may come when there have
// been clients.
func TestListenersAddedLate(t *testing.T) {
	attach, got := make(chan struct{}), make(chan any, 1)
	var app *socket.Server
	url, _ := start(t, nil, func(io *socket.Server) { app = io })
	r := dial(t, url)
	r.join("")
	for range 3 {
		app.On("connection", func(...any) {})
	}
	app.On("connection", func(args ...any) {
		<-attach
		args[0].(*socket.Socket).On("x", func(args ...any) { got <- args[0] })
	})
	r = dial(t, url)
	r.join("")
	r.send(`42["x",1]`)
	close(attach)
	within(t, got)
}

func TestConnectionListenerThatNeverReturns(t *testing.T) {
	end := make(chan struct{})
	got := make(chan any, 1)
	url, _ := start(t, &zishang520.Options{ListenerWait: 20 * time.Millisecond}, with(func(_ *socket.Server, s *socket.Socket) {
		s.On("x", func(args ...any) { got <- args[0] })
		<-end
	}))
	t.Cleanup(func() { close(end) })
	r := dial(t, url)
	r.join("")
	r.send(`42["x",1]`)
	within(t, got)
}

func TestPanicOfAListenerEndsItsEventOnly(t *testing.T) {
	url, _ := start(t, nil, with(func(_ *socket.Server, s *socket.Socket) {
		s.Use(func(event []any, next func(error)) {
			if event[0] == "worse" {
				panic("of a middleware")
			}
			next(nil)
		})
		s.On("bad", func(...any) { panic("of a listener") })
		s.On("ask", func(args ...any) {
			s.EmitWithAck("question")(func([]any, error) { panic("of an acknowledgement") })
		})
		s.On("echo", func(args ...any) { args[0].(socket.Ack)(nil, nil) })
	}))
	r := dial(t, url)
	r.join("")
	r.send(`42["bad"]`, `42["worse"]`, `42["ask"]`)
	question := r.next() // 42<id>["question"]
	id, _, _ := strings.Cut(strings.TrimPrefix(question, "42"), "[")
	r.send("43"+id+"[]", `420["echo"]`)
	r.expect("430[]")
}

// TestSlowListenerHarmsNobody: what waits for it is bounded, and nothing is lost.
func TestSlowListenerHarmsNobody(t *testing.T) {
	const n = 200
	release, done := make(chan struct{}), make(chan struct{})
	var count int
	url, _ := start(t, &zishang520.Options{InboxEvents: 10}, with(func(_ *socket.Server, s *socket.Socket) {
		s.On("slow", func(...any) {
			<-release
			if count++; count == n {
				close(done)
			}
		})
		s.On("echo", func(args ...any) { args[0].(socket.Ack)(nil, nil) })
	}))
	slow, other := dial(t, url), dial(t, url)
	slow.join("")
	other.join("")
	var sent sync.WaitGroup
	sent.Go(func() {
		for range n {
			slow.send(`42["slow"]`) // the server stops reading, and then this waits
		}
	})
	for range 20 {
		other.send(`420["echo"]`)
		other.expect(`430[]`)
	}
	close(release)
	sent.Wait()
	within(t, done)
}

func TestDisconnectIsToldBehindTheEventsBefore(t *testing.T) {
	var mu sync.Mutex
	var told []string
	note := func(what any) {
		mu.Lock()
		defer mu.Unlock()
		told = append(told, fmt.Sprint(what))
	}
	ended := make(chan struct{})
	url, _ := start(t, nil, with(func(_ *socket.Server, s *socket.Socket) {
		note("connection")
		s.On("x", func(args ...any) { note(args[0]) })
		s.On("disconnecting", func(args ...any) { note(s.Rooms().Len()) })
		s.On("disconnect", func(args ...any) { note(args[0]); close(ended) })
	}))
	r := dial(t, url)
	r.join("")
	r.try(`42["x","a"]`, `42["x","b"]`, "1")
	within(t, ended)
	mu.Lock()
	defer mu.Unlock()
	if got := strings.Join(told, ", "); got != "connection, a, b, 1, transport close" {
		t.Error(got)
	}
}

func TestDisconnectDoesNotWaitForAListenerThatNeverReturns(t *testing.T) {
	end, ended := make(chan struct{}), make(chan any, 1)
	url, _ := start(t, &zishang520.Options{ListenerWait: 20 * time.Millisecond}, with(func(_ *socket.Server, s *socket.Socket) {
		s.On("x", func(...any) { <-end })
		s.On("disconnect", func(args ...any) { ended <- args[0] })
	}))
	t.Cleanup(func() { close(end) })
	r := dial(t, url)
	r.join("")
	r.try(`42["x"]`, "1")
	within(t, ended)
}

// TestPacketsThatCrossAKickAreIgnored: on their engine such a client loses its
// connection, the other namespaces with it.
func TestPacketsThatCrossAKickAreIgnored(t *testing.T) {
	url, _ := start(t, nil, func(io *socket.Server) {
		mount(io)
		io.Of("/other", func(args ...any) {
			s := args[0].(*socket.Socket)
			s.On("kick", func(...any) { s.Disconnect(false) })
		})
	})
	r := dial(t, url)
	r.join("")
	r.join("/other,")
	r.send(`42/other,["kick"]`, `42/other,["late"]`, `43/other,1[]`, `41/other,`, `420["echo",1]`, "40/other,")
	r.expect("41/other,")
	r.expect("430[[1]]")
	if p := r.next(); !strings.HasPrefix(p, "40/other,") {
		t.Errorf("got %q", p)
	}
}

func TestMaxNamespaces(t *testing.T) {
	url, _ := start(t, &zishang520.Options{MaxNamespaces: 3}, mount)
	r := dial(t, url)
	r.join("")
	for i := range 5 {
		r.join(fmt.Sprintf("/dynamic-%d,", i))
		r.send(fmt.Sprintf("41/dynamic-%d,", i)) // makes room
	}
	for i := range 3 {
		p := r.join(fmt.Sprintf("/dynamic-%d,", i))
		if refused := strings.Contains(p, "Too many namespaces"); refused != (i == 2) {
			t.Errorf("the client joins %d besides the main one: %s", i+1, p)
		}
	}
}

func TestCloseTellsEverybody(t *testing.T) {
	ended := make(chan any, 1)
	url, engine := start(t, nil, with(func(_ *socket.Server, s *socket.Socket) {
		s.On("disconnect", func(args ...any) { ended <- args[0] })
	}))
	r := dial(t, url)
	r.join("")
	if n := engine.ClientsCount(); n != 1 {
		t.Errorf("ClientsCount: %d", n)
	}
	if err := engine.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
	if reason := within(t, ended); reason != "server shutting down" {
		t.Errorf("reason %q", reason)
	}
	if n, m := engine.ClientsCount(), engine.Clients().Len(); n != 0 || m != 0 {
		t.Errorf("%d, %d clients are left", n, m)
	}
	r.ended()
	if got := status(t, url+"/socket.io/?EIO=4&transport=polling"); got != 503 {
		t.Errorf("a client that comes now: status %d", got)
	}
}

// TestEventsOfTheEngine: what an application can hear from below.
func TestEventsOfTheEngine(t *testing.T) {
	var mu sync.Mutex
	heard := map[string]int{}
	listen := func(e events.EventEmitter, who string, names ...string) {
		for _, name := range names {
			_ = e.On(events.EventName(name), func(...any) {
				mu.Lock()
				defer mu.Unlock()
				heard[who+" "+name]++
			})
		}
	}
	closed := make(chan struct{})
	url, engine := start(t, nil, with(func(_ *socket.Server, s *socket.Socket) {
		s.On("echo", func(args ...any) { args[0].(socket.Ack)(nil, nil) })
	}))
	listen(engine, "engine", "connection", "connection_error", "initial_headers", "headers", "flush", "drain")
	_ = engine.On("connection", func(args ...any) {
		conn := args[0].(interface{ events.EventEmitter })
		listen(conn, "conn", "packet", "data", "message", "packetCreate", "flush", "drain", "heartbeat", "close")
		_ = conn.On("close", func(...any) { close(closed) })
	})
	r := dial(t, url)
	r.join("")
	r.send(`420["echo"]`)
	r.expect("430[]")
	r.send("3") // a heartbeat
	r.send("1")
	within(t, closed)
	if got := status(t, url+"/socket.io/?EIO=4&transport=smoke"); got != 400 {
		t.Errorf("status %d", got)
	}
	mu.Lock()
	defer mu.Unlock()
	for _, want := range []string{
		"engine connection", "engine connection_error", "engine initial_headers", "engine headers", "engine flush", "engine drain",
		"conn packet", "conn data", "conn message", "conn packetCreate", "conn flush", "conn drain", "conn heartbeat", "conn close",
	} {
		if heard[want] == 0 {
			t.Errorf("nothing of %s: %v", want, heard)
		}
	}
}

// TestNamespaceThatGoesWhileAClientJoins: with CleanupEmptyChildNamespaces the last member
// of a dynamic namespace takes it away.
func TestNamespaceThatGoesWhileAClientJoins(t *testing.T) {
	var joining atomic.Int32
	second, gone := make(chan struct{}), make(chan struct{})
	left := sync.OnceFunc(func() { close(gone) })
	url, _ := start(t, nil, func(io *socket.Server) {
		child := func(name string, _ any, next func(error, bool)) { next(nil, name == "/child") }
		io.Of(socket.ParentNspNameMatchFn(&child), nil).Use(func(_ *socket.Socket, next func(*socket.ExtendedError)) {
			if joining.Add(1) == 2 {
				close(second)
				<-gone
			}
			next(nil)
		}).On("connection", func(args ...any) {
			s := args[0].(*socket.Socket)
			s.On("where", func(args ...any) { args[0].(socket.Ack)([]any{s.Nsp().Name()}, nil) })
			s.On("disconnect", func(...any) { left() })
		})
	}, func(o *socket.ServerOptions) { o.SetCleanupEmptyChildNamespaces(true) })
	a, b := dial(t, url), dial(t, url)
	a.join("/child,")
	b.send("40/child,")
	within(t, second)
	a.send("41/child,")
	if p := b.next(); !strings.HasPrefix(p, "40/child,") {
		t.Fatalf("got %q", p)
	}
	b.send(`42/child,0["where"]`)
	b.expect(`43/child,0["/child"]`)
	a.join("/child,") // it is there again, with its middlewares
	if n := joining.Load(); n != 3 {
		t.Errorf("%d clients have passed the middleware", n)
	}
}
