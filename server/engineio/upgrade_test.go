package engineio

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func TestUpgradeKeepsOrderWhileBothSidesSend(t *testing.T) {
	overNetworks(t, func(t *testing.T, n network) {
		w := n.world(t, Options{})
		const sessions, up, down = 6, 300, 600
		var all sync.WaitGroup
		for range sessions {
			p := w.poll()
			var heard []string
			done := make(chan struct{})
			go func() {
				defer close(done)
				for len(heard) < up {
					heard = append(heard, <-p.heard)
				}
			}()
			all.Go(func() {
				for i := range down {
					if err := p.s.Send(text(fmt.Sprint(i))); err != nil {
						t.Error(err)
					}
					if i%20 == 0 {
						time.Sleep(time.Millisecond) // a sender, not a burst
					}
				}
			})
			all.Go(func() {
				got := p.talk(up, down)
				<-done
				for i, packet := range got {
					if packet != fmt.Sprint("4", i) {
						t.Fatalf("the client's packet %d is %q", i, packet)
					}
				}
				for i, message := range heard {
					if message != fmt.Sprint(i) {
						t.Fatalf("the server's message %d is %q", i, message)
					}
				}
			})
		}
		ok := make(chan struct{})
		go func() { all.Wait(); close(ok) }()
		await(t, "the clients", ok)
	})
}

// talk sends up messages and receives down packets, upgrading meanwhile as the
// JavaScript client does.
func (p *poller) talk(up, down int) (got []string) {
	var polling, posting sync.WaitGroup
	pausing := make(chan struct{})
	paused := func() bool {
		select {
		case <-pausing:
			return true
		default:
			return false
		}
	}
	sent := 0
	polling.Go(func() {
		for !paused() {
			for _, packet := range packets(p.t, p.get().body) {
				if packet != "6" {
					got = append(got, packet)
				}
			}
		}
	})
	posting.Go(func() {
		for sent < up/2 || !paused() && sent < up {
			p.w.expect("POST", p.post(fmt.Sprintf("4%d\x1e4%d", sent, sent+1)), 200, "ok")
			sent += 2
		}
	})
	s := p.probe()
	s.send("2probe")
	if reply := s.read(); reply != "3probe" {
		p.t.Errorf("the probe was answered with %q", reply)
	}
	close(pausing)
	polling.Wait()
	posting.Wait()
	s.send("5")
	for ; sent < up; sent++ {
		s.send(fmt.Sprint("4", sent))
	}
	for len(got) < down {
		got = append(got, s.read())
	}
	return got
}

func TestUpgradedSessionGoesOnOnItsWebSocket(t *testing.T) {
	w := newWorld(t, Options{})
	w.hear = echo
	p := w.poll()
	waiting := p.wait()
	s := p.probe()
	s.send("2probe")
	if got := s.read(); got != "3probe" {
		t.Fatalf("the probe was answered with %q", got)
	}
	w.expect("the GET that waits", await(t, "the answer", waiting), 200, "6")
	s.send("5")
	s.send("4early")
	if got := s.read(); got != "4early" {
		t.Errorf("got %q", got)
	}
	// Polling is over for this session, and does not harm it.
	w.expect("GET", p.get(), 400, `{"code":3,"message":"Bad request"}`)
	w.expect("POST", p.post("4x"), 400, `{"code":3,"message":"Bad request"}`)
	s.send("4late")
	if got := s.read(); got != "4late" || p.s.Transport() != WebSocket {
		t.Errorf("got %q on %s", got, p.s.Transport())
	}
	_ = s.Close()
	p.ended(ReasonTransportClose)
}

func TestPollsAreAnsweredWithNoopWhileTheProbeIsUnderWay(t *testing.T) {
	w := newWorld(t, Options{})
	p := w.poll()
	s := p.probe()
	s.send("2probe")
	s.read()
	w.expect("GET", p.get(), 200, "6")
	_ = p.s.Send(text("hello"))
	w.expect("GET", p.get(), 200, "4hello")
	w.expect("GET", p.get(), 200, "6")
}

func TestPollThatOvertakesTheUpgradePacketIsRefused(t *testing.T) {
	w := newWorld(t, Options{})
	refused := 0
	for range 50 {
		p := w.poll()
		s := p.probe()
		s.send("2probe")
		s.read()
		from := time.Now()
		s.send("5")
		a := p.get()
		_ = s.Close()
		if a.body == "6" && time.Since(from) >= probeMoment {
			continue // a busy machine has not read the upgrade packet in time
		}
		w.expect("GET", a, 400, `{"code":3,"message":"Bad request"}`)
		refused++
	}
	if refused == 0 {
		t.Error("no poll has overtaken an upgrade packet")
	}
}

// works says that a session is alive on polling.
func (p *poller) works() {
	p.t.Helper()
	p.w.expect("POST", p.post("4up"), 200, "ok")
	if got := await(p.t, "the message", p.heard); got != "up" {
		p.t.Errorf("heard %q", got)
	}
	if err := p.s.Send(text("down")); err != nil {
		p.t.Error(err)
	}
	p.w.expect("GET", p.get(), 200, "4down")
	if p.s.Transport() != Polling {
		p.t.Errorf("the session is on %s", p.s.Transport())
	}
}

func TestFailedProbeLeavesPollingUnharmed(t *testing.T) {
	w := newWorld(t, Options{})
	p := w.poll()
	for name, spoil := range map[string]func(s *socket){
		"gone at once":          func(s *socket) {},
		"gone after the probe":  func(s *socket) { s.send("2probe"); s.read() },
		"wrong probe":           func(s *socket) { s.send("2other"); s.rest() },
		"a message":             func(s *socket) { s.send("4x"); s.rest() },
		"a message after probe": func(s *socket) { s.send("2probe"); s.read(); s.send("4x"); s.rest() },
		"a close packet":        func(s *socket) { s.send("1"); s.rest() },
		"no packet":             func(s *socket) { s.send("x"); s.rest() },
		"no frame":              func(s *socket) { _, _ = io.WriteString(s, "junk and more"); s.rest() },
		"a close frame":         func(s *socket) { _ = s.write(0x88, nil); s.rest() },
	} {
		s := p.probe()
		spoil(s)
		_ = s.Close()
		eventually(t, name+": the probe ends", func() bool {
			p.s.mu.Lock()
			defer p.s.mu.Unlock()
			return p.s.probe == nil
		})
		p.works()
	}
	if len(p.closed) > 0 {
		t.Error("closed")
	}
	p.upgrade()
}

func TestRefusedUpgradeRequestLeavesRoomForAnother(t *testing.T) {
	w := newWorld(t, Options{})
	p := w.poll()
	for _, header := range []string{"Sec-WebSocket-Version: 8", "Content-Length: 4"} {
		c, err := w.dial()
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.WriteString(c, "GET /?"+strings.Replace(p.query, "polling", "websocket", 1)+" HTTP/1.1\r\n"+
			strings.Replace(upgradeHeader, "Sec-WebSocket-Version: 13", header, 1)+"\r\ntest")
		_ = c.SetDeadline(time.Now().Add(patience))
		if answer, err := io.ReadAll(c); err != nil || strings.Contains(string(answer), " 101 ") {
			t.Errorf("%s: %.60q %v", header, answer, err)
		}
		_ = c.Close()
	}
	p.works()
	p.upgrade()
}

func TestProbeThatDoesNotFinishIsGivenUp(t *testing.T) {
	for name, begin := range map[string]func(s *socket){
		"nothing sent": func(*socket) {},
		"probe only":   func(s *socket) { s.send("2probe") },
		"half a frame": func(s *socket) { _, _ = s.Write([]byte{0x81}) },
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, Options{UpgradeTimeout: 3 * time.Second}, func(t *testing.T, w *world) {
				p := w.poll()
				s := p.probe()
				begin(s)
				got := s.silent()
				pass(3*time.Second + slack)
				pass(lingerForTests)
				for range got {
				}
				p.works()
				p.upgrade()
			})
		})
	}
}

func TestSecondWebSocketOfASessionIsClosed(t *testing.T) {
	overNetworks(t, func(t *testing.T, n network) {
		w := n.world(t, Options{})
		w.hear = echo
		p := w.poll()
		first := p.probe()
		second := p.probe()
		if rest := second.rest(); len(rest) > 0 {
			t.Errorf("the second WebSocket got %q", rest)
		}
		first.send("2probe")
		first.read()
		first.send("5")
		third := p.probe()
		third.rest()
		for _, s := range []*socket{second, third} {
			_ = s.Close()
		}
		first.send("4hello")
		if got := first.read(); got != "4hello" {
			t.Errorf("got %q", got)
		}
		// The same for a session that began on a WebSocket.
		s := w.socket()
		other, res := w.dialSocket("EIO=4&transport=websocket&sid=" + s.sid)
		if res.StatusCode != http.StatusSwitchingProtocols || len(other.rest()) > 0 {
			t.Errorf("%s", res.Status)
		}
		s.send("4hello")
		if got := s.read(); got != "4hello" {
			t.Errorf("got %q", got)
		}
	})
}

func TestCloseDuringAnUpgradeStillDeliversWhatIsQueued(t *testing.T) {
	overNetworks(t, func(t *testing.T, n network) {
		w := n.world(t, Options{})
		for range 20 {
			p := w.poll()
			s := p.probe()
			s.send("2probe")
			s.read()
			for _, m := range []string{"one", "two"} {
				if err := p.s.Send(text(m)); err != nil {
					t.Fatal(err)
				}
			}
			p.s.Close(ReasonForcedClose)
			p.ended(ReasonForcedClose)
			s.send("5")
			if got := strings.Join(s.rest(), " "); got != "4one 4two" {
				t.Fatalf("got %q", got)
			}
			_ = s.Close()
		}
		eventually(t, "the sessions are forgotten", func() bool { return w.known() == 0 })
	})
}

// The same, with a client that does not hang up and has half sent a frame.
func TestSessionClosedDuringAnUpgradeIsForgotten(t *testing.T) {
	w := newWorld(t, Options{})
	p := w.poll()
	s := p.probe()
	s.send("2probe")
	s.read()
	p.s.Close(ReasonForcedClose)
	s.send("5")
	_, _ = s.Conn.Write([]byte{0x81})
	s.rest()
	began := time.Now()
	eventually(t, "the session is forgotten", func() bool { return w.known() == 0 })
	w.shutdown()
	if d := time.Since(began); d > lingerForTests {
		t.Errorf("the server was busy for %v", d)
	}
}

func TestGetThatWaitsAtTheUpgradeIsAnswered(t *testing.T) {
	w := newWorld(t, Options{})
	p := w.poll()
	waiting := p.wait()
	s := p.probe()
	s.send("5") // without asking first
	w.expect("GET", await(t, "the answer", waiting), 200, "6")
	s.send("4hello")
	if got := await(t, "the message", p.heard); got != "hello" {
		t.Errorf("heard %q", got)
	}
}

func TestCloseDuringAProbeThatFailsGoesToPolling(t *testing.T) {
	w := newWorld(t, Options{})
	p := w.poll()
	s := p.probe()
	s.send("2probe")
	s.read()
	_ = p.s.Send(text("last"))
	p.s.Close(ReasonForcedClose)
	_ = s.Close()
	var got []string
	for len(got) == 0 || got[len(got)-1] != "1" {
		a := p.get()
		if a.status != 200 {
			t.Fatalf("%d %q after %q", a.status, a.body, got)
		}
		got = append(got, packets(t, a.body)...)
	}
	if s := strings.ReplaceAll(strings.Join(got, " "), "6 ", ""); s != "4last 1" {
		t.Errorf("got %q", got)
	}
	eventually(t, "the session is forgotten", func() bool { return w.known() == 0 })
}

func TestClientThatVanishesDuringAnUpgradeEndsWithItsPing(t *testing.T) {
	inBubble(t, Options{}, func(t *testing.T, w *world) {
		p := w.poll()
		s := p.probe()
		s.send("2probe")
		s.read()
		s.silent()
		pass(interval + timeout + slack)
		synctest.Wait()
		p.ended(ReasonPingTimeout)
	})
}
