package webtransport

import (
	"strings"
	"testing"

	"parley/server/socketio"
)

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
