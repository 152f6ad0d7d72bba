package engineio

import (
	"errors"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"parley/server/internal/transport"
)

// flood writes messages 0 to n-1 and reports how long that takes the server; what it
// cannot take in waits on the way.
func flood(t *testing.T, s *socket, n int) time.Duration {
	t.Helper()
	begun := time.Now()
	go func() {
		for i := range n {
			if s.write(0x81, []byte("4"+strconv.Itoa(i))) != nil {
				return
			}
		}
	}()
	for i := range n {
		if got := <-s.heard; got != strconv.Itoa(i) {
			t.Fatalf("heard %s, want %d", got, i)
		}
	}
	return time.Since(begun)
}

func TestWhoSendsTooFastIsReadMoreSlowlyAndLosesNothing(t *testing.T) {
	inBubble(t, Options{PacketRate: &PacketRate{PerSecond: 10, Burst: 20}}, func(t *testing.T, w *world) {
		s := w.socket()
		s.silent()
		if took := flood(t, s, 20); took > 0 {
			t.Errorf("a burst that is allowed took %v", took)
		}
		if took := flood(t, s, 100); took < 8*time.Second || took > 11*time.Second {
			t.Errorf("100 messages at 10 per second took %v", took)
		}
		pass(10 * time.Second)
		if took := flood(t, s, 20); took > 0 {
			t.Errorf("after a rest a burst took %v", took)
		}
	})
}

func TestWhoIsReadMoreSlowlyKeepsItsHeartbeat(t *testing.T) {
	inBubble(t, Options{PacketRate: &PacketRate{PerSecond: 10, Burst: 20, Patience: time.Hour}}, func(t *testing.T, w *world) {
		s := w.socket()
		pings := s.silent()
		flood(t, s, 3000) // five minutes, in which no pong is sent
		gaps := len(pings)
		if gaps < 8 || gaps > 40 {
			t.Errorf("%d pings in five minutes", gaps)
		}
	})
}

func TestWhoGoesOnSendingTooFastIsClosed(t *testing.T) {
	inBubble(t, Options{PacketRate: &PacketRate{PerSecond: 10, Burst: 20, Patience: 30 * time.Second}}, func(t *testing.T, w *world) {
		s := w.socket()
		s.silent()
		s.receive = func(Turn, []byte, bool) {}
		begun := time.Now()
		go func() {
			for s.write(0x81, []byte("4x")) == nil {
			}
		}()
		end := <-s.closed
		if took := time.Since(begun); end.reason != ReasonFlood || !errors.Is(end.cause, transport.ErrViolation) ||
			took < 30*time.Second || took > 35*time.Second {
			t.Errorf("closed with %q (%v) after %v", end.reason, end.cause, took)
		}
	})
}

func TestALargePollingPayloadIsPacedToo(t *testing.T) {
	w := newWorld(t, Options{PingTimeout: time.Second, PacketRate: &PacketRate{PerSecond: 10, Burst: 20}})
	p := w.poll()
	p.receive = func(Turn, []byte, bool) {}
	payload := strings.Repeat("4x\x1e", 5000) + "4x"
	begun := time.Now()
	w.expect("the payload", p.post(payload), http.StatusOK, "ok")
	w.expect("the next request", p.post("4x"), http.StatusOK, "ok")
	if took := time.Since(begun); took < 200*time.Millisecond {
		t.Errorf("both were taken within %v", took)
	}
}

func TestOverloadedIsForNow(t *testing.T) {
	w := newWorld(t, Options{AllowRequest: func(*http.Request) error { return ErrOverloaded }})
	a := w.request(http.MethodGet, "EIO=4&transport=polling", "")
	if w.expect("a handshake", a, http.StatusServiceUnavailable, `{"code":3,"message":"overloaded"}`); a.header.Get("Retry-After") == "" {
		t.Error("nothing says when to try again")
	}
}
