package socketio_test

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"parley/server/adapter"
	"parley/server/socketio"
	"parley/server/socketiotest"
)

// TestASocketOfAnotherServerIsTakenOver when its client comes here, before its server has noticed that it is gone: the disconnect
// hooks have run there before the middlewares' verdict becomes a connection here.
func TestASocketOfAnotherServerIsTakenOver(t *testing.T) {
	shared := newSharedLog()
	defer shared.log.Close()
	all := lounges(t, 2, shared.connect, socketio.Recovery{})
	ending, goOn := make(chan *socketio.Socket), make(chan struct{})
	all[0].OnDisconnect(func(_ context.Context, s *socketio.Socket, why socketio.Reason) {
		if len(s.Rooms()) != 2 || why != socketio.ReasonTransportClose {
			t.Errorf("rooms %v, %s", s.Rooms(), why)
		}
		ending <- s
		<-goOn
		s.Leave("blue")
	})
	middlewares := make(chan string, 1)
	all[1].Use(func(_ context.Context, s *socketio.Socket) error { middlewares <- s.ID(); return nil })

	c, s := all[0].guest(nil)
	_ = s.Join("red", "blue")
	all[0].emit(s, 1)
	hears(t, c, 1)
	state := c.State()
	c.Pause()
	all[0].emit(s, 2)
	came := make(chan *socketiotest.Client, 1)
	go func() {
		back, _ := socketiotest.Dial(within(t, patience), all[1].srv, "/lounge", &socketiotest.Options{Auth: state})
		came <- back
	}()
	if receive(t, ending) != s {
		t.Error("another socket has ended")
	}
	if receive(t, middlewares) != s.ID() {
		t.Error("another id for the middlewares")
	}
	all[0].emit(all[0].To("red"), 3)
	if len(all[1].came) > 0 {
		t.Error("there is a new socket beside the old one")
	}
	close(goOn)
	back, again := receive(t, came), receive(t, all[1].came)
	if back == nil {
		t.Fatal("the client could not connect")
	}
	defer back.Abort()
	recovered(t, back, again, state, true)
	hears(t, back, 2, 3)
	if rooms := again.Rooms(); again.ID() != s.ID() || len(rooms) != 1 || rooms[0] != "red" {
		t.Errorf("id %s, rooms %v", again.ID(), rooms)
	}
	c.Resume()
	if why := reason(t, c); why != socketiotest.ReasonTransportClose {
		t.Errorf("the old connection ended with %q", why)
	}
	if len(all[0].Sockets()) != 0 || len(all[0].gone) > 0 {
		t.Error("the old server still has the socket, or says that it is gone")
	}
}

// TestNobodyElseTakesASocketOver: not another user, not with the pid of nobody, not after a refusal.
func TestNobodyElseTakesASocketOver(t *testing.T) {
	type login struct {
		socketiotest.State
		User string `json:"user"`
	}
	shared := newSharedLog()
	defer shared.log.Close()
	all := lounges(t, 2, shared.connect, socketio.Recovery{User: func(s *socketio.Socket) string {
		var in login
		_ = json.Unmarshal(s.Handshake().Auth, &in)
		return in.User
	}})
	refuse := false
	all[1].Use(func(context.Context, *socketio.Socket) error {
		if refuse {
			return &socketio.Error{Message: "not now"}
		}
		return nil
	})
	c, s := all[0].guest(login{User: "ann"})
	state := c.State()
	thief, other := all[1].guest(login{state, "eve"})
	recovered(t, thief, other, state, false)
	stranger, other := all[1].guest(login{socketiotest.State{PID: "unknown"}, "ann"})
	recovered(t, stranger, other, socketiotest.State{PID: "unknown"}, false)
	refuse = true
	if _, err := socketiotest.Dial(within(t, patience), all[1].srv, "/lounge", &socketiotest.Options{Auth: login{state, "ann"}}); err == nil {
		t.Error("the middleware did not run")
	}
	local := shared.members[0].local
	for what, release := range map[string][3]string{
		"another user": {state.PID, "eve", ""}, "another stay": {state.PID, "ann", "unknown"}, "nothing": {"unknown", "ann", ""},
	} {
		local.Holding(state.PID, func(h adapter.Holding, held bool) {
			if !held || h.Socket != s.ID() {
				t.Errorf("the session is not held: %v", h)
			}
			if release[2] == "" {
				release[2] = h.Saved
			}
		})
		done := false
		if local.Release(release[0], release[1], release[2], func() { done = true }); !done {
			t.Errorf("%s: something is released", what)
		}
	}
	if !s.Connected() || len(all[0].ended) > 0 {
		t.Fatal("the socket was ended")
	}
	refuse = false
	back, again := all[1].guest(login{state, "ann"})
	recovered(t, back, again, state, true)
}

// TestAFrozenServerHoldsNobodyUp for long: its clients start anew elsewhere.
func TestAFrozenServerHoldsNobodyUp(t *testing.T) {
	shared := newSharedLog()
	defer shared.log.Close()
	all := lounges(t, 2, shared.connect, socketio.Recovery{})
	c, s := all[0].guest(nil)
	shared.members[0].frozen.Store(true)
	begin := time.Now()
	back, again := all[1].guest(c.State())
	recovered(t, back, again, c.State(), false)
	if waited := time.Since(begin); waited > patience/2 || again.ID() == s.ID() {
		t.Errorf("waited %v, id %s", waited, again.ID())
	}
}

// TestASessionThatIsBeingClaimedIsWaitedFor: a client whose connection breaks while it comes back gets its session at a third server.
func TestASessionThatIsBeingClaimedIsWaitedFor(t *testing.T) {
	shared := newSharedLog()
	defer shared.log.Close()
	all := lounges(t, 3, shared.connect, socketio.Recovery{MaxWait: patience})
	entered, goOn := make(chan struct{}), make(chan struct{})
	all[1].Use(func(context.Context, *socketio.Socket) error {
		close(entered)
		<-goOn
		return nil
	})
	c, s := all[0].guest(nil)
	state := c.State()
	all[0].cut(c)
	waitFor(t, "the session is saved", func() bool { return all[0].srv.Stats().Away == 1 })
	ctx, cancel := context.WithCancel(context.Background())
	failed := make(chan error, 1)
	go func() {
		_, err := socketiotest.Dial(ctx, all[1].srv, "/lounge", &socketiotest.Options{Auth: state})
		failed <- err
	}()
	receive(t, entered)
	cancel()
	if receive(t, failed) == nil {
		t.Fatal("connected although the middleware has not returned")
	}
	waitFor(t, "the connection is gone", func() bool { return all[1].srv.Stats().CurrentConnections == 0 })
	for len(shared.asked) > 0 {
		<-shared.asked
	}
	go func() {
		receive(t, shared.asked)
		close(goOn)
	}()
	back, again := all[2].guest(state)
	recovered(t, back, again, state, true)
	if again.ID() != s.ID() {
		t.Error("another id")
	}
}

// TestAnEarlierServerEndsNoLaterStay: when the server that a client has left for another one stops waiting for it, what the client has
// left behind at the other since then stays.
func TestAnEarlierServerEndsNoLaterStay(t *testing.T) {
	shared := newSharedLog()
	defer shared.log.Close()
	all := lounges(t, 2, shared.connect, socketio.Recovery{MaxSessions: 1})
	c, s := all[0].guest(nil)
	state := c.State()
	all[0].cut(c)
	waitFor(t, "the session is saved", func() bool { return all[0].srv.Stats().Away == 1 })
	back, again := all[1].guest(state)
	recovered(t, back, again, state, true)
	all[1].cut(back)
	waitFor(t, "the session is saved again", func() bool { return all[1].srv.Stats().Away == 1 })
	other, _ := all[0].guest(nil)
	all[0].cut(other) // there is no room for two
	if receive(t, shared.discarded) != state.PID {
		t.Fatal("another session is discarded")
	}
	back, again = all[1].guest(state)
	recovered(t, back, again, state, true)
	if again.ID() != s.ID() {
		t.Error("another id")
	}
	if len(all[0].gone) > 0 {
		t.Error("the client is called gone")
	}
}
