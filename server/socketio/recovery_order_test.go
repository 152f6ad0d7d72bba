package socketio_test

import (
	"sync"
	"testing"
	"time"

	"parley/server/adapter"
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

// TestLeaveComesAfterWhatWasEmitted: who leaves a room gets what was sent to it before, and nothing that was sent later.
func TestLeaveComesAfterWhatWasEmitted(t *testing.T) {
	l, late := newLateLounge(t)
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
