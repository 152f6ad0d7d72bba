package redisstreams_test

import (
	"context"
	"testing"
	"time"

	"parley/adapters/redisconn/redistest"
	"parley/server/socketio"
	"parley/server/socketiotest"
)

// TestRedisGoesAndComesBack: local delivery goes on, nothing comes twice, and who was away
// meanwhile is not told that he has missed nothing.
func TestRedisGoesAndComesBack(t *testing.T) {
	t.Parallel()
	redis := redistest.Start(t)
	opts := options()
	opts.MaxDelay = 100 * time.Millisecond
	s := sites(t, 2, redis.Client(t), opts, socketio.Recovery{})
	a, b := s[0].dial(socketiotest.State{}), s[1].dial(socketiotest.State{})
	s[0].emit(1)
	s[0].hears(a, 1)
	s[1].hears(b, 1)
	away := s[0].cut(s[0].dial(socketiotest.State{}))
	s[0].synced()

	redis.Kill()
	s[0].emit(2, 3)
	s[0].hears(a, 2, 3)
	s[0].emit(4) // at once: nobody waits any more
	s[0].hears(a, 4)
	s[1].emit(5)
	s[1].hears(b, 5)
	s[0].until("the health says so", func() bool { return !s[0].cluster.Health().OK() })
	redis.Restart()
	for _, s := range s {
		s.until("the health says so", func() bool { return s.cluster.Health().OK() })
		s.until("the gap is told", func() bool { return s.missed.Load() > 0 })
		s.synced()
	}
	s[1].recovers(away, false)
	state := s[0].cut(a) // has heard something without a place
	s[0].emit(6)
	s[1].recovers(state, false)

	// From now on all is well.
	s[0].until("events have a place again", func() bool {
		c := s[0].dial(socketiotest.State{})
		s[1].emit(7)
		for s[0].next(c) != 7 {
		}
		state := s[0].cut(c)
		s[0].emit(8)
		s[0].synced()
		back := s[1].dial(state)
		return back.State().PID == state.PID && s[1].next(back) == 8
	})
}

// TestRedisStandsStill: what was queued while Redis stood still comes once.
func TestRedisStandsStill(t *testing.T) {
	t.Parallel()
	redis := redistest.Start(t)
	opts := options()
	opts.MaxDelay = 100 * time.Millisecond
	s := sites(t, 2, redis.Client(t), opts, socketio.Recovery{})
	a, b := s[0].dial(socketiotest.State{}), s[1].dial(socketiotest.State{})
	away := s[1].cut(s[1].dial(socketiotest.State{}))
	s[1].synced()
	redis.Pause()
	s[0].emit(1, 2)
	s[0].hears(a, 1, 2)
	s[0].emit(3)
	s[0].hears(a, 3)
	redis.Resume()
	s[1].hears(b, 1, 2, 3)
	s[0].synced()
	s[0].emit(4)
	s[0].hears(a, 4) // and nothing twice before
	s[1].hears(b, 4)
	s[0].until("the others know", func() bool { return s[1].missed.Load() > 0 })
	s[0].recovers(away, false)
}

// TestManyMayWaitBehindAnEvent: what needs no place does not keep events from waiting for theirs.
func TestManyMayWaitBehindAnEvent(t *testing.T) {
	t.Parallel()
	redis := redistest.Start(t)
	opts := options()
	opts.MaxPending, opts.MaxDelay = 5, time.Minute
	s := sites(t, 1, redis.Client(t), opts, socketio.Recovery{})[0]
	c := s.dial(socketiotest.State{})
	s.emit(1)
	s.hears(c, 1)
	socket := s.ns.Sockets()[0]
	redis.Pause()
	s.emit(2)
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	for n := range 20 {
		_, _ = socketio.Call[int](ended, socket, "e", 3+n)
	}
	early := s.sent.Load() > 1
	redis.Resume()
	for n := range 21 {
		s.hears(c, 2+n)
	}
	if early {
		t.Error("the event has not waited for its place")
	}
	s.recovers(s.cut(c), true)
}

// TestLossesAreTold: nobody recovers who may have missed what one server did not publish.
func TestLossesAreTold(t *testing.T) {
	t.Parallel()
	redis := redistest.Start(t)
	for _, secret := range [][]byte{nil, []byte("0123456789abcdef0123456789abcdef")} {
		opts := options()
		opts.Secret = secret
		s := sites(t, 2, redis.Client(t), opts, socketio.Recovery{})
		away := s[1].cut(s[1].dial(socketiotest.State{}))
		if err := s[0].cluster.Lost(t.Context(), "/stage"); err != nil {
			t.Fatal(err)
		}
		for _, site := range s {
			site.until("it is known", func() bool { return site.missed.Load() > 0 })
		}
		s[1].recovers(away, false)
		s[0].recovers(s[0].cut(s[0].dial(socketiotest.State{})), true)
		if err := s[0].cluster.Flush(t.Context(), "/stage"); err != nil {
			t.Error(err)
		}
	}
}

// TestRedisIsAwayAtTheStart: servers come up all the same, and find each other later.
func TestRedisIsAwayAtTheStart(t *testing.T) {
	t.Parallel()
	redis := redistest.Start(t)
	client := redis.Client(t)
	redis.Kill()
	opts := options()
	opts.MaxDelay = 50 * time.Millisecond
	s := begin(t, 2, client, opts, socketio.Recovery{})
	alone := s[0].dial(socketiotest.State{})
	s[0].emit(0)
	s[0].hears(alone, 0)
	redis.Restart()
	for _, s := range s {
		s.synced()
	}
	c := s[1].dial(socketiotest.State{})
	s[0].emit(1)
	s[1].hears(c, 1)
}

// TestTrimmed: who has missed more than there is does not recover, and who reads too slowly
// is told.
func TestTrimmed(t *testing.T) {
	t.Parallel()
	client := redistest.Start(t).Client(t)
	opts := options()
	s := sites(t, 2, client, opts, socketio.Recovery{})
	ctx := context.Background()
	state := s[0].cut(s[0].dial(socketiotest.State{}))
	s[0].emit(1, 2, 3)
	s[0].synced()
	if err := client.XTrimMaxLen(ctx, opts.StreamName, 2).Err(); err != nil {
		t.Fatal(err)
	}
	s[1].recovers(state, false)

	// Cut off while the stream goes on without it.
	if err := client.XTrimMaxLen(ctx, opts.StreamName, 0).Err(); err != nil {
		t.Fatal(err)
	}
	if err := client.ClientKillByFilter(ctx, "TYPE", "normal", "SKIPME", "yes").Err(); err != nil {
		t.Fatal(err)
	}
	for _, s := range s {
		s.until("the gap is told", func() bool { return s.missed.Load() > 0 })
	}
	c := s[1].dial(socketiotest.State{})
	s[0].emit(4)
	s[1].hears(c, 4)
}

// TestGarbage: whatever is in the stream or on the channels, reading goes on.
func TestGarbage(t *testing.T) {
	t.Parallel()
	client := redistest.Start(t).Client(t)
	opts := options()
	s := sites(t, 2, client, opts, socketio.Recovery{})
	c := s[1].dial(socketiotest.State{})
	ctx := context.Background()
	bad := 0
	for _, entry := range [][]string{
		{"x", "y"}, {"nsp", "/other", "data", "{"}, // nobody's
		{"nsp", "/stage"}, {"nsp", "/stage", "uid", "u", "type", "3", "data", "{}"}, {"nsp", "/stage", "uid", "u", "type", "3", "data", "!"},
		{"nsp", "/stage", "uid", "u", "type", "x", "data", "{}"}, {"nsp", "/stage", "uid", "u", "type", "2"}, {"nsp", "/stage", "uid", "u", "type", "13"},
		{"nsp", "/stage", "uid", "u", "type", "3", "data", `{"packet":{"type":2,"data":["connect"]},"opts":{"rooms":[],"except":[],"flags":{}}}`},
		{"nsp", "/stage", "uid", "u", "type", "3", "data", `{"packet":{"type":2,"data":[]},"opts":{}}`},
		{"nsp", "/stage", "uid", "u", "type", "4", "data", `{"opts":{},"rooms":"r"}`}, {"nsp", "/stage", "uid", "u", "type", "12", "data", `{"packet":1}`},
	} {
		if entry[0] == "nsp" && entry[1] == "/stage" {
			bad++
		}
		args := []any{"XADD", opts.StreamName, "*"}
		for _, text := range entry {
			args = append(args, text)
		}
		if err := client.Do(ctx, args...).Err(); err != nil {
			t.Fatal(err)
		}
	}
	for _, text := range []string{"", "{", "\xc1", "\x80", `{"type":7,"data":{},"uid":"u","nsp":"/stage"}`} {
		bad++
		if err := client.Publish(ctx, opts.ChannelPrefix+"#/stage#", text).Err(); err != nil {
			t.Fatal(err)
		}
	}
	s[0].emit(1)
	s[1].hears(c, 1)
	s[1].synced()
	if got := s[1].cluster.Health().BadMessages; got != uint64(bad) {
		t.Errorf("%d bad messages counted, want %d", got, bad)
	}
}
