package adaptertest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"parley/server/adapter"
	"parley/server/socketio"
	"parley/server/socketiotest"
)

// RunRecovery runs the suite of what an adapter.Recoverer must do besides. Begin is as in
// Run.
func RunRecovery(t *testing.T, begin func(t *testing.T) Connector) {
	for _, test := range []struct {
		name string
		run  func(*refuge)
	}{
		{"clients come back to any server", comebacks},
		{"clients come back under load", nomads},
		{"what is not kept comes behind what is", sequence},
		{"clients come back before it is noticed that they are gone", takeovers},
		{"a session is taken over by its user only", thieves},
		{"several take a session over at once", claims},
		{"what is not known is not recovered", strangers},
	} {
		t.Run(test.name, func(t *testing.T) { test.run(newRefuge(t, begin(t))) })
	}
}

// A refuge is a namespace with recovery on three servers.
type refuge struct {
	*testing.T
	servers [servers]*socketio.Server
	ns      [servers]*socketio.Namespace
	sockets chan *socketio.Socket
	ends    chan end
}

// An end is that of a socket, as the disconnect hooks see it.
type end struct {
	server int
	id     string
	why    socketio.Reason
}

// A login is what clients bring.
type login struct {
	socketiotest.State
	User string `json:"user"`
}

var nick = socketio.NewSharedKey[string]("nick")

func newRefuge(t *testing.T, connect Connector) *refuge {
	r := &refuge{T: t, sockets: make(chan *socketio.Socket, 1000), ends: make(chan end, 1000)}
	var adapters []adapter.Adapter
	for i := range r.servers {
		r.servers[i] = socketio.New(&socketio.Options{
			PingInterval: patience, PingTimeout: patience, // however loaded the machine is
			Adapter: func(local adapter.Local) (adapter.Adapter, error) {
				a, err := connect(local)
				if err == nil && local.Namespace() == "/refuge" {
					if _, ok := a.(adapter.Recoverer); !ok {
						t.Fatal("the adapter is no adapter.Recoverer")
					}
					adapters = append(adapters, a)
				}
				return a, err
			},
		})
		r.ns[i] = r.servers[i].Of("/refuge")
		r.ns[i].EnableRecovery(socketio.Recovery{Window: time.Minute, MaxWait: patience, User: func(s *socketio.Socket) string {
			var in login
			_ = json.Unmarshal(s.Handshake().Auth, &in)
			return in.User
		}})
		r.ns[i].OnConnect(func(_ context.Context, s *socketio.Socket) { r.sockets <- s })
		r.ns[i].OnDisconnect(func(_ context.Context, s *socketio.Socket, why socketio.Reason) { r.ends <- end{i, s.ID(), why} })
		t.Cleanup(func() {
			ctx, cancel := context.WithTimeout(context.Background(), patience)
			defer cancel()
			if err := r.servers[i].Shutdown(ctx); err != nil {
				t.Errorf("Shutdown: %v", err)
			}
		})
	}
	for _, a := range adapters {
		r.until("the number of servers", func() bool {
			n, err := a.ServerCount(t.Context())
			return err == nil && n == servers
		})
	}
	return r
}

func (r *refuge) until(what string, ok func() bool) {
	r.Helper()
	(&cluster{T: r.T}).until(what, ok)
}

// dial connects a client, with the state of an earlier one or none.
func (r *refuge) dial(server int, state socketiotest.State) *socketiotest.Client {
	r.Helper()
	return r.dialAs("", server, state)
}

func (r *refuge) dialAs(user string, server int, state socketiotest.State) *socketiotest.Client {
	r.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	opts := &socketiotest.Options{Auth: login{state, user}, MessagePack: rand.IntN(3) == 0}
	c, err := socketiotest.Dial(ctx, r.servers[server], "/refuge", opts)
	if err != nil {
		r.Error(err)
		return nil
	}
	return c
}

// back connects a client that must get its state back, whatever the server that it came from has noticed.
func (r *refuge) back(server int, state socketiotest.State) *socketiotest.Client {
	r.Helper()
	c := r.dial(server, state)
	if c != nil && c.State().PID != state.PID {
		r.Errorf("a client cannot recover on server %d", server)
		return nil
	}
	return c
}

func comebacks(r *refuge) {
	c := r.dial(0, socketiotest.State{})
	s := <-r.sockets
	if s.Join("red") != nil || nick.Set(s, "ann") != nil {
		r.Fatal("no room, no value")
	}
	for round := range 6 {
		from, to := round%servers, (round+1)%servers
		emit := func(t socketio.Target, n int) {
			if err := t.Emit("e", n); err != nil {
				r.Error(err)
			}
		}
		hear := func(numbers ...int) {
			for _, n := range numbers {
				var got int
				if err := json.Unmarshal(c.Expect("e").Args[0], &got); err != nil || got != n {
					r.Fatalf("round %d: got %d, %v, want %d", round, got, err, n)
				}
			}
		}
		emit(r.ns[to].To("red"), round)
		hear(round)
		state := c.State()
		c.Abort()
		r.until("the server has noticed", func() bool { return r.servers[from].Stats().Away == 1 })
		emit(r.ns[0].To("red"), 10)
		emit(r.ns[0].To(s.ID()), 11)
		emit(r.ns[0].To(), 12)
		emit(r.ns[0].To("blue"), 100)
		emit(r.ns[0].Except("red"), 101)
		if err := r.ns[0].To().Volatile().Emit("volatile"); err != nil { // comes, or does not
			r.Error(err)
		}
		if c = r.back(to, state); c == nil {
			return
		}
		hear(10, 11, 12)
		again := <-r.sockets
		if again.ID() != s.ID() {
			r.Fatal("another id")
		}
		if name, _ := nick.Get(again); name != "ann" || !slices.Equal(again.Rooms(), []string{"red"}) || !again.Recovered() {
			r.Errorf("nick %q, rooms %v, recovered %t", name, again.Rooms(), again.Recovered())
		}
		emit(again.To(), 13) // to the others
		emit(r.ns[from].To("red"), 14)
		hear(14)
	}
}

// nomads: clients that go from server to server, while all servers send, get each event once
// and in the one order.
func nomads(r *refuge) {
	const clients, span = 8, 1500 * time.Millisecond
	ctx, cancel := context.WithTimeout(r.Context(), span)
	defer cancel()
	var sending, living sync.WaitGroup
	for source := range servers {
		sending.Go(func() {
			for n := 1; ctx.Err() == nil; n++ {
				if err := r.ns[source].Emit("e", source, n); err != nil {
					r.Errorf("server %d: %v", source, err)
				}
				time.Sleep(time.Duration(rand.IntN(3)) * time.Millisecond)
			}
		})
	}
	var comebacks atomic.Int64
	heard := make([][]string, clients)
	for i := range clients {
		living.Go(func() {
			c := r.dial(i%servers, socketiotest.State{})
			for at := i; c != nil; at++ {
				brief, cancel := context.WithTimeout(ctx, time.Duration(rand.IntN(60))*time.Millisecond)
				state := hear(brief, c, &heard[i])
				cancel()
				if ctx.Err() != nil {
					break
				}
				old := c
				old.Pause()
				var noticed sync.WaitGroup
				switch rand.IntN(3) { // otherwise its server notices nothing
				case 0:
					old.Abort()
					time.Sleep(time.Duration(rand.IntN(20)) * time.Millisecond)
				case 1:
					noticed.Go(func() {
						time.Sleep(time.Duration(rand.IntN(5)) * time.Millisecond)
						old.Abort()
					})
				}
				c = r.back((at+1)%servers, state)
				noticed.Wait()
				old.Abort()
				comebacks.Add(1)
			}
			if c == nil {
				return
			}
			sending.Wait()
			for source := range servers { // the last of each
				for !slices.Contains(heard[i], fmt.Sprint(source, "end")) {
					patient, cancel := context.WithTimeout(context.Background(), patience)
					hear(patient, c, &heard[i], fmt.Sprint(source, "end"))
					cancel()
					if patient.Err() == context.DeadlineExceeded {
						r.Errorf("client %d: the end did not come", i)
						return
					}
				}
			}
		})
	}
	sending.Wait()
	for source := range servers {
		if err := r.ns[source].Emit("e", source, "end"); err != nil {
			r.Error(err)
		}
	}
	living.Wait()
	longest := slices.MaxFunc(heard, func(a, b []string) int { return len(a) - len(b) })
	for i, all := range heard {
		if len(all) < servers || !slices.Equal(all, longest[len(longest)-len(all):]) {
			r.Errorf("client %d has heard something else: %d of %d events", i, len(all), len(longest))
		}
	}
	if comebacks.Load() < clients || len(longest) < 100 {
		r.Errorf("%d comebacks, %d events", comebacks.Load(), len(longest))
	}
}

// hear takes in events until ctx ends, or until one of them, and returns the state of a
// client that has received no others.
func hear(ctx context.Context, c *socketiotest.Client, heard *[]string, until ...string) socketiotest.State {
	state := socketiotest.State{PID: c.State().PID}
	for {
		e, err := c.Next(ctx)
		if err != nil {
			return state
		}
		_ = json.Unmarshal(e.Args[len(e.Args)-1], &state.Offset)
		var number any
		_ = json.Unmarshal(e.Args[1], &number)
		text := fmt.Sprint(string(e.Args[0]), number)
		*heard = append(*heard, text)
		if slices.Contains(until, text) {
			return state
		}
	}
}

// sequence: what has no place in the log does not overtake what waits for one, of each of several goroutines.
func sequence(r *refuge) {
	const sources, events = 3, 400
	c := r.dial(0, socketiotest.State{})
	s := <-r.sockets
	past, cancel := context.WithCancel(r.Context())
	cancel()
	call := func(source, n int) error {
		if _, err := socketio.Call[int](past, s, "e", source, n); !errors.Is(err, context.Canceled) {
			return err
		}
		return nil
	}
	emitters := []func(source, n int) error{
		func(source, n int) error { return s.Emit("e", source, n) },
		call,
		func(source, n int) error { return r.ns[0].Emit("e", source, n) },
		func(source, n int) error { return r.ns[0].Local().Emit("e", source, n) },
	}
	var sending sync.WaitGroup
	for source := range sources {
		sending.Go(func() {
			for n := range events {
				if err := emitters[rand.IntN(len(emitters))](source, n); err != nil {
					r.Errorf("source %d: %v", source, err)
				}
			}
		})
	}
	var next [sources]int
	for range sources * events {
		var source, n int
		e := c.Expect("e")
		if err := errors.Join(json.Unmarshal(e.Args[0], &source), json.Unmarshal(e.Args[1], &n)); err != nil || n != next[source] {
			r.Errorf("source %d: got %d, %v, want %d", source, n, err, next[source])
			break
		}
		next[source]++
	}
	sending.Wait()
}

func strangers(r *refuge) {
	first := r.dial(0, socketiotest.State{})
	if err := r.ns[0].Emit("e", 0, 0); err != nil {
		r.Fatal(err)
	}
	first.Expect("e")
	known := first.State()
	for what, state := range map[string]socketiotest.State{
		"pid":              {PID: "unknown", Offset: known.Offset},
		"hostile pid":      {PID: "*{}\r\n", Offset: known.Offset},
		"pid of somebody":  {PID: first.ID(), Offset: known.Offset},
		"without anything": {},
	} {
		if c := r.dial(1, state); c == nil || c.State().PID == state.PID {
			r.Errorf("%s: recovered", what)
		}
	}
	for _, offset := range []string{"0-0", "1-1", "x", "99999999999999-0", "-", "+"} {
		c := r.dial(0, socketiotest.State{})
		state := c.State()
		state.Offset = offset
		c.Abort()
		r.until("the server has noticed", func() bool { return r.servers[0].Stats().Away > 0 })
		back := r.dial(1, state)
		if back == nil || back.State().PID == state.PID {
			r.Errorf("offset %s: recovered", offset)
			continue
		}
		if err := r.ns[2].Emit("e", 1, 1); err != nil {
			r.Fatal(err)
		}
		back.Expect("e") // with a session of its own
	}
}
