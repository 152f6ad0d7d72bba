package socketio_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"parley/adapters/memory"
	"parley/server/socketio"
	"parley/server/socketiotest"
)

// answerAll acknowledges each question of the clients with f's value, until the clients end.
func answerAll(clients []*socketiotest.Client, f func(i int) any) {
	for i, c := range clients {
		go func() {
			for {
				e, err := c.Next(context.Background())
				if err != nil {
					return
				}
				if e.WantsAck() {
					_ = e.Ack(f(i))
				}
			}
		}()
	}
}

func mustBePartial(t *testing.T, err error, answered, expected int, cause error) {
	t.Helper()
	var p *socketio.PartialError
	if !errors.As(err, &p) || p.Answered != answered || p.Expected != expected || !errors.Is(err, cause) {
		t.Fatalf("got %v, want %d of %d because of %v", err, answered, expected, cause)
	}
}

func within(t testing.TB, d time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), d)
	t.Cleanup(cancel)
	return ctx
}

func TestThousandSocketsAnswerACallToAll(t *testing.T) {
	const clients = 1000
	srv := newServer(t, nil)
	var all []*socketiotest.Client
	for range clients {
		all = append(all, connect(t, srv, "/"))
	}
	answerAll(all, func(i int) any { return i })
	for range 2 {
		got, err := socketio.CallAll[int](within(t, patience), srv.Of("/").To(), "question", "how many?")
		if err != nil {
			t.Fatal(err)
		}
		slices.Sort(got)
		for i, n := range got {
			if n != i {
				t.Fatalf("answer %d is %d", i, n)
			}
		}
	}
}

func TestCallAllTellsWhoHasNotAnswered(t *testing.T) {
	srv := newServer(t, &socketio.Options{MaxPendingAcks: 1})
	ns := srv.Of("/")
	clients, s := members(t, srv, 3)
	answerAll(clients[:1], func(int) any { return "yes" })

	// One client is mute until the time is over.
	got, err := socketio.CallAll[string](within(t, 50*time.Millisecond), ns.To(), "q")
	mustBePartial(t, err, 1, 3, context.DeadlineExceeded)
	if !slices.Equal(got, []string{"yes"}) || !strings.HasPrefix(err.Error(), "1 of 3 answered") {
		t.Errorf("got %v, %v", got, err)
	}
	cause := errors.New("enough")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(cause)
	_, err = socketio.CallAll[string](ctx, ns.To(s[1].ID()), "q")
	mustBePartial(t, err, 0, 1, context.Canceled)
	mustBe(t, err, cause)

	// What waited is forgotten, so the limit of 1 is free again; with a call that waits it is not.
	done := make(chan error, 1)
	go func() {
		_, err := socketio.Call[string](t.Context(), s[1], "slow")
		done <- err
	}()
	slow := clients[1].Expect("slow")
	_, err = socketio.CallAll[string](within(t, patience), ns.To(s[1].ID()), "q")
	mustBePartial(t, err, 0, 1, socketio.ErrTooManyAcks)
	if !strings.Contains(err.Error(), "MaxPendingAcks is 1") {
		t.Errorf("the error does not name the limit: %v", err)
	}
	if err := slow.Ack("done"); err != nil {
		t.Error(err)
	}
	if err := receive(t, done); err != nil {
		t.Error(err)
	}

	// Who leaves is not waited for.
	go func() {
		clients[2].Expect("leave")
		clients[2].Abort()
	}()
	_, err = socketio.CallAll[string](within(t, patience), ns.To(s[2].ID()), "leave")
	mustBePartial(t, err, 0, 1, socketio.ErrClosed)
	mustBe(t, err, net.ErrClosed)

	if got, err := socketio.CallAll[string](t.Context(), ns.To("nobody"), "q"); err != nil || got != nil {
		t.Errorf("nobody: got %v, %v", got, err)
	}
	_, err = socketio.CallAll[string](t.Context(), ns.To(), "connect")
	mustBe(t, err, socketio.ErrReserved)
}

func TestIDsOfBroadcastsAndCallsDoNotCollide(t *testing.T) {
	srv := newServer(t, nil)
	clients, s := members(t, srv, 1)
	one, all := make(chan string, 1), make(chan []string, 1)
	go func() {
		got, _ := socketio.Call[string](t.Context(), s[0], "one")
		one <- got
	}()
	e := clients[0].Expect("one")
	go func() {
		got, _ := socketio.CallAll[string](t.Context(), srv.Of("/").To(), "all")
		all <- got
	}()
	f := clients[0].Expect("all")
	if err := errors.Join(f.Ack("to all"), f.Ack("again"), e.Ack("to one")); err != nil {
		t.Fatal(err)
	}
	if got := receive(t, one); got != "to one" {
		t.Errorf("got %q", got)
	}
	if got := receive(t, all); !slices.Equal(got, []string{"to all"}) {
		t.Errorf("got %q", got)
	}
}

// Promise 2: acknowledgements never wait behind a handler.
func TestHandlersCallAllTheirOwnClientToo(t *testing.T) {
	srv := newServer(t, &socketio.Options{InboxEvents: 1})
	ns := withSync(srv.Of("/"))
	answers := make(chan []int, 1)
	socketio.On(ns, "survey", func(ctx context.Context, s *socketio.Socket, _ socketio.None) error {
		got, err := socketio.CallAll[int](ctx, s.Namespace().To(), "question")
		answers <- got
		return err
	})
	full := make(chan error, 1)
	socketio.On(ns, "blocked", func(ctx context.Context, s *socketio.Socket, _ socketio.None) error {
		_, err := socketio.CallAll[int](ctx, s.Namespace().To(s.ID()), "never")
		full <- err
		return nil
	})
	clients, _ := members(t, srv, 2)
	emit(t, clients[0], "survey")
	for i, c := range clients {
		if err := c.Expect("question").Ack(i); err != nil {
			t.Fatal(err)
		}
	}
	if got := receive(t, answers); len(got) != 2 {
		t.Errorf("got %v", got)
	}
	// A client that is not read from cannot answer its own handler.
	emit(t, clients[0], "blocked")
	clients[0].Expect("never")
	for range 5 {
		emit(t, clients[0], "noise")
	}
	mustBePartial(t, receive(t, full), 0, 1, socketio.ErrInboxFull)
}

func TestCallEachEndsWithTheLoop(t *testing.T) {
	srv := newServer(t, &socketio.Options{MaxPendingAcks: 1})
	clients, s := members(t, srv, 3)
	answerAll(clients[:2], func(i int) any { return i })
	for range 10 {
		for _, err := range socketio.CallEach[int](within(t, patience), srv.Of("/").To(), "q") {
			if err != nil {
				t.Fatal(err)
			}
			break
		}
	}
	// Nothing of the ten waits for the mute client any more.
	go func() {
		for {
			e, err := clients[2].Next(context.Background())
			if err != nil || e.Name == "last" && e.Ack(1) == nil {
				return
			}
		}
	}()
	if _, err := socketio.Call[int](within(t, patience), s[2], "last"); err != nil {
		t.Error(err)
	}
}

// TestClusterChaos lets clients come, leave and answer while servers call all,
// broadcast, fetch and shut down. Every call ends, and nothing is left of it.
func TestClusterChaos(t *testing.T) {
	bus := memory.NewBus(&memory.Options{Timeout: 100 * time.Millisecond, Fault: func() (time.Duration, bool) {
		return time.Duration(rand.IntN(2000)) * time.Microsecond, rand.IntN(50) == 0
	}})
	var servers []*socketio.Server
	for range 3 {
		srv := newServer(t, &socketio.Options{Adapter: bus.Adapter})
		ns := srv.Of("/")
		ns.OnConnect(func(_ context.Context, s *socketio.Socket) { _ = s.Join("room") })
		socketio.OnServerSideAck(ns, "ping", func(_ context.Context, n int) (int, error) { return n, nil })
		servers = append(servers, srv)
	}
	stop := make(chan struct{})
	running := func() bool {
		select {
		case <-stop:
			return false
		default:
			return true
		}
	}
	var wg sync.WaitGroup
	for i, srv := range servers {
		ns := srv.Of("/")
		for range 4 {
			wg.Go(func() {
				for running() {
					c, err := socketiotest.Dial(within(t, patience), srv, "/", nil)
					if err != nil {
						return // the server has shut down
					}
					for range rand.IntN(8) {
						e, err := c.Next(within(t, 20*time.Millisecond))
						if err == nil && e.WantsAck() {
							_ = e.Ack(i)
						}
					}
					c.Abort()
				}
			})
		}
		wg.Go(func() {
			for n := 0; running(); n++ {
				ctx, cancel := context.WithTimeout(context.Background(), time.Duration(1+rand.IntN(20))*time.Millisecond)
				got, err := socketio.CallAll[int](ctx, ns.To("room"), "q", []byte("binary"))
				var p *socketio.PartialError
				if errors.As(err, &p) && p.Answered != len(got) {
					t.Errorf("%d answers, %v", len(got), err)
				}
				_, _ = ns.To().FetchSockets(ctx)
				_, _ = socketio.ServerSideCall[int](ctx, ns, "ping", n)
				_ = ns.To("room").Join("other")
				_ = ns.To("other").Leave("other")
				if n%10 == 0 {
					_ = ns.To("room").Disconnect(false)
				}
				cancel()
			}
		})
	}
	time.Sleep(300 * time.Millisecond)
	shutdown(t, servers[0])
	close(stop)
	wg.Wait()
}
