package webtransport

import (
	"context"
	"strings"
	"testing"
	"time"

	"parley/server/socketio"
)

func TestHandshakeIsThatOfTheRequest(t *testing.T) {
	w := newWorld(t, socketio.Options{})
	seen := make(chan socketio.Handshake, 1)
	w.io.Of("/").OnConnect(func(_ context.Context, s *socketio.Socket) { seen <- s.Handshake() })
	session, _, err := w.session("Cookie", "flavour=oat")
	if err != nil {
		t.Fatal(err)
	}
	w.stream(session, "0", "40").want("0{")
	select {
	case h := <-seen:
		if h.Header().Get("Cookie") != "flavour=oat" || h.Header().Get("Host") != w.addr || !h.Secure ||
			!strings.HasPrefix(h.RemoteAddr, "127.0.0.1:") || h.URL != "/any/path?color=blue" || h.Query().Get("color") != "blue" {
			t.Errorf("got %+v with header %v", h, h.Header())
		}
	case <-time.After(patience):
		t.Fatal("no connection")
	}
}

func TestSessionOverWebTransport(t *testing.T) {
	w := newWorld(t, socketio.Options{SendQueueBytes: 8 << 20})
	c := w.connect()
	for _, n := range []int{1, 100, 125, 126, 65_535, 65_536, 900_000} {
		text := `42["echo","` + strings.Repeat("x", n) + `"]`
		c.send(text)
		if got := c.want(`42["echo"`); got != text {
			t.Fatalf("%d bytes came back as %d", len(text), len(got))
		}
		data := "b:" + strings.Repeat("\xff", n)
		c.send(`451-["echo",{"_placeholder":true,"num":0}]`, data)
		c.want(`451-["echo",`)
		if got := c.want("b:"); got != data {
			t.Fatalf("%d bytes of binary came back as %d", len(data), len(got))
		}
	}
	_ = c.session.CloseWithError(0, "")
	w.reason("transport close")
}
