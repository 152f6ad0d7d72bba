package engineio

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func TestCloseOfAWebSocketFlushesFirst(t *testing.T) {
	overNetworks(t, func(t *testing.T, n network) {
		w := n.world(t, Options{})
		for i := range 100 {
			s := w.socket()
			for k := range 3 {
				if err := s.s.Send(text(fmt.Sprint(k))); err != nil {
					t.Fatal(err)
				}
				if i%2 == 0 {
					time.Sleep(time.Duration(i) * time.Microsecond) // into the middle of a write
				}
			}
			s.s.Close(ReasonForcedClose)
			s.s.Close(ReasonServerShutdown)
			if got := strings.Join(s.rest(), " "); got != "40 41 42" {
				t.Fatalf("session %d got %q", i, got)
			}
			_ = s.Conn.Close()
			s.ended(ReasonForcedClose)
			if err := s.s.Send(text("late")); !errors.Is(err, ErrClosed) {
				t.Errorf("Send after Close: %v", err)
			}
		}
		eventually(t, "the sessions are forgotten", func() bool { return w.known() == 0 })
	})
}

func TestCloseOfAWebSocketFlushesLargeMessagesToASlowReader(t *testing.T) {
	overNetworks(t, func(t *testing.T, n network) {
		w := n.world(t, Options{})
		s := w.socket()
		body := strings.Repeat("x", 8<<20)
		_ = s.s.Send(text(body))
		_ = s.s.Send(text("last"))
		s.s.Close(ReasonForcedClose)
		s.ended(ReasonForcedClose)
		got := s.rest()
		if len(got) != 2 || len(got[0]) != len(body)+1 || got[1] != "4last" {
			t.Errorf("got %d packets", len(got))
		}
	})
}

func TestCloseWaitsForAClientThatIsSlowToRead(t *testing.T) {
	inBubble(t, Options{}, func(t *testing.T, w *world) {
		for n := 2; n <= 4; n++ { // one is being written, one waits behind it, the rest is queued
			s := w.socket()
			for range n {
				_ = s.s.Send(text("patience"))
				synctest.Wait()
			}
			s.s.Close(ReasonForcedClose)
			pass(8 * time.Second) // less than WriteTimeout
			if got := len(s.rest()); got != n {
				t.Errorf("got %d of %d messages", got, n)
			}
		}
	})
}

func TestCloseOfPollingFlushesFirst(t *testing.T) {
	overNetworks(t, func(t *testing.T, n network) {
		w := n.world(t, Options{})
		for i := range 100 {
			p := w.poll()
			var waiting <-chan answer
			if i%2 == 0 {
				waiting = p.wait()
			}
			for k := range 3 {
				_ = p.s.Send(text(fmt.Sprint(k)))
			}
			p.s.Close(ReasonForcedClose)
			var got []string
			if waiting != nil {
				got = packets(t, await(t, "the answer", waiting).body)
			}
			for len(got) == 0 || got[len(got)-1] != "1" {
				a := p.get()
				if a.status != 200 {
					t.Fatalf("session %d: %d %q after %q", i, a.status, a.body, got)
				}
				got = append(got, packets(t, a.body)...)
			}
			if s := strings.ReplaceAll(strings.Join(got, " "), "6 ", ""); s != "40 41 42 1" {
				t.Fatalf("session %d got %q", i, got)
			}
			p.ended(ReasonForcedClose)
			w.expect("GET", p.get(), 400, `{"code":1,"message":"Session ID unknown"}`)
		}
		if n := w.known(); n != 0 {
			t.Errorf("%d sessions are known", n)
		}
	})
}

func TestClosedPollingSessionIsForgottenThoughNobodyAsks(t *testing.T) {
	inBubble(t, Options{}, func(t *testing.T, w *world) {
		p := w.poll()
		_ = p.s.Send(text("never fetched"))
		p.s.Close(ReasonForcedClose)
		p.ended(ReasonForcedClose)
		pass(2*pollGrace + time.Second)
		if n := w.known(); n != 0 {
			t.Errorf("%d sessions are known", n)
		}
		w.expect("GET", p.get(), 400, `{"code":1,"message":"Session ID unknown"}`)
	})
}

func TestClosedWebSocketWhosePeerIsSilentIsDropped(t *testing.T) {
	inBubble(t, Options{}, func(t *testing.T, w *world) {
		s := w.socket()
		_ = s.write(0x81, []byte("4x"))
		_, _ = s.Conn.Write([]byte{0x81}) // and half a frame
		synctest.Wait()
		s.s.Close(ReasonForcedClose)
		began := time.Now()
		for range s.silent() {
		}
		w.shutdown()
		if d := time.Since(began); d > 5*time.Second {
			t.Errorf("the server was busy for %v", d)
		}
	})
}

func TestReasonsOfTheClientsDoing(t *testing.T) {
	overNetworks(t, func(t *testing.T, n network) {
		w := n.world(t, Options{MaxPayload: 1000})
		for name, c := range map[string]struct {
			do   func(s *socket)
			want Reason
		}{
			"connection closed": {func(s *socket) { _ = s.Conn.Close() }, ReasonTransportClose},
			"close frame":       {func(s *socket) { _ = s.write(0x88, nil) }, ReasonTransportClose},
			"close packet":      {func(s *socket) { s.send("1") }, ReasonTransportClose},
			"bad packet":        {func(s *socket) { s.send("x") }, ReasonParseError},
			"bad frame":         {func(s *socket) { _, _ = io.WriteString(s.Conn, "junk") }, ReasonTransportError},
			"too large":         {func(s *socket) { s.send("4" + strings.Repeat("x", 1000)) }, ReasonTransportError},
			"ping":              {func(s *socket) { s.send("2") }, ReasonTransportError},
		} {
			s := w.socket()
			go func() { _, _ = io.Copy(io.Discard, s.br) }()
			c.do(s)
			if cause := s.ended(c.want); name == "too large" && (cause == nil || !strings.Contains(cause.Error(), "Max payload size exceeded")) {
				t.Errorf("%s: cause %v", name, cause)
			}
			_ = s.Conn.Close()
		}
		eventually(t, "the sessions are forgotten", func() bool { return w.known() == 0 })
	})
}

func TestFirstReasonWins(t *testing.T) {
	w := newWorld(t, Options{})
	for range 100 {
		s := w.socket()
		var all sync.WaitGroup
		for _, reason := range []Reason{ReasonForcedClose, ReasonServerShutdown, ReasonSlow} {
			all.Go(func() { s.s.Close(reason) })
		}
		all.Go(func() { _ = s.Conn.Close() })
		all.Wait()
		await(t, "Closed", s.closed)
	}
	eventually(t, "the sessions are forgotten", func() bool { return w.known() == 0 })
	if live := w.Stats().CurrentConnections; live != 0 {
		t.Errorf("%d sessions are counted", live)
	}
}

func TestNothingIsReceivedAfterClose(t *testing.T) {
	overNetworks(t, func(t *testing.T, n network) {
		w := n.world(t, Options{})
		w.hear = func(s *Session) func(Turn, []byte, bool) {
			return func(_ Turn, data []byte, _ bool) {
				if string(data) != "first" {
					t.Errorf("received %q after Close", data)
				}
				s.Close(ReasonForcedClose)
			}
		}
		s, p := w.socket(), w.poll()
		go func() { _, _ = io.Copy(io.Discard, s.br) }()
		s.send("4first")
		for range 10 {
			_ = s.write(0x81, []byte("4second"))
		}
		s.ended(ReasonForcedClose)
		p.post("4first\x1e4second")
		p.ended(ReasonForcedClose)
		w.expect("POST", p.post("4third"), 200, "ok")
	})
}

func TestPanicOfAReceiverEndsItsSession(t *testing.T) {
	overNetworks(t, func(t *testing.T, n network) {
		w := n.world(t, Options{})
		w.hear = func(*Session) func(Turn, []byte, bool) {
			return func(Turn, []byte, bool) { panic(http.ErrAbortHandler) }
		}
		s := w.socket()
		s.send("4x")
		s.ended(ReasonTransportClose)
		p := w.poll()
		_ = p.post("4x")
		p.s.Close(ReasonForcedClose)
		p.ended(ReasonForcedClose)
	})
}
