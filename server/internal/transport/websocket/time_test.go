package websocket

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gobwas/ws"

	"parley/server/internal/reactor"
	"parley/server/internal/transport"
)

// pass lets time pass, and all that it causes happen.
func pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

const readTimeout = 10 * time.Second

var slowLimits = Limits{MaxPayload: 1000, MaxFragments: 1000, ReadTimeout: readTimeout}

func TestMessageNeverFinishedEndsTheConnection(t *testing.T) {
	whole := masked(true, ws.OpText, "4hello")
	for name, begun := range map[string][]byte{
		"one byte of a header": whole[:1],
		"a header":             whole[:6],
		"half a payload":       whole[:8],
		"a fragment":           masked(false, ws.OpText, "4hello"),
		"an empty fragment":    masked(false, ws.OpText, ""),
		"behind a message":     join(whole, whole[:3]),
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBench(slowLimits)
				b.Input(b.turn, begun)
				pass(readTimeout - time.Second)
				if b.link.aborted.Load() {
					t.Fatal("ended too early")
				}
				// Control frames are no part of the message.
				if name == "a fragment" {
					b.Input(b.turn, masked(true, ws.OpPing, ""))
				}
				pass(time.Second + 200*time.Millisecond)
				if !b.link.aborted.Load() {
					t.Fatal("not ended")
				}
				handler{b.Conn}.Gone(b.turn, errors.New("whatever the network says"))
				if err := <-b.sink.gone; !errors.Is(err, transport.ErrViolation) || !strings.Contains(err.Error(), "ReadTimeout") {
					t.Errorf("Gone with %v", err)
				}
				b.r.Wait()
			})
		})
	}
}

func TestSlowButSteadyMessagesPass(t *testing.T) {
	for name, step := range map[string][][]byte{
		"frames that end in the middle of a read": {
			text("4one"), join(text("4two"), text("4three")),
		},
		"fragments": {
			masked(false, ws.OpText, "4"), masked(true, ws.OpContinuation, "x"),
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBench(slowLimits)
				stream := join(step...)
				for range 20 {
					// There is always a message half received, none for long.
					for len(stream) > 0 {
						n := min(7, len(stream))
						b.Input(b.turn, append([]byte(nil), stream[:n]...))
						stream = stream[n:]
						pass(time.Second)
					}
					stream = join(step...)
				}
				if len(b.sink.gone) > 0 || b.link.aborted.Load() {
					t.Error("ended")
				}
				b.end()
			})
		})
	}
}

// An upload without pause, of which each read ends in the middle of a
// fragmented message.
func TestContinuousFragmentedUploadIsNotUnfinished(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(slowLimits)
		first, last := masked(false, ws.OpBinary, "begin"), masked(true, ws.OpContinuation, "end")
		b.Input(b.turn, join(first))
		for range 60 {
			pass(time.Second)
			b.Input(b.turn, join(last, first))
		}
		if len(b.sink.gone) > 0 || b.link.aborted.Load() || len(b.sink.packets) != 60 {
			t.Errorf("%d messages came; aborted: %v", len(b.sink.packets), b.link.aborted.Load())
		}
		b.end()
	})
}

// While the server does not read, it is not the client that is slow.
func TestPauseStopsTheClockOfAHalfReceivedMessage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(slowLimits)
		whole := text("4hello")
		b.Input(b.turn, join(whole[:3]))
		b.Pause()
		pass(5 * readTimeout / 2)
		b.Resume()
		pass(readTimeout - time.Second)
		if b.link.aborted.Load() {
			t.Fatal("ended though the client had no time")
		}
		b.Input(b.turn, join(whole[3:], whole[:3]))
		if len(b.sink.packets) != 1 {
			t.Error("the message did not come")
		}
		pass(readTimeout + time.Second)
		if !b.link.aborted.Load() {
			t.Error("not ended")
		}
		b.end()
	})
}

func TestTimersGoWithTheConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		b := newBench(slowLimits)
		b.Input(b.turn, text("4hello")[:3])
		b.Close()
		b.end()
		if d := time.Since(began); d > 0 {
			t.Errorf("the wheel ran for %v after the end", d)
		}
	})
}

func TestPeerThatDoesNotCloseIsAborted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(slowLimits)
		b.Input(b.turn, text("4hello")[:3]) // and half a message is there
		b.Close()
		if !b.link.closeWrite.Load() || b.link.aborted.Load() {
			t.Error("the stream was not closed in good order")
		}
		pass(lingerFor + 200*time.Millisecond)
		if !b.link.aborted.Load() {
			t.Error("not aborted")
		}
		b.end() // as an abort causes
		if len(b.sink.gone) != 1 {
			t.Error("the sink was not told")
		}
	})
}

func TestUnfinishedMessageOverNetworkIsToldWhy(t *testing.T) {
	for _, secure := range []bool{false, true} {
		limits := testLimits
		limits.ReadTimeout = 50 * time.Millisecond
		s := newServer(t, limits, secure)
		c, sink := s.dial(t, text("4hello")[:4]...)
		f := c.frame()
		if code, reason := ws.ParseCloseFrameData(f.Payload); code != 1008 || !strings.Contains(reason, "ReadTimeout") {
			t.Errorf("closed with %d %q", code, reason)
		}
		if err := await(t, "Gone", sink.gone); !errors.Is(err, transport.ErrViolation) {
			t.Errorf("Gone with %v", err)
		}
	}
}

var _ reactor.Conn = (*fakeLink)(nil)
