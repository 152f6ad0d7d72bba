package socketio_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"regexp"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"parley/server/socketio"
	"parley/server/socketiotest"
)

// A nomad is a client that is cut again and again, and what it must get: from each
// source the numbers from 1 on.
type nomad struct {
	*testing.T
	srv   *socketio.Server
	name  string // of the namespace
	state socketiotest.State
	id    string
	next  map[string]int
	lost  int // how often it had to start anew
}

// connect comes back, or anew the first time.
func (n *nomad) connect(ctx context.Context) *socketiotest.Client {
	c, err := socketiotest.Dial(ctx, n.srv, n.name, &socketiotest.Options{Auth: n.state, MessagePack: rand.IntN(3) == 0})
	if err != nil {
		n.Errorf("connect: %v", err)
		return nil
	}
	if pid := c.State().PID; pid != n.state.PID {
		n.lost++
		clear(n.next)
		n.state, n.id = socketiotest.State{PID: pid}, c.ID()
	} else if c.ID() != n.id {
		n.Errorf("recovered with the id %s, not %s", c.ID(), n.id)
	}
	return c
}

// hear takes in events until one of the name comes or ctx ends.
func (n *nomad) hear(ctx context.Context, c *socketiotest.Client, until string) {
	for {
		e, err := c.Next(ctx)
		if err != nil || e.Name == until {
			return
		}
		var number int
		if err := decodeArg(e, 0, &number); err != nil {
			n.Errorf("%s: %v", e.Name, err)
		}
		if want := n.next[e.Name]; want != 0 && number != want {
			n.Errorf("%s: %d, want %d", e.Name, number, want)
		}
		n.next[e.Name] = number + 1
		n.state.Offset = offsetOf(n.T, e)
	}
}

func offsetOf(t *testing.T, e socketiotest.Event) (offset string) {
	if err := decodeArg(e, len(e.Args)-1, &offset); err != nil {
		t.Errorf("no offset: %v", err)
	}
	return offset
}

// live is cut and comes back until the time is over.
func (n *nomad) live(ctx context.Context) {
	for ctx.Err() == nil {
		c := n.connect(context.Background())
		if c == nil {
			return
		}
		brief, cancel := context.WithTimeout(ctx, time.Duration(rand.IntN(15))*time.Millisecond)
		n.hear(brief, c, "")
		cancel()
		c.Abort() // what it has got besides, it has not heard, and gets again
		if rand.IntN(4) == 0 {
			time.Sleep(time.Duration(rand.IntN(10)) * time.Millisecond)
		}
	}
	if c := n.connect(context.Background()); c != nil {
		if err := c.Emit("last"); err != nil {
			n.Error(err)
		}
		patient, cancel := context.WithTimeout(context.Background(), patience)
		n.hear(patient, c, "end")
		if patient.Err() != nil {
			n.Error("the end did not come")
		}
		cancel()
		c.Disconnect()
	}
}

// TestRecoveryChaos: clients of children that come and go are cut at random while other
// servers, handlers and listeners send. No event is missing and none comes twice;
// afterwards nothing is left.
func TestRecoveryChaos(t *testing.T) {
	const rooms, clients, span = 3, 24, 1200 * time.Millisecond
	_, _, srv := pair(t, nil, socketio.Options{PingInterval: time.Second, PingTimeout: time.Second})
	re := regexp.MustCompile(`^/room-[0-9]$`)
	parent := srv[0].OfRegexp(re)
	parent.EnableRecovery(socketio.Recovery{Window: 10 * time.Second})
	var came, gone atomic.Int64
	parent.OnConnect(func(_ context.Context, s *socketio.Socket) {
		if !s.Recovered() {
			came.Add(1)
		}
		_ = s.Join("all", fmt.Sprint("r", rand.IntN(5)))
	})
	parent.OnGone(func(context.Context, *socketio.Socket) { gone.Add(1) })
	parent.OnRoomChange(func(socketio.RoomChange, string, *socketio.Socket) {})
	parent.OnAnyOutgoing(func(s *socketio.Socket, _ socketio.Event) { _ = s.Namespace().Rooms() })
	socketio.On(parent, "last", func(_ context.Context, s *socketio.Socket, _ socketio.None) error { return s.Emit("end") })

	ctx, cancel := context.WithTimeout(t.Context(), span)
	defer cancel()
	var sending, living sync.WaitGroup
	for room := range rooms {
		name := fmt.Sprint("/room-", room)
		srv[1].Of(name)
		for source, emit := range map[string]func(n int) error{
			"here":   func(n int) error { return emitTo(srv[0].Lookup(name), n, "here") },
			"there":  func(n int) error { return srv[1].Of(name).To("all").Emit("there", n) },
			"parent": func(n int) error { return emitTo(parent, n, fmt.Sprint("parent", room)) },
		} {
			sending.Go(func() {
				for n := 1; ctx.Err() == nil; n++ {
					if err := emit(n); err != nil {
						t.Errorf("%s: %v", source, err)
					}
					time.Sleep(time.Duration(rand.IntN(3)) * time.Millisecond)
				}
			})
		}
	}
	nomads := make([]*nomad, clients)
	for i := range nomads {
		nomads[i] = &nomad{T: t, srv: srv[0], name: fmt.Sprint("/room-", i%rooms), next: make(map[string]int)}
		living.Go(func() { nomads[i].live(ctx) })
	}
	for range 20 { // strangers, who leave for good
		living.Go(func() {
			for ctx.Err() == nil {
				if c, err := socketiotest.Dial(context.Background(), srv[0], fmt.Sprint("/room-", 3+rand.IntN(3)), nil); err == nil {
					c.Disconnect()
					c.Close()
				}
				time.Sleep(5 * time.Millisecond)
			}
		})
	}
	sending.Wait()
	living.Wait()
	heard := 0
	for _, n := range nomads {
		if n.lost != 1 {
			t.Errorf("a client had to start anew %d times", n.lost-1)
		}
		for _, next := range n.next {
			heard += next
		}
	}
	if heard == 0 {
		t.Error("nothing was sent")
	}
	waitFor(t, "nothing is left", func() bool {
		stats := srv[0].Stats()
		return slices.Equal(names(srv[0]), []string{"/"}) && stats.Away == 0 && stats.Sockets == 0 && came.Load() == gone.Load()
	})
}

func emitTo(ns *socketio.Namespace, n int, event string) error {
	if ns == nil { // nobody has come yet
		return nil
	}
	return ns.Emit(event, n)
}
