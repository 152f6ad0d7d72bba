package adaptertest

import (
	"encoding/json"
	"fmt"
	"slices"
	"sync"

	"parley/server/socketio"
	"parley/server/socketiotest"
)

// takeovers: the old socket has ended, in the words of a lost connection, before there is a new one.
func takeovers(r *refuge) {
	c := r.dial(0, socketiotest.State{})
	s := <-r.sockets
	if s.Join("red") != nil || nick.Set(s, "ann") != nil {
		r.Fatal("no room, no value")
	}
	for round := range 2 * servers {
		from, to := round%servers, (round+1)%servers
		state := c.State()
		c.Pause()
		room := fmt.Sprint("room", round)
		if err := r.ns[to].To(s.ID()).Join(room); err != nil { // while away, without anybody's knowing
			r.Fatal(err)
		}
		for n, target := range []socketio.Target{r.ns[to].To("red"), r.ns[to].To(s.ID()), r.ns[to].To(room)} {
			if err := target.Emit("e", n); err != nil {
				r.Fatal(err)
			}
		}
		old := c
		if c = r.back(to, state); c == nil {
			return
		}
		if got := <-r.ends; got != (end{from, s.ID(), socketio.ReasonTransportClose}) {
			r.Fatalf("the old socket: %v", got)
		}
		again := <-r.sockets
		if again.ID() != s.ID() || !again.Recovered() || again.Namespace() != r.ns[to] || !slices.Contains(again.Rooms(), room) {
			r.Fatalf("id %s, recovered %t, rooms %v", again.ID(), again.Recovered(), again.Rooms())
		}
		if name, _ := nick.Get(again); name != "ann" {
			r.Errorf("nick %q", name)
		}
		if err := r.ns[from].To(room).Emit("e", 3); err != nil {
			r.Fatal(err)
		}
		for want := range 4 {
			var got int
			if err := json.Unmarshal(c.Expect("e").Args[0], &got); err != nil || got != want {
				r.Fatalf("round %d: got %d, %v, want %d", round, got, err, want)
			}
		}
		old.Resume()
		r.until("the old connection is closed", func() bool { return closed(old) })
		if here := len(r.ns[from].Sockets()); here != 0 {
			r.Errorf("%d sockets on the old server", here)
		}
	}
}

func closed(c *socketiotest.Client) bool {
	select {
	case <-c.Done():
		return true
	default:
		return false
	}
}

// thieves: who knows a pid ends nobody's socket.
func thieves(r *refuge) {
	c := r.dialAs("ann", 0, socketiotest.State{})
	s := <-r.sockets
	state := c.State()
	for server := range servers {
		thief := r.dialAs("eve", server, state)
		if thief == nil || thief.State().PID == state.PID || thief.ID() == s.ID() {
			r.Error("another user got the session")
		}
	}
	if !s.Connected() || closed(c) || len(r.ends) > 0 {
		r.Fatal("another user ended the socket")
	}
	c.Pause()
	back := r.dialAs("ann", 1, state)
	if back == nil || back.State().PID != state.PID || back.ID() != s.ID() {
		r.Error("its user did not get the session")
	}
}

// claims: of clients that bring one pid at the same time one has the session in the end, whether its old socket is there or not.
func claims(r *refuge) {
	for round := range 10 {
		c := r.dial(0, socketiotest.State{})
		id := (<-r.sockets).ID()
		state := c.State()
		if c.Pause(); round%2 == 0 {
			c.Abort()
		}
		var all [2 * servers]*socketiotest.Client
		var work sync.WaitGroup
		for i := range all {
			work.Go(func() { all[i] = r.dial(i%servers, state) })
		}
		work.Wait()
		r.until("one has the session", func() bool {
			clients, sockets := 0, 0
			for _, c := range all {
				if c != nil && c.State().PID == state.PID && !closed(c) {
					clients++
				}
			}
			for _, ns := range r.ns {
				for _, s := range ns.Sockets() {
					if s.ID() == id {
						sockets++
					}
				}
			}
			if sockets > 1 {
				r.Fatalf("%d sockets have the id", sockets)
			}
			return clients == 1 && sockets == 1
		})
		for range all {
			<-r.sockets
		}
	}
}
