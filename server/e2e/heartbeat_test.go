package e2e

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"parley/server/socketio"
)

const (
	pingEvery = 300 * time.Millisecond
	pongTime  = 200 * time.Millisecond
	// earliest is how much sooner than planned a coarse timer may go off.
	earliest = 60 * time.Millisecond
)

var quick = socketio.Options{PingInterval: pingEvery, PingTimeout: pongTime}

// wantBetween fails unless the time since from is in the range.
func wantBetween(t *testing.T, what string, from time.Time, low, high time.Duration) {
	t.Helper()
	if took := time.Since(from); took < low-earliest || took > high {
		t.Errorf("%s after %v, want %v to %v", what, took, low, high)
	}
}

func TestPingsOverWebSocket(t *testing.T) {
	srv := start(t, quick)
	c := joinWS(t, srv)
	for i := range 5 {
		from := time.Now()
		c.want("2")
		if i > 0 {
			wantBetween(t, "ping", from, pingEvery, patience)
		}
		c.sendText("3")
	}
	c.sendText(`42["echo",1]`)
	c.want(`42["echo",1]`)
}

func TestPingsOverPolling(t *testing.T) {
	srv := start(t, quick)
	p, _ := joinPolling(t, srv)
	for range 4 {
		p.want("2")
		p.send("3")
	}
	p.wantEcho("alive")
}

func TestSilentClientIsClosed(t *testing.T) {
	srv := start(t, quick)
	for _, mode := range []string{"websocket", "polling"} {
		t.Run(mode, func(t *testing.T) {
			from := time.Now()
			var id string
			if mode == "websocket" {
				c, _ := openWS(t, srv)
				id = c.join("/")
				c.want("2")
				c.wantClose(noStatus)
			} else {
				var p *pollClient
				p, id = joinPolling(t, srv)
				p.want("2")
				if a := p.get(); a.status != 200 || a.body != "1" {
					t.Errorf("the waiting poll got %d %q", a.status, a.body)
				}
				p.wantGone()
			}
			wantBetween(t, "end", from, pingEvery+pongTime, patience)
			watch(t, srv).want(t, id, pingTimeout)
		})
	}
}

func TestPollingClientThatNeverPollsIsClosed(t *testing.T) {
	srv := start(t, quick)
	p := openPolling(t, srv)
	time.Sleep(pingEvery + pongTime)
	p.wantGone()
}

// A client that uploads is alive; but a ping's time is extended only once.
func TestMessagesAreNoAnswerToPings(t *testing.T) {
	srv := start(t, quick)
	c := joinWS(t, srv)
	from := time.Now()
	closed := make(chan error, 1)
	go func() {
		for {
			if _, _, err := c.frame(); err != nil {
				closed <- err
				return
			}
		}
	}()
	for i := 0; ; i++ {
		select {
		case err := <-closed:
			if !errors.Is(err, closeError(noStatus)) {
				t.Error(err)
			}
			wantBetween(t, "end", from, pingEvery+pongTime, patience)
			return
		case <-time.After(10 * time.Millisecond):
			_, _ = c.Write(text(fmt.Sprintf(`42["echo",%d]`, i)))
		}
	}
}

func TestUnaskedPongsStartNoPings(t *testing.T) {
	srv := start(t, quick)
	c := joinWS(t, srv)
	for range 50 {
		c.sendText("3")
	}
	c.sendText(`42["echo",1]`)
	c.want(`42["echo",1]`, "2")
	from := time.Now()
	c.sendText("3", "3", "3")
	c.want("2")
	wantBetween(t, "ping", from, pingEvery, patience)
}

func TestPingOfAClientIsTheWrongDirection(t *testing.T) {
	srv := start(t, socketio.Options{})
	w := watch(t, srv)
	c, _ := openWS(t, srv)
	id := c.join("/")
	c.sendText("2")
	c.wantClose(noStatus)
	w.want(t, id, transportError)
}

func TestWebSocketPingsAreAnswered(t *testing.T) {
	srv := start(t, socketio.Options{})
	c := joinWS(t, srv)
	for _, payload := range []string{"", "payload", string(make([]byte, 125))} {
		c.send(frame(fin|opPing, []byte(payload)))
		if op, got := c.message(); op != opPong || string(got) != payload {
			t.Errorf("opcode %d with %q", op, got)
		}
	}
	c.send(frame(fin|opPong, []byte("unasked")))
	c.sendText(`42["echo",1]`)
	c.want(`42["echo",1]`)
}

func TestConnectTimeout(t *testing.T) {
	const limit = 300 * time.Millisecond
	srv := start(t, socketio.Options{ConnectTimeout: limit})
	t.Run("no CONNECT", func(t *testing.T) {
		from := time.Now()
		c, _ := openWS(t, srv)
		c.wantClose(noStatus)
		wantBetween(t, "end", from, limit, patience)
	})
	t.Run("refused CONNECT", func(t *testing.T) {
		c, _ := openWS(t, srv)
		c.sendText("40/guarded,", "40/nowhere,")
		c.wantClose(noStatus)
	})
	t.Run("polling", func(t *testing.T) {
		p := openPolling(t, srv)
		if a := p.get(); a.status != 200 || a.body != "1" {
			t.Errorf("the poll got %d %q", a.status, a.body)
		}
		p.wantGone()
	})
	t.Run("joined and left again", func(t *testing.T) {
		c := joinWS(t, srv)
		c.sendText("41")
		time.Sleep(2 * limit)
		c.join("/")
	})
}
