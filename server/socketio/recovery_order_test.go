package socketio_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"parley/server/adapter"
	"parley/server/engineio"
	"parley/server/socketio"
)

// A lateMember gives events their places when it is told to.
type lateMember struct {
	*member
	late *late
}

type late struct {
	mu      sync.Mutex // guards waiting
	waiting []func()
}

type lateLog struct {
	memberLog
	late *late
}

func (m lateMember) Recovery(keep time.Duration) adapter.Recovery {
	return lateLog{m.member.Recovery(keep).(memberLog), m.late}
}

func (l lateLog) Append(e adapter.Event, deliver func(string) func()) bool {
	l.late.mu.Lock()
	defer l.late.mu.Unlock()
	l.late.waiting = append(l.late.waiting, func() { l.memberLog.Append(e, deliver) })
	return false
}

func (l lateLog) Pass(deliver func(string) func()) {
	l.late.mu.Lock()
	wait := len(l.late.waiting) > 0
	if wait {
		l.late.waiting = append(l.late.waiting, func() { l.memberLog.Pass(deliver) })
	}
	l.late.mu.Unlock()
	if !wait {
		l.memberLog.Pass(deliver)
	}
}

func (l *late) release() {
	l.mu.Lock()
	due := l.waiting
	l.waiting = nil
	l.mu.Unlock()
	for _, f := range due {
		f()
	}
}

func newLateLounge(t *testing.T) (*lounge, *late) {
	shared, late := newSharedLog(), new(late)
	t.Cleanup(shared.log.Close)
	return lounges(t, 1, func(local adapter.Local) (adapter.Adapter, error) {
		a, err := shared.connect(local)
		if m, ok := a.(*member); ok {
			return lateMember{m, late}, nil
		}
		return a, err
	}, socketio.Recovery{})[0], late
}

// TestDisconnectComesAfterWhatWasEmitted, also where that still waits for its place in the log of all servers.
func TestDisconnectComesAfterWhatWasEmitted(t *testing.T) {
	l, late := newLateLounge(t)
	for _, closeTransport := range []bool{false, true} {
		c, s := l.guest(nil)
		_ = s.Emit("bye")
		s.Disconnect(closeTransport)
		if !s.Connected() {
			t.Fatal("disconnected before it has got what was emitted")
		}
		late.release()
		c.Expect("bye")
		if s.Connected() {
			t.Error("still connected")
		}
		_, s = l.guest(nil)
		if s.Disconnect(closeTransport); s.Connected() {
			t.Error("there was nothing to wait for")
		}
	}
}

// lateLounge is a lounge whose log gives events their places when it is told to.
func lateLounge(t *testing.T, opts *socketio.Options) (*lounge, *late) {
	shared, late := newSharedLog(), new(late)
	t.Cleanup(shared.log.Close)
	opts.Adapter = func(local adapter.Local) (adapter.Adapter, error) {
		a, err := shared.connect(local)
		if m, ok := a.(*member); ok {
			return lateMember{m, late}, nil
		}
		return a, err
	}
	return newLoungeOn(t, newServer(t, opts), socketio.Recovery{}), late
}

// call emits an event that wants an acknowledgement for which nobody waits.
func call(t *testing.T, s *socketio.Socket, n int) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := socketio.Call[int](ctx, s, "e", n); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
}

// TestOrderBehindEventsOfTheLog: what has no place in the log of all servers does not overtake what still waits for one.
func TestOrderBehindEventsOfTheLog(t *testing.T) {
	l, late := lateLounge(t, &socketio.Options{})
	c, s := l.guest(nil)
	other, s2 := l.guest(nil)
	if err := s.Join("red"); err != nil {
		t.Fatal(err)
	}
	for _, first := range []interface {
		Emit(event string, args ...any) error
	}{s, l, l.To("red"), l.To(s.ID()), s2.Broadcast(), l.Except(s2.ID())} {
		l.emit(first, 1)
		l.emit(s.Volatile(), 2)
		call(t, s, 3)
		l.emit(l.Local(), 4)
		call(t, s, 5)
		l.emit(l.Volatile(), 6)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := socketio.CallAll[int](ctx, l.To("red"), "e", 7); !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
		l.emit(s, 8)
		l.emit(s.Volatile(), 9)
		late.release()
		hears(t, c, 1, 2, 3, 4, 5, 6, 7, 8, 9)
		l.emit(s.Volatile(), 10)
		call(t, s, 11)
		hears(t, c, 10, 11)
		if err := l.Except(s.ID()).Emit("mark"); err != nil {
			t.Fatal(err)
		}
		late.release()
		other.Expect("mark")
	}
}

// TestOthersDoNotWaitForTheLog: what is sent to a socket does not wait for events that are not for it.
func TestOthersDoNotWaitForTheLog(t *testing.T) {
	l, late := lateLounge(t, &socketio.Options{})
	c, s := l.guest(nil)
	_, s2 := l.guest(nil)
	if err := s2.Join("blue"); err != nil {
		t.Fatal(err)
	}
	l.emit(s2, 100)
	l.emit(l.To("blue"), 100)
	l.emit(s.Broadcast(), 100)
	l.emit(l.Except(s.ID()), 100)
	call(t, s, 1)
	l.emit(s.Volatile(), 2)
	hears(t, c, 1, 2)
	handled(t, c)
	late.release()
}

// TestLookingForEventsIsBounded: where events are for very many rooms nobody looks whether a socket is in one of them.
func TestLookingForEventsIsBounded(t *testing.T) {
	l, late := lateLounge(t, &socketio.Options{})
	for n, waits := range map[int]bool{100: false, 2000: true} {
		rooms := make([]string, n)
		for i := range rooms {
			rooms[i] = fmt.Sprint(i)
		}
		_, s := l.guest(nil)
		l.emit(l.To(rooms...), 100)
		if s.Disconnect(false); s.Connected() != waits {
			t.Errorf("behind an event for %d rooms: waits %t", n, s.Connected())
		}
		late.release()
		if s.Connected() {
			t.Error("still connected")
		}
	}
}

// TestReplyComesAfterWhatTheHandlerHasEmitted.
func TestReplyComesAfterWhatTheHandlerHasEmitted(t *testing.T) {
	var mu sync.Mutex
	var sent []string
	l, late := lateLounge(t, &socketio.Options{OnPacket: func(p engineio.PacketInfo) {
		if data := string(p.Data); !p.Incoming && strings.Contains(data, "lounge,") {
			mu.Lock()
			defer mu.Unlock()
			sent = append(sent, strings.TrimPrefix(data, "4")[:1])
		}
	}})
	replied := make(chan struct{}, 1)
	socketio.OnAck(l.Namespace, "ask", func(ctx context.Context, s *socketio.Socket, _ socketio.None) (int, error) {
		socketio.AfterReply(ctx, func() { replied <- struct{}{} })
		return 7, s.Emit("e", 1)
	})
	c, _ := l.guest(nil)
	answer := make(chan string, 1)
	go func() { answer <- ask(t, c, "ask") }()
	receive(t, replied)
	late.release()
	hears(t, c, 1)
	if got := receive(t, answer); got != "7" {
		t.Errorf("answer %s", got)
	}
	mu.Lock()
	defer mu.Unlock()
	if got := strings.Join(sent, ""); got != "023" {
		t.Errorf("packets of types %s, want CONNECT, EVENT, ACK", got)
	}
}

// TestWhatWaitsForTheLogIsBounded.
func TestWhatWaitsForTheLogIsBounded(t *testing.T) {
	l, late := lateLounge(t, &socketio.Options{SendQueuePackets: 3})
	_, s := l.guest(nil)
	l.emit(s, 1)
	for n := range 5 {
		l.emit(s.Volatile(), 2+n)
		l.emit(l.Volatile(), 12+n)
	}
	if err := l.Local().Emit("e", 100); !errors.Is(err, socketio.ErrSlow) {
		t.Errorf("%v", err)
	}
	if !s.Connected() {
		t.Fatal("a volatile event that found no room has ended the connection")
	}
	if _, err := socketio.Call[int](within(t, patience), s, "e", 100); !errors.Is(err, socketio.ErrSlow) {
		t.Errorf("%v", err)
	}
	if why := receive(t, l.ended); why != socketio.ReasonSlow {
		t.Errorf("ended: %s", why)
	}
	late.release()
}

// TestLeaveComesAfterWhatWasEmitted: who leaves a room gets what was sent to it before, and nothing that was sent later.
func TestLeaveComesAfterWhatWasEmitted(t *testing.T) {
	l, late := lateLounge(t, &socketio.Options{})
	c, s := l.guest(nil)
	excepted, other := l.guest(nil)
	for _, s := range []*socketio.Socket{s, other} {
		if err := s.Join("red", "blue"); err != nil {
			t.Fatal(err)
		}
	}
	_ = other.Join("green")
	l.emit(l.To("red", "blue").Except("green"), 1)
	l.emit(l.To("red"), 2)
	if err := l.To("red").Leave("red"); err != nil {
		t.Fatal(err)
	}
	l.emit(l.To("red"), 100)
	l.emit(l.To("blue"), 3)
	late.release()
	hears(t, c, 1, 2, 3)
	hears(t, excepted, 2, 3)
	s.Leave("blue")
	l.emit(l.To("blue"), 101)
	l.emit(l, 4)
	late.release()
	hears(t, c, 4)
}
