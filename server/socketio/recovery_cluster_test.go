package socketio_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"parley/adapters/memory"
	"parley/server/adapter"
	"parley/server/internal/replay"
	"parley/server/socketio"
	"parley/server/socketiotest"
)

// lounges returns a lounge on each of some servers with an adapter.
func lounges(t *testing.T, n int, connect func(adapter.Local) (adapter.Adapter, error), opts socketio.Recovery) (all []*lounge) {
	t.Helper()
	for range n {
		srv := newServer(t, &socketio.Options{Adapter: connect, PingInterval: time.Second, PingTimeout: time.Second})
		all = append(all, newLoungeOn(t, srv, opts))
	}
	return all
}

// TestRecoveryOfWhatOtherServersSend: a client that is away from its server misses
// nothing of what others send.
func TestRecoveryOfWhatOtherServersSend(t *testing.T) {
	all := lounges(t, 3, memory.NewBus(nil).Adapter, socketio.Recovery{})
	here := all[0]
	c, s := here.guest(nil)
	_ = s.Join("red")
	_, there := all[1].guest(nil)
	watch, _ := here.guest(nil) // tells when the others' events have come
	here.emit(all[2], 1)
	hears(t, c, 1)
	state := c.State()
	here.cut(c)
	here.emit(all[1].To("red"), 2)
	here.emit(all[1], 3)
	hears(t, watch, 1, 3)
	here.emit(all[2].To(s.ID()), 4)
	here.emit(all[2].To("blue"), 100)
	here.emit(all[2].Except("red"), 101)
	here.emit(all[2].Volatile(), 102)
	if err := all[2].Emit("bin", []byte("abc")); err != nil {
		t.Fatal(err)
	}
	here.emit(all[2].Compress(false), 5)
	hears(t, watch, 101, 102, 5)
	here.emit(there.Broadcast(), 6)
	here.emit(all[1].Local(), 103)
	hears(t, watch, 6)
	here.emit(here.To("red"), 7)
	back, again := here.guest(state)
	recovered(t, back, again, state, true)
	hears(t, back, 2, 3, 4, 5, 6, 7)
	if e := back.Expect("bin"); len(e.Attachments) != 1 || string(e.Attachments[0]) != "abc" {
		t.Errorf("attachments %q", e.Attachments)
	}
	here.emit(all[1], 8)
	hears(t, back, 8)
	handled(t, back)
	if rest := arrived(back); rest != "" {
		t.Errorf("too much: %s", rest)
	}
	if n := here.srv.Stats(); n.Away != 0 || n.Sockets != 2 {
		t.Errorf("%d sockets, %d away", n.Sockets, n.Away)
	}
}

func TestMalformedEventsOfOtherServersReachNoLog(t *testing.T) {
	var log lockedBuffer
	srv, b := brokenServer(t, &log)
	l := newLoungeOn(t, srv, socketio.Recovery{})
	c, _ := l.guest(nil)
	for _, text := range []string{``, `[`, `]`, `{}`, `["x"`, `["x"]]`, `["connect"]`, `[{}]`, `7["x"]`, `["x"1`, `["x",]`} {
		p := adapter.Payload{Data: []byte(text)}
		if err := b.local.Deliver(p, adapter.Selection{}, adapter.Flags{}); err == nil {
			t.Errorf("%q was delivered", text)
		}
		if _, err := b.local.DeliverAt(adapter.Event{Payload: p}, "1"); err == nil {
			t.Errorf("%q was delivered at a place", text)
		}
	}
	p := adapter.Payload{Data: []byte(`["e",{"_placeholder":true,"num":1}]`), Attachments: [][]byte{{1}}}
	if err := b.local.Deliver(p, adapter.Selection{}, adapter.Flags{}); err == nil {
		t.Error("an attachment that is not there was delivered")
	}
	l.emit(l, 1)
	if e, err := c.Next(within(t, patience)); err != nil || string(e.Args[0]) != "1" {
		t.Errorf("%v, %v", e, err)
	}
}

// A sharedLog is a cluster whose servers have one log, as if each were told of what is
// appended by a broker.
type sharedLog struct {
	bus *memory.Bus
	log *replay.Log

	asked, discarded chan string // have the pids of searches and of discarded sessions, while there is room

	mu      sync.Mutex // guards members
	members []*member
}

type member struct {
	adapter.Adapter
	*sharedLog
	local  adapter.Local
	frozen atomic.Bool // does not answer
}

func newSharedLog() *sharedLog {
	timer := func(d time.Duration, f func()) func() { t := time.AfterFunc(d, f); return func() { t.Stop() } }
	return &sharedLog{
		bus:   memory.NewBus(nil),
		asked: make(chan string, 1000), discarded: make(chan string, 1000),
		log: replay.New(replay.Limits{Age: time.Minute, Bytes: 1 << 20, Events: 1000}, timer),
	}
}

func (l *sharedLog) connect(local adapter.Local) (adapter.Adapter, error) {
	a, err := l.bus.Adapter(local)
	if err != nil || local.Namespace() != "/lounge" {
		return a, err
	}
	m := &member{Adapter: a, sharedLog: l, local: local}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.members = append(l.members, m)
	return m, nil
}

func (m *member) Recovery(time.Duration) adapter.Recovery { return memberLog{m.log, m} }

// A memberLog is what one server has of the log.
type memberLog struct {
	*replay.Log
	member *member
}

func (memberLog) Close() {}

func note(ch chan<- string, pid string) {
	select {
	case ch <- pid:
	default:
	}
}

func (l memberLog) Discard(ctx context.Context, pid, saved string) (bool, error) {
	found, err := l.Log.Discard(ctx, pid, saved)
	note(l.member.discarded, pid)
	return found, err
}

// Find asks the members one after the other.
func (l memberLog) Find(ctx context.Context, pid string) (h adapter.Holding, found bool, err error) {
	note(l.member.asked, pid)
	l.member.mu.Lock()
	members := slices.Clone(l.member.members)
	l.member.mu.Unlock()
	silent := false
	for i, m := range members {
		if m.frozen.Load() {
			silent = true
			continue
		}
		done := make(chan struct{})
		m.local.Holding(pid, func(at adapter.Holding, held bool) {
			if held {
				h, found = adapter.Holding{Server: fmt.Sprint(i), Socket: at.Socket, Saved: at.Saved}, true
			}
			close(done)
		})
		<-done
	}
	if silent && !found {
		<-ctx.Done()
	}
	return h, found, nil
}

func (l memberLog) Release(ctx context.Context, pid, user string, h adapter.Holding) error {
	l.member.mu.Lock()
	i, _ := strconv.Atoi(h.Server)
	m := l.member.members[i]
	l.member.mu.Unlock()
	if m.frozen.Load() {
		return net.ErrClosed
	}
	done := make(chan struct{})
	m.local.Release(pid, user, h.Saved, func() { close(done) })
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (l memberLog) Append(e adapter.Event, deliver func(string) func()) bool {
	return l.Log.Append(e, func(offset string) func() {
		afters := []func(){deliver(offset)}
		l.member.mu.Lock()
		defer l.member.mu.Unlock()
		for _, other := range l.member.members {
			if other != l.member {
				after, _ := other.local.DeliverAt(e, offset)
				afters = append(afters, after)
			}
		}
		return func() {
			for _, after := range afters {
				if after != nil {
					after()
				}
			}
		}
	})
}

// TestRecoveryOnAnotherServer: with a log of all servers clients come back to any of
// them.
func TestRecoveryOnAnotherServer(t *testing.T) {
	shared := newSharedLog()
	defer shared.log.Close()
	const window = 300 * time.Millisecond
	all := lounges(t, 3, shared.connect, socketio.Recovery{Window: window})
	nick, other := socketio.NewSharedKey[string]("nick"), socketio.NewSharedKey[int]("other")
	c, s := all[0].guest(nil)
	_ = s.Join("red")
	if nick.Set(s, "ann") != nil || other.Set(s, 7) != nil {
		t.Fatal("no shared value")
	}
	mood.Set(s, "private")
	for round := range 6 {
		l, next := all[round%3], all[(round+1)%3]
		l.emit(next.To("red"), round)
		hears(t, c, round)
		state := c.State()
		l.cut(c)
		waitFor(t, "the session is saved", func() bool { return l.srv.Stats().Away == 1 })
		l.emit(all[0].To("red"), 10)
		l.emit(all[1].To(s.ID()), 11)
		l.emit(all[2], 12)
		l.emit(all[2].To("blue"), 100)
		l.emit(s, 13) // whoever still has the first socket
		back, again := next.guest(state)
		recovered(t, back, again, state, true)
		hears(t, back, 10, 11, 12, 13)
		if a, _ := nick.Get(again); a != "ann" || !slices.Equal(again.Rooms(), []string{"red"}) {
			t.Errorf("nick %q, rooms %v", a, again.Rooms())
		}
		if b, _ := other.Get(again); b != 7 {
			t.Errorf("other %d", b)
		}
		next.emit(again.Volatile(), 14)
		hears(t, back, 14)
		c, s = back, again
	}
	handled(t, c)
	if rest := arrived(c); rest != "" {
		t.Errorf("too much: %s", rest)
	}
	for _, l := range all {
		waitFor(t, "nobody is waited for", func() bool { return l.srv.Stats().Away == 0 })
		if len(l.gone) > 0 {
			t.Error("OnGone for a client that came back")
		}
	}
	state := c.State()
	all[0].cut(c)
	if receive(t, all[0].gone) != s {
		t.Error("another socket is gone")
	}
	c, s = all[1].guest(state)
	recovered(t, c, s, state, false)
}

// TestRecoveryAfterAShutdown: with a log of all servers the clients of one that goes
// may come back to another.
func TestRecoveryAfterAShutdown(t *testing.T) {
	shared := newSharedLog()
	defer shared.log.Close()
	all := lounges(t, 2, shared.connect, socketio.Recovery{})
	away, s1 := all[0].guest(nil)
	here, s2 := all[0].guest(nil)
	all[0].cut(away)
	shutdown(t, all[0].srv)
	all[1].emit(all[1], 1)
	for s, c := range map[*socketio.Socket]*socketiotest.Client{s1: away, s2: here} {
		back, again := all[1].guest(c.State())
		recovered(t, back, again, c.State(), true)
		hears(t, back, 1)
		if again.ID() != s.ID() {
			t.Error("another id")
		}
	}
	if len(all[0].gone) > 0 {
		t.Error("OnGone for a client that came back")
	}
}

// TestSharedKeysSurviveRecovery: several of them, and a middleware that sets one again.
func TestSharedKeysSurviveRecovery(t *testing.T) {
	l := newLounge(t, socketio.Recovery{})
	a, b, fresh := socketio.NewSharedKey[int]("a"), socketio.NewSharedKey[int]("b"), socketio.NewSharedKey[int]("fresh")
	n := 0
	l.Use(func(_ context.Context, s *socketio.Socket) error { n++; return fresh.Set(s, n) })
	c, s := l.guest(nil)
	_, _ = a.Set(s, 1), b.Set(s, 2)
	state := c.State()
	l.cut(c)
	back, again := l.guest(state)
	recovered(t, back, again, state, true)
	for key, want := range map[socketio.SharedKey[int]]int{a: 1, b: 2, fresh: 2} {
		if got, ok := key.Get(again); !ok || got != want {
			t.Errorf("%s is %d (%t), want %d", key, got, ok, want)
		}
	}
}

// A heldLog lets clients recover when it is told to.
type heldLog struct {
	memberLog
	asked, release chan struct{}
}

type heldMember struct {
	*member
	log heldLog
}

func (m heldMember) Recovery(keep time.Duration) adapter.Recovery {
	m.log.memberLog = m.member.Recovery(keep).(memberLog)
	return m.log
}

func (l heldLog) Replay(ctx context.Context, s adapter.Session, offset string, take func(adapter.Event, string) error, join func()) error {
	l.asked <- struct{}{}
	<-l.release
	return l.memberLog.Replay(ctx, s, offset, take, join)
}

// TestNobodyWaitsForWhoRecovers: what a client has missed may come slowly, and only when others have joined.
func TestNobodyWaitsForWhoRecovers(t *testing.T) {
	shared := newSharedLog()
	defer shared.log.Close()
	held := heldLog{asked: make(chan struct{}, 1), release: make(chan struct{})}
	l := lounges(t, 1, func(local adapter.Local) (adapter.Adapter, error) {
		a, err := shared.connect(local)
		if m, ok := a.(*member); ok {
			return heldMember{m, held}, nil
		}
		return a, err
	}, socketio.Recovery{})[0]
	told := make(chan string, 100)
	l.OnRoomChange(func(change socketio.RoomChange, room string, _ *socketio.Socket) { told <- string(change) + " " + room })
	c, s := l.guest(nil)
	_, other := l.guest(nil)
	if err := s.Join("red"); err != nil {
		t.Fatal(err)
	}
	state := c.State()
	l.cut(c)
	waitFor(t, "the session is saved", func() bool { return l.srv.Stats().Away == 1 })
	back, ctx := make(chan error, 1), within(t, patience)
	go func() {
		_, err := socketiotest.Dial(ctx, l.srv, "/lounge", &socketiotest.Options{Auth: state})
		back <- err
	}()
	receive(t, held.asked)
	joined := make(chan error, 1)
	go func() { joined <- other.Join("blue") }()
	err := receive(t, joined)
	close(held.release)
	if err = errors.Join(err, receive(t, back)); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"create-room red", "join-room red", "leave-room red", "delete-room red",
		"create-room blue", "join-room blue", "create-room red", "join-room red"} {
		if got := receive(t, told); got != want {
			t.Errorf("told %s, want %s", got, want)
		}
	}
}
