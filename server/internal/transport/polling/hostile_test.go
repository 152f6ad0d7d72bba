package polling

import (
	"errors"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"parley/server/internal/transport"
)

func TestSlowBodyIsGivenUp(t *testing.T) {
	for name, head := range map[string]string{
		"plain":   "Content-Length: 100\r\n\r\n4x",
		"chunked": "Transfer-Encoding: chunked\r\n\r\n2\r\n4x\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, Limits{ReadTimeout: 100 * time.Millisecond})
			waiting := b.get()
			c := b.dial("POST / HTTP/1.1\r\nHost: x\r\n" + head)
			if status := b.last(c); status != http.StatusRequestTimeout {
				t.Errorf("status %d", status)
			}
			if err := await(t, "Gone", b.gone); !errors.Is(err, transport.ErrViolation) || !strings.Contains(err.Error(), "ReadTimeout") {
				t.Errorf("Gone with %v", err)
			}
			b.expect("GET", await(t, "the answer", waiting), 200, "1")
		})
	}
}

func TestTrickledBodyIsGivenUp(t *testing.T) {
	b := newBench(t, Limits{ReadTimeout: 100 * time.Millisecond})
	c := b.dial("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 900\r\n\r\n")
	stop := make(chan struct{})
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		for {
			select {
			case <-stop:
				return
			case <-time.After(5 * time.Millisecond):
				if _, err := c.Write([]byte("x")); err != nil {
					return
				}
			}
		}
	}()
	await(t, "Gone", b.gone)
	close(stop)
	await(t, "the client", stopped)
}

// A body that is refused before its end must not hold the request either.
func TestRefusedBodyThatStopsIsGivenUp(t *testing.T) {
	b := newBench(t, Limits{ReadTimeout: 100 * time.Millisecond, MaxPayload: 100})
	c := b.dial("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n80\r\n" + strings.Repeat("x", 0x80) + "\r\n")
	if status := b.last(c); status != http.StatusRequestEntityTooLarge {
		t.Errorf("status %d", status)
	}
	b.open()
}

func TestSlowBodiesDoNotHurtLaterRequestsOnTheSameConnection(t *testing.T) {
	b := newBench(t, Limits{ReadTimeout: 100 * time.Millisecond})
	c := b.dial("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n4a")
	for range 3 {
		res, err := http.ReadResponse(c.br, nil)
		if err != nil || res.StatusCode != 200 {
			t.Fatalf("%v %v", res, err)
		}
		_ = res.Body.Close()
		<-time.After(150 * time.Millisecond) // longer than a body may take
		if _, err := c.Write([]byte("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n4a")); err != nil {
			t.Fatal(err)
		}
	}
	if len(b.packets) < 3 {
		t.Errorf("%d packets came", len(b.packets))
	}
}

// A client that asks for much and reads nothing.
func TestClientThatDoesNotReadItsAnswerIsGivenUp(t *testing.T) {
	b := newBench(t, Limits{WriteTimeout: 100 * time.Millisecond})
	c := b.dial("GET / HTTP/1.1\r\nHost: x\r\n\r\n")
	_ = c.Conn.(*net.TCPConn).SetReadBuffer(1 << 10)
	await(t, "the GET waits", b.drained)
	b.send(strings.Repeat("x", 16<<20))
	if err := await(t, "Gone", b.gone); !errors.Is(err, transport.ErrViolation) {
		t.Errorf("Gone with %v", err)
	}
	await(t, "the request's end", b.served)
}

func TestLargeAnswerArrivesWhole(t *testing.T) {
	b := newBench(t, Limits{})
	waiting := b.get()
	text := strings.Repeat("0123456789", 300_000)
	b.send(text)
	b.expect("GET", await(t, "the answer", waiting), 200, "4"+text)
	b.open()
}

func TestPauseHoldsTheAnswerOfAPost(t *testing.T) {
	for name, release := range map[string]func(*bench){
		"Resume": func(b *bench) { b.Resume() },
		"Close":  func(b *bench) { b.Close() },
		"Retire": func(b *bench) { b.Retire() },
		"end":    func(b *bench) { b.fail(errFinished, closeMessage) },
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, Limits{})
			b.Resume()
			b.Pause()
			b.Pause()
			answered := make(chan answer, 1)
			go func() { answered <- b.post("4x") }()
			await(t, "the packet", b.packets)
			// Polling goes on meanwhile.
			waiting := b.get()
			b.send("hello")
			b.expect("GET", await(t, "the answer", waiting), 200, "4hello")
			if len(answered) > 0 {
				t.Error("answered while paused")
			}
			release(b)
			b.expect("POST", await(t, "the answer", answered), 200, "ok")
		})
	}
}

func TestClientMayGoWhilePaused(t *testing.T) {
	b := newBench(t, Limits{})
	b.Pause()
	c := b.dial("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n4x")
	await(t, "the packet", b.packets)
	_ = c.Close()
	await(t, "the request's end", b.served)
}

func TestPauseAfterTheEndHoldsNothing(t *testing.T) {
	b := newBench(t, Limits{})
	b.Close()
	b.Pause()
	b.expect("POST", b.post("4x"), 200, "ok")
}
