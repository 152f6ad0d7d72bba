package engineio

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// inEveryState opens sessions in the states there are.
func (w *world) inEveryState(t *testing.T) (ears []*ear, sockets []*socket, waiting <-chan answer) {
	t.Helper()
	resting, polling := w.poll(), w.poll()
	waiting = polling.wait()
	s := w.socket()
	half := w.socket()
	_, _ = half.Conn.Write([]byte{0x81, 0x85, 0, 0}) // half a frame
	paused := w.socket()
	paused.s.Pause()
	upgrading := w.poll()
	probe := upgrading.probe()
	probe.send("2probe")
	probe.read()
	silent := w.poll()
	closed := w.poll()
	closed.s.Close(ReasonForcedClose)
	closed.ended(ReasonForcedClose)
	ears = []*ear{resting.ear, polling.ear, s.ear, half.ear, paused.ear, upgrading.ear, silent.ear}
	return ears, []*socket{s, half, paused, probe, silent.probe()}, waiting
}

func TestShutdownEndsSessionsInWhateverState(t *testing.T) {
	overNetworks(t, func(t *testing.T, n network) {
		w := n.world(t, Options{})
		ears, sockets, waiting := w.inEveryState(t)
		for _, s := range sockets {
			go func() { // a client that hangs up when it is asked to
				_, err := s.next()
				if err != io.EOF {
					t.Errorf("no close frame: %v", err)
				}
				_ = s.Conn.Close()
			}()
		}
		began := time.Now()
		w.shutdown()
		if d := time.Since(began); d > lingerForTests/2 {
			t.Errorf("Shutdown took %v", d)
		}
		w.expect("GET", await(t, "the answer", waiting), 200, "1")
		for _, e := range ears {
			e.ended(ReasonServerShutdown)
		}
		if a := w.request(http.MethodGet, "EIO=4&transport=polling", ""); a.status != http.StatusServiceUnavailable {
			t.Errorf("a new session got %d %q", a.status, a.body)
		}
	})
}

func TestShutdownDoesNotWaitLongForClientsThatDoNothing(t *testing.T) {
	inBubble(t, Options{}, func(t *testing.T, w *world) {
		ears, _, waiting := w.inEveryState(t)
		full := w.socket()
		for range 20 {
			_ = full.s.Send(text("never read"))
		}
		began := time.Now()
		w.shutdown()
		if d := time.Since(began); d > 10*time.Second+lingerForTests {
			t.Errorf("Shutdown took %v", d)
		}
		<-waiting
		for _, e := range append(ears, full.ear) {
			e.ended(ReasonServerShutdown)
		}
	})
}

func TestShutdownOfAnIdleServerReturnsAtOnce(t *testing.T) {
	w := newWorld(t, Options{})
	w.shutdown()
	w.shutdown()
}

func TestShutdownDeliversWhatWasSentBefore(t *testing.T) {
	overNetworks(t, func(t *testing.T, n network) {
		for range 30 {
			w := n.world(t, Options{})
			s, p := w.socket(), w.poll()
			waiting := p.wait()
			_ = s.s.Send(text("last"))
			_ = p.s.Send(text("last"))
			go w.shutdown()
			if got := strings.Join(s.rest(), " "); got != "4last" {
				t.Fatalf("the WebSocket got %q", got)
			}
			_ = s.Conn.Close()
			if got := packets(t, await(t, "the answer", waiting).body); got[0] != "4last" {
				t.Fatalf("the GET got %q", got)
			}
		}
	})
}

func TestShutdownEndsWithItsContext(t *testing.T) {
	w := newWorld(t, Options{})
	s := w.socket()
	release := make(chan struct{})
	s.s.Run(taskFunc(func() { <-release }))
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Millisecond)
	defer cancel()
	if err := w.Shutdown(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Shutdown: %v", err)
	}
	close(release)
}

type taskFunc func()

func (f taskFunc) Run() { f() }

func TestDrainSpreadsTheEndings(t *testing.T) {
	inBubble(t, Options{PingInterval: time.Hour}, func(t *testing.T, w *world) {
		const n, over = 50, 100 * time.Second
		ends := make(chan time.Duration, n)
		began := time.Now()
		for range n {
			s := w.socket()
			go func() {
				if reason := (<-s.closed).reason; reason != ReasonServerShutdown {
					t.Errorf("closed with %q", reason)
				}
				ends <- time.Since(began)
			}()
			go func() {
				for range s.silent() {
				}
				_ = s.Conn.Close()
			}()
		}
		if err := w.Drain(t.Context(), over); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		var tenths [10]int
		for range n {
			tenths[min(9, (<-ends)*10/over)]++
		}
		for i, k := range tenths {
			if k < 4 || k > 6 {
				t.Errorf("%d sessions ended in tenth %d", k, i)
			}
		}
		if a := w.request(http.MethodGet, "EIO=4&transport=polling", ""); a.status != http.StatusServiceUnavailable {
			t.Errorf("a new session got %d", a.status)
		}
	})
}

func TestDrainEndsWithItsContext(t *testing.T) {
	w := newWorld(t, Options{})
	sockets := []*socket{w.socket(), w.socket()}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := w.Drain(ctx, time.Hour); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Drain: %v", err)
	}
	if ended := len(sockets[0].closed) + len(sockets[1].closed); ended > 1 {
		t.Errorf("%d sessions were closed", ended)
	}
}

func TestDrainOverALifetimeDoesNotHurry(t *testing.T) {
	inBubble(t, Options{PingInterval: 24 * time.Hour}, func(t *testing.T, w *world) {
		sockets := []*socket{w.socket(), w.socket(), w.socket()}
		for _, s := range sockets {
			s.silent()
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		if err := w.Drain(ctx, 1<<62); !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
		if n := w.Stats().CurrentConnections; n != 2 {
			t.Errorf("%d sessions are left", n)
		}
	})
}
