package e2e

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

// The parts of a frame's first byte.
const (
	fin = 0x80

	opContinuation = 0
	opText         = 1
	opBinary       = 2
	opClose        = 8
	opPing         = 9
	opPong         = 10
)

// Close codes that no frame carries.
const (
	noStatus = 1005 // a close frame without a code
	abnormal = 1006 // no close frame at all
)

// A wsConn is a WebSocket client that sends whatever bytes a test wants.
type wsConn struct {
	net.Conn
	t  testing.TB
	in *bufio.Reader
}

// dialTCP opens a connection that fails the test's waits after patience.
func dialTCP(t testing.TB, srv *server) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", srv.host())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(patience))
	return conn
}

const wsQuery = "EIO=4&transport=websocket"

// upgradeRequest is the bytes of a right request, with lines added.
func upgradeRequest(srv *server, query string, more ...string) string {
	lines := append([]string{
		"GET /socket.io/?" + query + " HTTP/1.1",
		"Host: " + srv.host(),
		"Connection: Upgrade",
		"Upgrade: websocket",
		"Sec-WebSocket-Version: 13",
		"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
	}, more...)
	return strings.Join(lines, "\r\n") + "\r\n\r\n"
}

// dialWS completes a WebSocket handshake; the bytes of behind go out in the
// same segment as the request.
func dialWS(t testing.TB, srv *server, query string, behind ...[]byte) *wsConn {
	t.Helper()
	return upgradeWS(t, srv, append([][]byte{[]byte(upgradeRequest(srv, query))}, behind...)...)
}

// upgradeWS is dialWS with a request of the caller's.
func upgradeWS(t testing.TB, srv *server, request ...[]byte) *wsConn {
	t.Helper()
	c := &wsConn{Conn: dialTCP(t, srv), t: t}
	c.in = bufio.NewReader(c.Conn)
	c.send(request...)
	res, err := http.ReadResponse(c.in, nil)
	if err != nil {
		t.Fatal(err)
	}
	if res.StatusCode != http.StatusSwitchingProtocols {
		body, _ := io.ReadAll(res.Body)
		t.Fatalf("upgrade: %s: %s", res.Status, body)
	}
	return c
}

// openWS opens a session over WebSocket.
func openWS(t testing.TB, srv *server) (c *wsConn, hs handshake) {
	t.Helper()
	c = dialWS(t, srv, wsQuery)
	hs = parseHandshake(t, c.text())
	return c, hs
}

// joinWS opens a session and joins the main namespace.
func joinWS(t testing.TB, srv *server) *wsConn {
	t.Helper()
	c, _ := openWS(t, srv)
	c.join("/")
	return c
}

// join joins a namespace and returns the socket's id. In / and /custom it also
// takes the event that comes behind the reply.
func (c *wsConn) join(namespace string) (id string) {
	c.t.Helper()
	prefix := ""
	if namespace != "/" {
		prefix = namespace + ","
	}
	c.sendText("40" + prefix)
	reply := c.text()
	id = socketID(c.t, reply, prefix)
	if event := c.text(); !strings.HasPrefix(event, "42"+prefix) {
		c.t.Fatalf("after the CONNECT reply came %q", event)
	}
	return id
}

func socketID(t testing.TB, reply, prefix string) string {
	t.Helper()
	payload, ok := strings.CutPrefix(reply, "40"+prefix)
	var connected struct{ SID string }
	if err := json.Unmarshal([]byte(payload), &connected); !ok || err != nil || connected.SID == "" {
		t.Fatalf("the reply to CONNECT is %q", reply)
	}
	return connected.SID
}

// send writes everything at once.
func (c *wsConn) send(frames ...[]byte) {
	c.t.Helper()
	if _, err := c.Write(bytes.Join(frames, nil)); err != nil {
		c.t.Fatalf("write: %v", err)
	}
}

func (c *wsConn) sendText(packets ...string) {
	c.t.Helper()
	var frames [][]byte
	for _, p := range packets {
		frames = append(frames, text(p))
	}
	c.send(frames...)
}

// frame builds a masked frame with the given first byte.
func frame(first byte, payload []byte) []byte {
	mask := [4]byte{0x12, 0x34, 0x56, 0x78}
	b := append(frameHeader(first, 0x80, len(payload)), mask[:]...)
	for i, x := range payload {
		b = append(b, x^mask[i%4])
	}
	return b
}

// frameHeader builds a header up to, not including, the mask.
func frameHeader(first, maskBit byte, length int) []byte {
	switch {
	case length < 126:
		return []byte{first, maskBit | byte(length)}
	case length < 1<<16:
		return binary.BigEndian.AppendUint16([]byte{first, maskBit | 126}, uint16(length))
	}
	return binary.BigEndian.AppendUint64([]byte{first, maskBit | 127}, uint64(length))
}

func text(packet string) []byte { return frame(fin|opText, []byte(packet)) }
func bin(data ...byte) []byte   { return frame(fin|opBinary, data) }

// A closeError is the end of a WebSocket connection.
type closeError int

func (e closeError) Error() string { return fmt.Sprintf("closed with code %d", int(e)) }

// frame reads one frame; its error at the end of the connection is a closeError.
func (c *wsConn) frame() (op byte, payload []byte, err error) {
	var head [2]byte
	if _, err := io.ReadFull(c.in, head[:]); err != nil {
		if errors.Is(err, io.EOF) || isReset(err) {
			err = closeError(abnormal)
		}
		return 0, nil, err
	}
	length := uint64(head[1])
	switch head[1] {
	case 126:
		var n [2]byte
		_, err = io.ReadFull(c.in, n[:])
		length = uint64(binary.BigEndian.Uint16(n[:]))
	case 127:
		var n [8]byte
		_, err = io.ReadFull(c.in, n[:])
		length = binary.BigEndian.Uint64(n[:])
	}
	if err != nil || head[1] > 127 || head[0]&0xf0 != fin || length > 16<<20 {
		return 0, nil, fmt.Errorf("the server sent the frame header % x (%v)", head, err)
	}
	payload = make([]byte, length)
	if _, err := io.ReadFull(c.in, payload); err != nil {
		return 0, nil, err
	}
	if op = head[0] & 0x0f; op != opClose {
		return op, payload, nil
	}
	if len(payload) == 0 {
		return 0, nil, closeError(noStatus)
	}
	return 0, nil, closeError(binary.BigEndian.Uint16(payload))
}

func isReset(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) && !op.Timeout()
}

// message reads the next message.
func (c *wsConn) message() (op byte, payload []byte) {
	c.t.Helper()
	op, payload, err := c.frame()
	if err != nil {
		c.t.Fatalf("read: %v", err)
	}
	return op, payload
}

// text reads the next message, which must be text.
func (c *wsConn) text() string {
	c.t.Helper()
	op, payload := c.message()
	if op != opText {
		c.t.Fatalf("got opcode %d with %q instead of text", op, payload)
	}
	return string(payload)
}

// want reads the next messages, which must be these texts.
func (c *wsConn) want(packets ...string) {
	c.t.Helper()
	for _, p := range packets {
		if got := c.text(); got != p {
			c.t.Fatalf("got %q, want %q", shorten(got), shorten(p))
		}
	}
}

// wantInAnyOrder reads as many messages, of different namespaces.
func (c *wsConn) wantInAnyOrder(packets ...string) {
	c.t.Helper()
	var got []string
	for range packets {
		got = append(got, c.text())
	}
	slices.Sort(got)
	slices.Sort(packets)
	if !slices.Equal(got, packets) {
		c.t.Fatalf("got %q, want %q", got, packets)
	}
}

// wantClose reads until the end, which must come with this code.
func (c *wsConn) wantClose(code int) {
	c.t.Helper()
	if got := c.closeCode(); got != code {
		c.t.Errorf("closed with code %d, want %d", got, code)
	}
}

// closeCode reads until the end.
func (c *wsConn) closeCode() int {
	c.t.Helper()
	for {
		_, _, err := c.frame()
		var end closeError
		switch {
		case errors.As(err, &end):
			return int(end)
		case err != nil:
			c.t.Fatalf("waiting for the end: %v", err)
		}
	}
}

func shorten(s string) string {
	if len(s) > 200 {
		return fmt.Sprintf("%s… (%d bytes)", s[:200], len(s))
	}
	return s
}
