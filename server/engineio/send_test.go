package engineio

import (
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestOrderOfSendsIsKept(t *testing.T) {
	overNetworks(t, func(t *testing.T, n network) {
		w := n.world(t, Options{})
		s := w.socket()
		const senders, each = 4, 300
		var all sync.WaitGroup
		for k := range senders {
			all.Go(func() {
				for i := range each {
					// A batch is never parted.
					if err := s.s.Send(text(fmt.Sprintf("%d %d", k, i)), Binary([]byte{byte(k)})); err != nil {
						t.Error(err)
					}
				}
			})
		}
		var next [senders]int
		for range senders * each {
			var k, i int
			packet := s.read()
			if _, err := fmt.Sscanf(packet, "4%d %d", &k, &i); err != nil || i != next[k] {
				t.Fatalf("got %q, want %d of %v", packet, next, err)
			}
			next[k]++
			if got := s.read(); got != "b:"+string(byte(k)) {
				t.Fatalf("got %q behind %q", got, packet)
			}
		}
		all.Wait()
	})
}

func TestEchoOfManySizes(t *testing.T) {
	overNetworks(t, func(t *testing.T, n network) {
		w := n.world(t, Options{})
		w.hear = echo
		s, p := w.socket(), w.poll()
		for _, size := range []int{0, 1, 124, 125, 126, 4096, 65535, 65536, 70_000, 900_000} {
			body := strings.Repeat("x", size)
			s.send("4" + body)
			if got := s.read(); got != "4"+body {
				t.Fatalf("%d bytes: got %d", size, len(got))
			}
			w.expect("POST", p.post("4"+body), 200, "ok")
			w.expect("GET", p.get(), 200, "4"+body)
		}
	})
}

// full sends small messages until the session's queue is full.
func full(s *Session, m Message) (sent int, err error) {
	for ; err == nil && sent < 1_000_000; sent++ {
		err = s.Send(m)
	}
	return sent - 1, err
}

func TestFullQueueClosesOnlyThatSession(t *testing.T) {
	for name, c := range map[string]struct {
		opts Options
		m    Message
		want int
	}{
		"packets": {Options{SendQueuePackets: 50}, text("x"), 50},
		"bytes":   {Options{SendQueueBytes: 10_000}, text(strings.Repeat("x", 99)), 100},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, c.opts)
			w.hear = echo
			slow, other := w.poll(), w.socket()
			n, err := full(slow.s, c.m)
			if n != c.want || !errors.Is(err, ErrSlow) {
				t.Errorf("%d messages passed, then %v", n, err)
			}
			if err := slow.ended(ReasonSlow); !errors.Is(err, ErrSlow) {
				t.Errorf("cause %v", err)
			}
			if err := slow.s.Send(c.m); !errors.Is(err, ErrClosed) || !errors.Is(err, net.ErrClosed) {
				t.Errorf("Send after the end: %v", err)
			}
			if slow.s.SendVolatile(c.m) {
				t.Error("SendVolatile after the end")
			}
			other.send("4hello")
			if got := other.read(); got != "4hello" {
				t.Errorf("the other session got %q", got)
			}
		})
	}
}

func TestFullQueueOfAWebSocketThatDoesNotRead(t *testing.T) {
	overNetworks(t, func(t *testing.T, n network) {
		w := n.world(t, Options{SendQueueBytes: 100_000})
		s := w.socket()
		if _, err := full(s.s, text(strings.Repeat("x", 10_000))); !errors.Is(err, ErrSlow) {
			t.Errorf("ended with %v", err)
		}
		s.ended(ReasonSlow)
		if n := w.known(); n != 0 {
			t.Errorf("%d sessions are known", n)
		}
	})
}

func TestSingleLargeMessagePassesTheBounds(t *testing.T) {
	overNetworks(t, func(t *testing.T, n network) {
		w := n.world(t, Options{SendQueueBytes: 1000})
		s, p := w.socket(), w.poll()
		body := strings.Repeat("x", 3_000_000)
		if err := errors.Join(s.s.Send(text(body)), p.s.Send(text(body))); err != nil {
			t.Fatal(err)
		}
		if got := s.read(); got != "4"+body {
			t.Errorf("got %d bytes", len(got))
		}
		w.expect("GET", p.get(), 200, "4"+body)
		// Behind another one it does not.
		if err := errors.Join(p.s.Send(text("small")), p.s.Send(text(body))); !errors.Is(err, ErrSlow) {
			t.Errorf("%v", err)
		}
	})
}

// What only waits for the end of the turn does not count against a client.
func TestBurstWithinATurnIsNotSlow(t *testing.T) {
	w := newWorld(t, Options{SendQueueBytes: 10_000, SendQueuePackets: 100})
	const n = 2000
	w.hear = func(s *Session) func(Turn, []byte, bool) {
		return func(Turn, []byte, bool) {
			for range n {
				if err := s.Send(text("0123456789")); err != nil {
					t.Error(err)
					return
				}
			}
		}
	}
	s := w.socket()
	s.send("4go")
	for range n {
		s.read()
	}
}

func TestClientThatStopsReadingIsClosedAfterTheWriteTimeout(t *testing.T) {
	overNetworks(t, func(t *testing.T, n network) {
		w := n.world(t, Options{WriteTimeout: 100 * time.Millisecond, SendQueueBytes: 64 << 20})
		s := w.socket()
		for range 200 {
			_ = s.s.Send(text(strings.Repeat("x", 100_000)))
		}
		if err := s.ended(ReasonSlow); !errors.Is(err, ErrSlow) {
			t.Errorf("cause %v", err)
		}
	})
}

// A queue that is never empty must not grow with all that passed through it.
func TestQueueThatIsNeverEmptyDoesNotGrow(t *testing.T) {
	var q queue
	q.push(text("x"))
	for range 200_000 {
		q.push(text("x"))
		q.drop(1)
	}
	if c := cap(q.list.items); c > 4*keepItems {
		t.Errorf("room for %d messages where 2 wait", c)
	}
	if q.len() != 1 || q.bytes != 2 {
		t.Errorf("%d messages, %d bytes", q.len(), q.bytes)
	}
	q.clear()
	if q.list != nil || q.bytes != 0 {
		t.Error("an empty queue holds memory")
	}
}

func TestVolatileIsDroppedWhenTheTransportIsBusy(t *testing.T) {
	w := newWorld(t, Options{WriteTimeout: time.Minute})
	p, s := w.poll(), w.socket()
	if p.s.Writable() || p.s.SendVolatile(text("x")) {
		t.Error("taken though no GET waits")
	}
	waiting := p.wait()
	if !p.s.Writable() || !p.s.SendVolatile(text("now")) {
		t.Error("dropped though a GET waits")
	}
	w.expect("GET", await(t, "the answer", waiting), 200, "4now")

	if !s.s.SendVolatile(text("now")) || s.read() != "4now" {
		t.Error("dropped though the socket is idle")
	}
	sent, dropped := 0, 0
	for dropped < 1000 && sent < 10_000 {
		if s.s.SendVolatile(text(strings.Repeat("x", 10_000))) {
			sent++
		} else {
			dropped++
		}
		if sent%100 == 0 {
			time.Sleep(time.Millisecond)
		}
	}
	if dropped == 0 || len(s.closed) > 0 {
		t.Errorf("%d sent, %d dropped to a client that does not read", sent, dropped)
	}
}
