package e2e

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"parley/server/socketio"
)

// Everything that a client can leave half finished is bounded in time.
func TestWhatIsLeftHalfDoneIsEnded(t *testing.T) {
	notNode(t, "it waits for ever")
	const limit = 300 * time.Millisecond
	srv := start(t, socketio.Options{ReadTimeout: limit, AttachmentTimeout: limit, UpgradeTimeout: limit, ConnectTimeout: 5 * time.Second})
	usage := measure(t, srv)
	whole := text(`42["nobody","` + strings.Repeat("x", 1000) + `"]`)
	for _, row := range []struct {
		name string
		send func(c *wsConn)
		code int
	}{
		{"half a header", func(c *wsConn) { c.send(whole[:1]) }, 1008},
		{"half a frame", func(c *wsConn) { c.send(whole[:500]) }, 1008},
		{"half a message", func(c *wsConn) { c.send(frame(opText, []byte("42"))) }, 1008},
		{"a frame byte by byte", func(c *wsConn) { trickle(c, whole) }, 1008},
		{"a message fragment by fragment", func(c *wsConn) {
			trickle(c, append(frame(opText, []byte("4")), bytes.Repeat(frame(opContinuation, nil), 500)...))
		}, 1008},
		{"attachments", func(c *wsConn) { c.sendText(`452-["echo",1]`); c.send(bin(1)) }, noStatus},
	} {
		t.Run(row.name, func(t *testing.T) {
			c := joinWS(t, srv)
			c.t = t
			from := time.Now()
			row.send(c)
			c.wantClose(row.code)
			wantBetween(t, "end", from, limit, 10*limit)
			_ = c.Close()
		})
	}
	t.Run("POST", func(t *testing.T) {
		w := watch(t, srv)
		p, id := joinPolling(t, srv)
		_, in := halfPost(t, srv, p, 100)
		if res := readResponse(t, in); res.StatusCode != 408 {
			t.Errorf("status %d", res.StatusCode)
		}
		w.want(t, id, transportError)
		_ = w.Close()
	})
	usage.back()
}

// trickle sends a byte every few milliseconds until the server has enough of it.
func trickle(c *wsConn, data []byte) {
	conn := c.Conn
	go func() {
		for _, b := range data {
			if _, err := conn.Write([]byte{b}); err != nil {
				return
			}
			time.Sleep(5 * time.Millisecond)
		}
	}()
}

// A client that asks and asks and never reads must not make the server keep
// what it would get.
func TestFloodsOfAClientThatDoesNotRead(t *testing.T) {
	notNode(t, "it queues without end")
	srv := start(t, socketio.Options{WriteTimeout: time.Second, SendQueueBytes: 200_000, InboxBytes: 200_000})
	var connects []byte // one name again and again would get one answer for many
	for i := range 100 {
		connects = append(connects, text(fmt.Sprintf("40/%d%s,", i, strings.Repeat("n", 200)))...)
	}
	for _, row := range []struct {
		name  string
		batch []byte
		ends  bool // the server closes the connection: what it has to say fills the queue
	}{
		{"WebSocket pings", bytes.Repeat(frame(fin|opPing, make([]byte, 125)), 100), false},
		{"events with an acknowledgement", bytes.Repeat(text(`420["ack","`+strings.Repeat("x", 1000)+`"]`), 100), true},
		{"CONNECTs", connects, true},
	} {
		t.Run(row.name, func(t *testing.T) {
			clients := controls(t, srv)
			c := joinWS(t, srv)
			until := 2 * time.Second
			if row.ends {
				until = 4 * patience
				_ = c.Conn.(*net.TCPConn).SetReadBuffer(64 << 10) // which the server must fill first
			}
			_ = c.SetWriteDeadline(time.Now().Add(until))
			before, most := heap(), uint64(0)
			for i := 0; ; i++ {
				if _, err := c.Write(row.batch); err != nil {
					if row.ends && errors.Is(err, os.ErrDeadlineExceeded) {
						t.Error("the server does not close the connection")
					}
					break
				}
				if i%50 == 0 {
					var m runtime.MemStats
					runtime.ReadMemStats(&m)
					most = max(most, m.HeapInuse)
				}
			}
			if most > before+64<<20 {
				t.Errorf("the heap grew from %d to %d MiB", before>>20, most>>20)
			}
			alive(t, clients)
			_ = c.Close()
		})
	}
}

// The bytes of an upgrade request may be followed by frames in the same segment.
func TestFramesBehindTheUpgradeRequest(t *testing.T) {
	srv := start(t, socketio.Options{})
	t.Run("CONNECT", func(t *testing.T) {
		notNode(t, "it loses some")
		for i := range 1000 {
			c := dialWS(t, srv, wsQuery, text("40"))
			parseHandshake(t, c.text())
			socketID(t, c.text(), "")
			if event := c.text(); !strings.HasPrefix(event, `42["welcome"`) {
				t.Fatalf("after the CONNECT reply came %q", event)
			}
			c.sendText(fmt.Sprintf(`42["echo",%d]`, i))
			c.want(fmt.Sprintf(`42["echo",%d]`, i))
			_ = c.Close()
		}
	})
	t.Run("probe", func(t *testing.T) {
		for i := range 100 {
			p, _ := joinPolling(t, srv)
			c := dialWS(t, srv, wsQuery+"&sid="+p.SID, text("2probe"))
			c.want("3probe")
			c.sendText("5", fmt.Sprintf(`42["echo",%d]`, i))
			c.want(fmt.Sprintf(`42["echo",%d]`, i))
			_ = c.Close()
		}
	})
	t.Run("half a frame", func(t *testing.T) {
		connect := text("40")
		for cut := range connect {
			c := dialWS(t, srv, wsQuery, connect[:cut])
			parseHandshake(t, c.text())
			c.send(connect[cut:])
			socketID(t, c.text(), "")
			_ = c.Close()
		}
	})
	t.Run("garbage", func(t *testing.T) {
		for _, garbage := range []string{"test", "GET / HTTP/1.1\r\n\r\n", "\x00\x00", strings.Repeat("\xff", 10_000)} {
			c := dialWS(t, srv, wsQuery, []byte(garbage))
			c.wantClose(1002)
			_ = c.Close()
		}
	})
	t.Run("close", func(t *testing.T) {
		c := dialWS(t, srv, wsQuery, frame(fin|opClose, []byte{3, 232}))
		c.wantClose(1000)
	})
}

// A CONNECT may also follow the handshake over polling before any poll.
func TestConnectBeforeTheFirstPoll(t *testing.T) {
	srv := start(t, socketio.Options{})
	for range 200 {
		p := openPolling(t, srv)
		p.send("40")
		socketID(t, p.packet(), "")
	}
}
