package socketio_test

import (
	"context"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"parley/server/adapter"
	"parley/server/socketio"
)

func TestMissedHooksRunOnceForLossesTogether(t *testing.T) {
	var log lockedBuffer
	srv, b := brokenServer(t, &log)
	began, finish := make(chan context.Context, 10), make(chan struct{})
	srv.Of("/").OnMissed(func(ctx context.Context) {
		began <- ctx
		<-finish
	})
	srv.Of("/").OnMissed(func(context.Context) { panic("ouch") })
	b.local.Missed()
	ctx := receive(t, began)
	for range 5 {
		b.local.Missed() // together with the next
	}
	close(finish)
	receive(t, began)
	shutdown(t, srv)
	if ctx.Err() == nil || len(began) > 0 {
		t.Errorf("%v, %d more", ctx.Err(), len(began))
	}
	b.local.Missed()
	text, warning := log.String(), `level=WARN msg="messages of other servers may have been lost"`
	if strings.Count(text, "may have been lost") != 1 || !strings.Contains(text, warning) {
		t.Errorf("want one warning of it: %s", text)
	}
}

// TestMissedHooksRunNowAndThen, however many losses there are one after the other.
func TestMissedHooksRunNowAndThen(t *testing.T) {
	var log lockedBuffer
	srv, b := brokenServer(t, &log)
	var runs atomic.Int64
	srv.Of("/").OnMissed(func(context.Context) { runs.Add(1) })
	began := time.Now()
	for range 30 {
		b.local.Missed()
		time.Sleep(time.Millisecond)
	}
	waitFor(t, "the hooks run", func() bool { return runs.Load() > 0 })
	if most := 2 + time.Since(began).Milliseconds()/100; runs.Load() > most {
		t.Errorf("%d runs, want %d at most", runs.Load(), most)
	}
	shutdown(t, srv)
}

func TestShutdownWaitsForMissedHooks(t *testing.T) {
	var log lockedBuffer
	srv, b := brokenServer(t, &log)
	began := make(chan struct{})
	ended := false
	srv.Of("/").OnMissed(func(ctx context.Context) {
		close(began)
		<-ctx.Done()
		ended = true
	})
	b.local.Missed()
	receive(t, began)
	if shutdown(t, srv); !ended {
		t.Error("the hook still runs")
	}
}

// TestWhoMissedEventsOfOthersDoesNotRecover: with a log of its own a server cannot know
// what else there was.
func TestWhoMissedEventsOfOthersDoesNotRecover(t *testing.T) {
	var log lockedBuffer
	srv, b := brokenServer(t, &log)
	l := newLoungeOn(t, srv, socketio.Recovery{})
	away, _ := l.guest(nil)
	here, _ := l.guest(nil)
	l.emit(l, 1)
	hears(t, away, 1)
	hears(t, here, 1)
	before := away.State()
	l.cut(away)
	b.local.Missed()
	back, s := l.guest(before)
	recovered(t, back, s, before, false)

	l.emit(l, 2)
	hears(t, here, 2) // after the gap, which it does not know of
	before = here.State()
	l.cut(here)
	back, s = l.guest(before)
	recovered(t, back, s, before, false)

	b.local.Unsent() // those who are here have missed nothing that was sent to them
	l.emit(l, 3)
	hears(t, back, 3)
	before = back.State()
	l.cut(back)
	l.emit(l, 4)
	back, s = l.guest(before)
	recovered(t, back, s, before, true)
	hears(t, back, 4)
}

// TestRoomsOfClientsThatAreAwayStay: what other servers send there must arrive.
func TestRoomsOfClientsThatAreAwayStay(t *testing.T) {
	var log lockedBuffer
	srv, b := brokenServer(t, &log)
	l := newLoungeOn(t, srv, socketio.Recovery{})
	rooms := func(want ...string) {
		t.Helper()
		waitFor(t, "rooms "+strings.Join(want, " "), func() bool {
			b.mu.Lock()
			defer b.mu.Unlock()
			return slices.Equal(b.rooms, want)
		})
	}
	c, s := l.guest(nil)
	if err := s.Join("red", "blue"); err != nil {
		t.Fatal(err)
	}
	rooms("+own", "+red", "+blue")
	state := c.State()
	l.cut(c)
	waitFor(t, "the client is away", func() bool { return srv.Stats().Away == 1 })
	if err := s.Join("green", "red"); err != nil {
		t.Fatal(err)
	}
	s.Leave("blue")
	rooms("+own", "+red", "+blue", "+green")
	if !b.local.HasRoom("green") || !b.local.HasRoom(s.ID()) {
		t.Error("the rooms are not held")
	}
	p := adapter.Payload{Data: []byte(`["e",1]`)}
	if err := b.local.Deliver(p, adapter.Selection{Rooms: []string{"green"}}, adapter.Flags{}); err != nil {
		t.Fatal(err)
	}
	back, s := l.guest(state)
	hears(t, back, 1)
	rooms("+own", "+red", "+blue", "+green", "-blue")
	back.Disconnect()
	receive(t, l.ended)
	waitFor(t, "no room is left", func() bool { return !b.local.HasRoom("green") && !b.local.HasRoom(s.ID()) })
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, room := range []string{"own", "red", "blue", "green"} {
		if !slices.Contains(b.rooms, "-"+room) || len(b.rooms) != 8 {
			t.Errorf("%v", b.rooms)
		}
	}
}
