package socketio_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"parley/server/socketio"
	"parley/server/socketiotest"
)

// Promise 1: events of one socket are handled one at a time, in order.

func TestEventsAreHandledInOrderOverAnUpgrade(t *testing.T) {
	const events = 600
	srv := newServer(t, nil)
	var running atomic.Int32
	var mu sync.Mutex
	var order []string
	note := func(what string) {
		mu.Lock()
		defer mu.Unlock()
		order = append(order, what)
	}
	gone := make(chan struct{})
	ns := srv.Of("/")
	ns.OnConnect(func(context.Context, *socketio.Socket) { note("connect") })
	ns.OnDisconnect(func(context.Context, *socketio.Socket, socketio.Reason) {
		note("disconnect")
		close(gone)
	})
	socketio.On(ns, "n", func(_ context.Context, s *socketio.Socket, n int) error {
		if running.Add(1) != 1 {
			t.Error("two handlers of one socket at a time")
		}
		defer running.Add(-1)
		if n%100 == 0 {
			time.Sleep(3 * time.Millisecond) // long enough to be moved to another goroutine
		}
		note(fmt.Sprint(n))
		return s.Emit("n", n)
	})

	c := socketiotest.Connect(t, srv, "/", &socketiotest.Options{Transport: socketiotest.Polling})
	for n := range events {
		if n == events/3 {
			if err := c.Upgrade(); err != nil {
				t.Fatal(err)
			}
		}
		emit(t, c, "n", n)
	}
	for n := range events {
		expect(t, c, "n", n)
	}
	if got := c.Transport(); got != socketiotest.WebSocket {
		t.Errorf("transport %s after the upgrade", got)
	}
	c.Disconnect()
	receive(t, gone)
	want := []string{"connect"}
	for n := range events {
		want = append(want, fmt.Sprint(n))
	}
	if want = append(want, "disconnect"); !slices.Equal(order, want) {
		t.Errorf("handled in another order: %v", order)
	}
}

func TestEventsBeforeADisconnectAreHandledBeforeIt(t *testing.T) {
	for _, end := range []struct {
		name string
		end  func(*socketiotest.Client)
		why  socketio.Reason
	}{
		{"disconnect", (*socketiotest.Client).Disconnect, socketio.ReasonClientDisconnect},
		{"close", (*socketiotest.Client).Close, socketio.ReasonTransportClose},
	} {
		t.Run(end.name, func(t *testing.T) {
			srv := newServer(t, nil)
			ns := srv.Of("/")
			started, release := make(chan struct{}), make(chan struct{})
			var handled atomic.Int32
			socketio.On(ns, "wait", func(context.Context, *socketio.Socket, socketio.None) error {
				close(started)
				<-release
				return nil
			})
			socketio.On(ns, "event", func(_ context.Context, s *socketio.Socket, room string) error {
				handled.Add(1)
				return s.Join(room)
			})
			gone := make(chan string, 1)
			ns.OnDisconnect(func(_ context.Context, s *socketio.Socket, why socketio.Reason) {
				gone <- fmt.Sprint(handled.Load(), " ", len(s.Rooms()), " ", why)
			})
			c := connect(t, srv, "/")
			emit(t, c, "wait")
			for i := range 10 {
				emit(t, c, "event", fmt.Sprint("room", i))
			}
			receive(t, started)
			s := ns.Sockets()[0]
			end.end(c)
			waitFor(t, "the server knows of the end", func() bool { return !s.Connected() })
			close(release)
			if got, want := receive(t, gone), fmt.Sprint("10 10 ", end.why); got != want {
				t.Errorf("got %q, want %q", got, want)
			}
			waitFor(t, "no socket left", func() bool { return len(ns.Sockets()) == 0 })
		})
	}
}

// Promise 2: acknowledgements, pings and closes never wait behind a handler.

func TestHandlerMayCallItsOwnClient(t *testing.T) {
	srv := newServer(t, nil)
	socketio.OnAck(srv.Of("/"), "start", func(ctx context.Context, s *socketio.Socket, in string) (string, error) {
		return socketio.Call[string](ctx, s, "question", in)
	})
	c := connect(t, srv, "/")
	go func() {
		if err := c.Expect("question").Ack("answer"); err != nil {
			t.Error(err)
		}
	}()
	if got := ask(t, c, "start", "x"); got != `"answer"` {
		t.Errorf("got %s", got)
	}
}

func TestHandlerThatBlocksKeepsTheClientAlive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := newServer(t, &socketio.Options{PingInterval: 5 * time.Second, PingTimeout: 5 * time.Second})
		socketio.OnAck(srv.Of("/"), "block", func(context.Context, *socketio.Socket, socketio.None) (string, error) {
			time.Sleep(2 * time.Minute)
			return "done", nil
		})
		c := connect(t, srv, "/")
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
		defer cancel()
		if _, err := c.EmitAck(ctx, "block"); err != nil {
			t.Errorf("the client did not outlive the handler: %v", err)
		}
	})
}

func TestCloseEndsTheContextOfAHandler(t *testing.T) {
	srv := newServer(t, nil)
	started, cause := make(chan struct{}), make(chan error, 2)
	socketio.On(srv.Of("/"), "wait", func(ctx context.Context, s *socketio.Socket, _ socketio.None) error {
		close(started)
		inner, cancel := context.WithTimeout(ctx, patience)
		defer cancel()
		<-inner.Done()
		cause <- context.Cause(inner)
		_, err := socketio.Call[string](context.Background(), s, "question")
		cause <- err
		return nil
	})
	c := connect(t, srv, "/")
	emit(t, c, "wait")
	receive(t, started)
	c.Abort()
	for range 2 {
		err := receive(t, cause)
		if !errors.Is(err, socketio.ErrClosed) || !errors.Is(err, net.ErrClosed) {
			t.Errorf("got %v, want ErrClosed", err)
		}
	}
}

// Promise 3: the order of emits is kept, and packets stay whole.

func TestEmitsKeepTheirOrderAndTheirAttachments(t *testing.T) {
	const senders, events = 8, 100
	srv := newServer(t, nil)
	c := connect(t, srv, "/")
	s := srv.Of("/").Sockets()[0]
	var wg sync.WaitGroup
	for sender := range senders {
		wg.Go(func() {
			for n := range events {
				mark := []byte(fmt.Sprint(sender, n))
				var err error
				if n%2 == 0 {
					err = s.Emit("e", sender, n, mark, bytes.Repeat(mark, 50))
				} else {
					err = srv.Of("/").Emit("e", sender, n, mark, bytes.Repeat(mark, 50))
				}
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	var next [senders]int
	for range senders * events {
		e := c.Expect("e")
		var sender, n int
		if err := errors.Join(decodeArg(e, 0, &sender), decodeArg(e, 1, &n)); err != nil {
			t.Fatal(err)
		}
		if n != next[sender] {
			t.Fatalf("sender %d: event %d came in the place of %d", sender, n, next[sender])
		}
		next[sender]++
		mark := []byte(fmt.Sprint(sender, n))
		if !bytes.Equal(e.Attachments[0], mark) || !bytes.Equal(e.Attachments[1], bytes.Repeat(mark, 50)) {
			t.Fatalf("sender %d, event %d has the attachments of another packet", sender, n)
		}
	}
}

// Promise 4: queues are bounded.

func TestSlowClientIsClosedAndNobodyElseNotices(t *testing.T) {
	srv := newServer(t, &socketio.Options{SendQueueBytes: 64 << 10})
	ns := srv.Of("/")
	gone := make(chan socketio.Reason, 1)
	ns.OnDisconnect(func(_ context.Context, _ *socketio.Socket, why socketio.Reason) { gone <- why })
	slow, quick := connect(t, srv, "/"), connect(t, srv, "/")
	slow.Pause()
	text := strings.Repeat("x", 1000)
	for n := 0; ; n++ {
		if err := ns.Emit("n", n, text); err != nil {
			t.Fatalf("a broadcast fails because of one member: %v", err)
		}
		var got int
		if err := decodeArg(quick.Expect("n"), 0, &got); err != nil || got != n {
			t.Fatalf("the other client got %d instead of %d: %v", got, n, err)
		}
		select {
		case why := <-gone:
			if why != socketio.ReasonSlow {
				t.Errorf("reason %q", why)
			}
			return
		default:
		}
		if n > 10_000 {
			t.Fatal("a client that reads nothing is still connected after 10 MB")
		}
	}
}

func TestVolatileEventsAreNotQueued(t *testing.T) {
	srv := newServer(t, &socketio.Options{SendQueueBytes: 256 << 10})
	c := connect(t, srv, "/")
	s := srv.Of("/").Sockets()[0]
	c.Pause()
	const events = 5000
	text := strings.Repeat("x", 1000)
	for n := range events {
		arg := any(text)
		if n%2 == 0 {
			arg = []byte(text)
		}
		if err := s.Volatile().Emit("volatile", n, arg); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Emit("last"); err != nil {
		t.Fatal(err)
	}
	c.Resume()
	c.Expect("last")
	got := 0
	for ctx, cancel := context.WithCancel(t.Context()); ; got++ {
		cancel() // all that comes is there already
		if _, err := c.Next(ctx); err != nil {
			break
		}
	}
	if got == 0 || got > events/2 {
		t.Errorf("%d of %d volatile events arrived at a client that did not read", got, events)
	}
}

func TestFullInboxHoldsTheClientBackAndLosesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const events, limit = 5000, 10
		srv := newServer(t, &socketio.Options{InboxEvents: limit})
		release := make(chan struct{})
		var handled []int
		done := make(chan struct{})
		socketio.On(srv.Of("/"), "n", func(_ context.Context, _ *socketio.Socket, n int) error {
			<-release
			if handled = append(handled, n); len(handled) == events {
				close(done)
			}
			return nil
		})
		c := connect(t, srv, "/")
		go func() {
			for n := range events {
				emit(t, c, "n", n)
			}
		}()
		synctest.Wait()
		// What one read brings may still come in after the limit was passed.
		const oneRead = 4096 / 10
		if got := srv.Stats().MessagesReceived; got > limit+oneRead {
			t.Errorf("%d messages were taken from a client whose inbox is full", got)
		}
		close(release)
		<-done
		for n, got := range handled {
			if got != n {
				t.Fatalf("event %d was handled in the place of %d", got, n)
			}
		}
	})
}

// Promise 5: a panic ends the event, not the process.

func TestPanicEndsTheEventOnly(t *testing.T) {
	var log lockedBuffer
	srv := newServer(t, &socketio.Options{Logger: slog.New(slog.NewTextHandler(&log, nil))})
	ns := withSync(srv.Of("/"))
	ns.OnConnect(func(context.Context, *socketio.Socket) { panic("in connect") })
	gone := make(chan struct{})
	ns.OnDisconnect(func(context.Context, *socketio.Socket, socketio.Reason) { panic("in disconnect") })
	ns.OnDisconnect(func(context.Context, *socketio.Socket, socketio.Reason) { close(gone) })
	socketio.On(ns, "panic", func(context.Context, *socketio.Socket, socketio.None) error {
		var none []int
		_ = none[len(ns.Name())]
		return nil
	})
	srv.Of("/guarded").Use(func(context.Context, *socketio.Socket) error { panic("in use") })

	c := connect(t, srv, "/")
	const failure = `{"ok":false,"error":{"code":"internal","message":"Internal error"}}`
	if got := ask(t, c, "panic"); got != failure {
		t.Errorf("acknowledgement %s", got)
	}
	emit(t, c, "panic")
	if got := joined(c.Expect("error").Args); got != `{"code":"internal","message":"Internal error"}` {
		t.Errorf("error %s", got)
	}
	handled(t, c)
	var refused *socketiotest.ConnectError
	if _, err := c.Join(t.Context(), "/guarded", nil); !errors.As(err, &refused) || refused.Message != "Internal error" {
		t.Errorf("panic of a middleware: %v", err)
	}
	handled(t, c)
	c.Disconnect()
	receive(t, gone)
	for _, want := range []string{"in connect", "in use", "in disconnect", "index out of range", "promises_test.go"} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("the log does not tell of %q", want)
		}
	}
}

// Promise 6: Shutdown and Drain close transports and leave nothing behind.

func TestShutdownLeavesNoGoroutine(t *testing.T) {
	for _, end := range []struct {
		name string
		end  func(*socketio.Server, context.Context) error
	}{
		{"shutdown", (*socketio.Server).Shutdown},
		{"drain", func(srv *socketio.Server, ctx context.Context) error {
			if err := srv.Drain(ctx, time.Minute); err != nil {
				return err
			}
			return srv.Shutdown(ctx)
		}},
	} {
		t.Run(end.name, func(t *testing.T) {
			// A goroutine that is left when the function returns fails the test.
			synctest.Test(t, func(t *testing.T) {
				srv := socketio.New(nil)
				ns := srv.Of("/")
				reasons := make(chan socketio.Reason, 3)
				ns.OnDisconnect(func(_ context.Context, _ *socketio.Socket, why socketio.Reason) { reasons <- why })
				socketio.On(ns, "wait", func(ctx context.Context, s *socketio.Socket, _ socketio.None) error {
					_, err := socketio.Call[int](ctx, s, "never answered")
					return err
				})
				clients := []*socketiotest.Client{
					connect(t, srv, "/"), connect(t, srv, "/"),
					socketiotest.Connect(t, srv, "/", &socketiotest.Options{Transport: socketiotest.Polling}),
				}
				emit(t, clients[0], "wait")
				s := ns.Sockets()[0]
				if err := end.end(srv, t.Context()); err != nil {
					t.Fatal(err)
				}
				for _, c := range clients {
					if why := reason(t, c); why != socketiotest.ReasonTransportClose {
						t.Errorf("the client was told %q, after which it does not come back", why)
					}
					if why := receive(t, reasons); why != socketio.ReasonServerShutdown {
						t.Errorf("the server's reason is %q", why)
					}
				}
				mustBe(t, s.Emit("late"), socketio.ErrClosed)
				mustBe(t, ns.Emit("late"), socketio.ErrClosed)
				if _, err := socketiotest.Dial(t.Context(), srv, "/", nil); err == nil {
					t.Error("a client got in after the end")
				}
			})
		})
	}
}
