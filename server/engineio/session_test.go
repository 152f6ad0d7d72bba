package engineio

import (
	"fmt"
	"log/slog"
	"math"
	"net/http"
	"strings"
	"testing"
	"time"
)

func TestPauseAndResumeLoseNothing(t *testing.T) {
	overNetworks(t, func(t *testing.T, n network) {
		w := n.world(t, Options{})
		const messages = 2000
		done := make(chan struct{}, 2)
		w.hear = func(s *Session) func(Turn, []byte, bool) {
			next := 0
			return func(_ Turn, data []byte, _ bool) {
				if string(data) != fmt.Sprint(next) {
					t.Errorf("received %q, want %d", data, next)
				}
				if next++; next%100 == 0 {
					s.Pause()
					s.Timer(time.Millisecond, s.Resume)
				}
				if next == messages {
					done <- struct{}{}
				}
			}
		}
		s, p := w.socket(), w.poll()
		go func() {
			for i := range messages {
				s.send(fmt.Sprint("4", i))
			}
		}()
		go func() {
			for i := 0; i < messages; i += 50 {
				var batch []string
				for k := i; k < i+50; k++ {
					batch = append(batch, fmt.Sprint("4", k))
				}
				w.expect("POST", p.post(strings.Join(batch, "\x1e")), 200, "ok")
			}
		}()
		for range 2 {
			await(t, "all messages", done)
		}
	})
}

func TestPausedPollerWaitsForTheAnswerToItsPost(t *testing.T) {
	w := newWorld(t, Options{})
	p := w.poll()
	p.s.Pause()
	answered := make(chan answer, 1)
	go func() { answered <- p.post("4x") }()
	await(t, "the message", p.heard)
	_ = p.s.Send(text("down"))
	w.expect("GET", p.get(), 200, "4down")
	if len(answered) > 0 {
		t.Error("answered while paused")
	}
	p.s.Resume()
	w.expect("POST", await(t, "the answer", answered), 200, "ok")
}

func TestPauseHoldsOverTheUpgrade(t *testing.T) {
	w := newWorld(t, Options{})
	p := w.poll()
	p.s.Pause()
	s := p.upgrade()
	s.send("4waits")
	// Another session on each loop is served meanwhile.
	for range 8 {
		other := w.socket()
		other.send("4x")
		await(t, "the message", other.heard)
	}
	if len(p.heard) > 0 {
		t.Error("received while paused")
	}
	p.s.Resume()
	if got := await(t, "the message", p.heard); got != "waits" {
		t.Errorf("heard %q", got)
	}
}

func TestTimerCallsOnceUnlessStopped(t *testing.T) {
	inBubble(t, Options{}, func(t *testing.T, w *world) {
		s := w.socket()
		calls := make(chan int, 10)
		s.s.Timer(time.Second, func() { calls <- 1 })
		stopped := s.s.Timer(time.Second, func() { calls <- 2 })
		stopped.Stop()
		pass(time.Minute / 4)
		if len(calls) != 1 || <-calls != 1 {
			t.Error("the wrong timer came, or none")
		}
		stopped.Stop()
		_ = s.Conn.Close()
	})
}

func TestStatsCount(t *testing.T) {
	w := newWorld(t, Options{})
	w.hear = echo
	s, p := w.socket(), w.poll()
	for range 5 {
		s.send("4x")
		s.read()
	}
	p.post("4x\x1e4y")
	_ = s.Conn.Close()
	s.ended(ReasonTransportClose)
	want := Stats{TotalConnections: 2, CurrentConnections: 1, MessagesSent: 7, MessagesReceived: 7}
	eventually(t, "the end is counted", func() bool { return w.Stats().CurrentConnections == 1 })
	if got := w.Stats(); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
}

func TestZeroOptionsAreTheDefaults(t *testing.T) {
	for _, o := range []*Options{nil, {}} {
		c := o.withDefaults()
		if c.PingInterval != 25*time.Second || c.PingTimeout != 20*time.Second || c.UpgradeTimeout != 10*time.Second ||
			c.MaxPayload != 1_000_000 || c.SendQueueBytes != 1<<20 || c.MaxSessions <= 0 || len(c.Transports) != 2 || c.Logger == nil {
			t.Errorf("%+v", c)
		}
	}
	list, methods := []string{Polling}, []string{"GET"}
	c := (&Options{Transports: list, CORS: CORS{Methods: methods}, Logger: slog.Default()}).withDefaults()
	list[0], methods[0] = "changed", "changed"
	if c.Transports[0] != Polling || c.CORS.Methods[0] != "GET" {
		t.Error("the options were not copied")
	}
}

func TestImpossibleOptionsPanicWithTheirName(t *testing.T) {
	for name, o := range map[string]Options{
		"PingInterval":         {PingInterval: -1},
		"PingTimeout":          {PingTimeout: -1},
		"UpgradeTimeout":       {UpgradeTimeout: -1},
		"ReadTimeout":          {ReadTimeout: -1},
		"WriteTimeout":         {WriteTimeout: -1},
		"MaxPayload":           {MaxPayload: -1},
		"MaxPackets":           {MaxPackets: -1},
		"MaxFragments":         {MaxFragments: -1},
		"SendQueueBytes":       {SendQueueBytes: -1},
		"SendQueuePackets":     {SendQueuePackets: -1},
		"MaxSessions":          {MaxSessions: -1},
		"MaxHeader":            {MaxHeader: -1},
		"CompressionThreshold": {CompressionThreshold: -1},
		"Transports":           {Transports: []string{"carrier pigeon"}},
		"AllowedOrigins":       {AllowedOrigins: []string{"app.example"}},
		"Cookie":               {Cookie: &http.Cookie{Name: "a b"}},
	} {
		panics(t, "Options."+name, func() { New(nil, &o) })
	}
	for _, tag := range []string{"a.b", "é", strings.Repeat("x", maxTag+1)} {
		panics(t, "Options.NodeTag", func() { New(nil, &Options{NodeTag: tag}) })
	}
	panics(t, "Options.Cookie", func() { New(nil, &Options{Cookie: &http.Cookie{SameSite: http.SameSiteNoneMode}}) })
	for _, o := range []Options{
		{PingInterval: longestTimer}, {PingTimeout: longestTimer + 1}, {PingInterval: math.MaxInt64, PingTimeout: math.MaxInt64},
		{PingInterval: longestTimer / 2, PingTimeout: longestTimer/2 + 1},
	} {
		panics(t, "Options.PingInterval and PingTimeout", func() { New(nil, &o) })
	}
	New(nil, &Options{PingInterval: longestTimer - time.Second, PingTimeout: time.Second})
}

// panics expects a panic with a text.
func panics(t *testing.T, with string, f func()) {
	t.Helper()
	defer func() {
		if s := fmt.Sprint(recover()); !strings.Contains(s, with) {
			t.Errorf("%s: panic with %q", with, s)
		}
	}()
	f()
}
