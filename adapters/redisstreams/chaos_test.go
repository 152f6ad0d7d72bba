package redisstreams_test

import (
	"context"
	"encoding/json"
	"flag"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"parley/adapters/redisconn/redistest"
	"parley/server/socketio"
	"parley/server/socketiotest"
)

var chaos = flag.Duration("chaos", 2500*time.Millisecond, "how long TestTruth lasts")

// TestTruth: Redis stands still, or dies and comes back with what it had, at any time; clients go from server to server.
// Who is told that it has recovered has missed nothing while it was away, and nobody gets anything twice.
func TestTruth(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t, "--appendonly", "yes", "--appendfsync", "always")
	opts := options()
	opts.MaxDelay = 200 * time.Millisecond
	all := sites(t, 3, server.Client(t), opts, socketio.Recovery{})
	ctx, cancel := context.WithTimeout(context.Background(), *chaos)
	defer cancel()
	var running sync.WaitGroup
	for source, s := range all {
		running.Go(func() {
			for n := 1; ctx.Err() == nil; n++ {
				_ = s.ns.Emit("e", source, n)
				time.Sleep(time.Duration(5+rand.IntN(10)) * time.Millisecond)
			}
		})
	}
	var connects atomic.Int64
	for i := range 6 {
		running.Go(func() {
			n := &nomad{T: t, next: make(map[int]int)}
			for at := i; ctx.Err() == nil; at++ {
				n.visit(ctx, all[at%len(all)])
				connects.Add(1)
				time.Sleep(time.Duration(20+rand.IntN(200)) * time.Millisecond)
			}
		})
	}
	for ctx.Err() == nil {
		time.Sleep(time.Duration(200+rand.IntN(1000)) * time.Millisecond)
		end, begin := server.Pause, server.Resume
		if rand.IntN(2) == 0 {
			end, begin = server.Kill, server.Restart
		}
		end()
		time.Sleep(time.Duration(rand.IntN(600)) * time.Millisecond)
		begin()
	}
	running.Wait()
	if connects.Load() < 6 {
		t.Errorf("%d connects", connects.Load())
	}
}

// A nomad goes from server to server. Of each source it expects the numbers in order.
type nomad struct {
	*testing.T
	state socketiotest.State
	next  map[int]int
}

func (n *nomad) visit(ctx context.Context, s *site) {
	patient, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	c, err := socketiotest.Dial(patient, s.server, "/stage", &socketiotest.Options{Auth: n.state})
	if err != nil {
		n.Error(err)
		return
	}
	defer c.Abort()
	if pid := c.State().PID; pid != n.state.PID {
		n.state = socketiotest.State{PID: pid}
		clear(n.next)
	}
	heard := make(map[int]bool)
	brief, cancel := context.WithTimeout(ctx, time.Duration(rand.IntN(500))*time.Millisecond)
	defer cancel()
	for {
		e, err := c.Next(brief)
		if err != nil {
			return
		}
		var source, number int
		if json.Unmarshal(e.Args[0], &source) != nil || json.Unmarshal(e.Args[1], &number) != nil || json.Unmarshal(e.Args[2], &n.state.Offset) != nil {
			n.Errorf("event %s", e.Args)
		}
		// A connected client may miss what another server could not pass on.
		if want := n.next[source]; want != 0 && (number < want || number > want && !heard[source]) {
			n.Errorf("source %d: got %d, want %d", source, number, want)
		}
		n.next[source], heard[source] = number+1, true
	}
}
