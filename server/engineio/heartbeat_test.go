package engineio

import (
	"testing"
	"testing/synctest"
	"time"
)

const (
	interval = 25 * time.Second
	timeout  = 20 * time.Second
	slack    = 250 * time.Millisecond // of the wheel's coarse timers
)

// inBubble runs a test against a server in fake time.
func inBubble(t *testing.T, opts Options, test func(t *testing.T, w *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		n := network{"pipe", servePipe}
		test(t, n.world(t, opts))
	})
}

// pass lets time pass, and all that it causes happen.
func pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// silent reads from a socket and never answers; what comes goes to the result.
func (s *socket) silent() <-chan string {
	_ = s.SetReadDeadline(time.Time{})
	got := make(chan string, 1000)
	go func() {
		defer close(got)
		for {
			packet, err := s.next()
			if err != nil {
				return
			}
			got <- packet
		}
	}()
	return got
}

func TestPingComesAfterTheIntervalAndThePongRestartsIt(t *testing.T) {
	inBubble(t, Options{}, func(t *testing.T, w *world) {
		s := w.socket()
		got := s.silent()
		for range 4 {
			pass(interval - slack)
			if len(got) > 0 {
				t.Error("a ping came early")
			}
			pass(2 * slack)
			if len(got) != 1 || <-got != "2" {
				t.Error("no ping came")
			}
			pass(5 * time.Second)
			s.send("3")
			synctest.Wait()
		}
		if len(s.closed) > 0 {
			t.Error("closed")
		}
	})
}

func TestPingsOverPolling(t *testing.T) {
	inBubble(t, Options{}, func(t *testing.T, w *world) {
		p := w.poll()
		for range 3 {
			began := time.Now()
			w.expect("GET", p.get(), 200, "2")
			if d := time.Since(began); d < interval || d > interval+slack {
				t.Errorf("the ping came after %v", d)
			}
			w.expect("POST", p.post("3"), 200, "ok")
		}
		// Without a GET the ping waits.
		pass(interval + slack)
		w.expect("GET", p.get(), 200, "2")
		p.post("3")
	})
}

func TestSilentClientIsClosedAfterThePingTimeout(t *testing.T) {
	inBubble(t, Options{}, func(t *testing.T, w *world) {
		s, p := w.socket(), w.poll()
		got := s.silent()
		pass(interval + timeout - slack)
		if len(s.closed)+len(p.closed) > 0 {
			t.Error("closed early")
		}
		pass(2 * slack)
		s.ended(ReasonPingTimeout)
		p.ended(ReasonPingTimeout)
		if packet := <-got; packet != "2" {
			t.Errorf("got %q", packet)
		}
		w.expect("GET", p.get(), 400, `{"code":1,"message":"Session ID unknown"}`)
		if n := w.known(); n != 0 {
			t.Errorf("%d sessions are known", n)
		}
		pass(lingerForTests)
	})
}

// lingerForTests is more than a WebSocket waits for its peer to hang up.
const lingerForTests = 5 * time.Second

func TestGetThatWaitsIsAnsweredWhenThePingTimesOut(t *testing.T) {
	inBubble(t, Options{}, func(t *testing.T, w *world) {
		p := w.poll()
		w.expect("GET", p.get(), 200, "2")
		w.expect("GET", p.get(), 200, "1")
		p.ended(ReasonPingTimeout)
	})
}

func TestUnaskedPongsChangeNothing(t *testing.T) {
	inBubble(t, Options{}, func(t *testing.T, w *world) {
		s := w.socket()
		got := s.silent()
		for range 9 { // they must neither delay the ping ...
			pass(interval / 10)
			s.send("3")
		}
		pass(interval/10 + slack)
		if len(got) != 1 {
			t.Fatal("no ping came")
		}
		s.send("3")
		s.send("3") // ... nor count for the next one
		pass(interval + timeout + 2*slack)
		s.ended(ReasonPingTimeout)
		pass(lingerForTests)
	})
}

func TestActivityExtendsAPingsTimeOnce(t *testing.T) {
	inBubble(t, Options{}, func(t *testing.T, w *world) {
		s := w.socket()
		s.silent()
		pass(interval + slack)
		pass(timeout - 2*slack)
		s.send("4busy")
		pass(timeout - 2*slack)
		if len(s.closed) > 0 {
			t.Fatal("closed though the client is active")
		}
		s.send("4busy") // no second time
		pass(5 * slack)
		s.ended(ReasonPingTimeout)
		if len(s.heard) != 2 {
			t.Errorf("heard %d messages", len(s.heard))
		}
		pass(lingerForTests)
	})
}

func TestPongAfterAnExtensionIsTimely(t *testing.T) {
	inBubble(t, Options{}, func(t *testing.T, w *world) {
		s := w.socket()
		got := s.silent()
		for range 3 {
			pass(interval + slack)
			s.send("4busy")
			pass(timeout - time.Second)
			s.send("3")
			synctest.Wait()
			if packet := <-got; packet != "2" {
				t.Errorf("got %q", packet)
			}
		}
		if len(s.closed) > 0 {
			t.Error("closed")
		}
	})
}

func TestPingFromTheClientEndsTheSession(t *testing.T) {
	w := newWorld(t, Options{})
	s, p := w.socket(), w.poll()
	s.send("2")
	if err := s.ended(ReasonTransportError); err == nil || err.Error() != "invalid heartbeat direction" {
		t.Errorf("cause %v", err)
	}
	w.expect("POST", p.post("2"), 200, "ok")
	p.ended(ReasonTransportError)
	w.expect("GET", p.get(), 400, `{"code":1,"message":"Session ID unknown"}`)
}

func TestOtherPacketsAreHarmless(t *testing.T) {
	w := newWorld(t, Options{})
	s := w.socket()
	for _, packet := range []string{"0{}", "5", "6", "3probe", "4good"} {
		s.send(packet)
	}
	if got := await(t, "the message", s.heard); got != "good" {
		t.Errorf("heard %q", got)
	}
}

// A server that was stopped for a while, or had no processor, must not blame
// its clients for that.
func TestLatePingGetsItsWholeTime(t *testing.T) {
	w := newWorld(t, Options{})
	s := w.socket()
	s.s.mu.Lock()
	s.s.due -= time.Hour // as if the heartbeat had been due long ago
	s.s.mu.Unlock()
	s.s.beat()
	if got := s.read(); got != "2" {
		t.Fatalf("got %q", got)
	}
	if s.s.overdue() {
		t.Error("the client had no time for its pong")
	}
	s.send("3")
	eventually(t, "the pong", func() bool {
		s.s.mu.Lock()
		defer s.s.mu.Unlock()
		return !s.s.pinging
	})
}

// The wheel may be about to call beat when the pong comes.
func TestHeartbeatThatWasMovedDoesNotBeatEarly(t *testing.T) {
	w := newWorld(t, Options{})
	s := w.socket()
	s.s.beat() // the timer is not due
	s.send("4x")
	await(t, "the message", s.heard)
	s.s.mu.Lock()
	defer s.s.mu.Unlock()
	if s.s.pinging {
		t.Error("a ping was sent before it was due")
	}
}

func TestPausedSessionIsNotTakenForDead(t *testing.T) {
	inBubble(t, Options{}, func(t *testing.T, w *world) {
		s := w.socket()
		got := s.silent()
		s.s.Pause()
		go func() { _ = s.write(0x81, []byte("4waits")) }()
		for range 5 {
			pass(interval + timeout)
		}
		if len(s.closed) > 0 {
			t.Fatal("closed while the server did not read")
		}
		s.s.Resume()
		synctest.Wait()
		s.send("3")
		synctest.Wait()
		if len(got) != 1 || len(s.heard) == 0 || len(s.closed) > 0 {
			t.Errorf("%d pings, heard %d", len(got), len(s.heard))
		}
		// From here on it is the client's turn again.
		pass(interval + timeout + 2*slack)
		s.ended(ReasonPingTimeout)
		pass(lingerForTests)
	})
}
