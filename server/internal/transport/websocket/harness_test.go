package websocket

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gobwas/ws"

	"parley/server/internal/reactor"
	"parley/server/wire/eio"
)

// patience is how long something that must happen may take on a busy machine.
const patience = 10 * time.Second

var testLimits = Limits{MaxPayload: 1 << 20, MaxFragments: 64, ReadTimeout: time.Minute}

// A recorder is a Sink that keeps what it gets.
type recorder struct {
	conn    *Conn
	packets chan eio.Packet
	drained chan struct{}
	gone    chan error
}

func newRecorder() *recorder {
	return &recorder{
		packets: make(chan eio.Packet, 3000),
		drained: make(chan struct{}, 100),
		gone:    make(chan error, 2),
	}
}

func (r *recorder) Packet(_ reactor.Turn, p eio.Packet) {
	p.Data = bytes.Clone(p.Data)
	r.packets <- p
}

func (r *recorder) Drained() {
	select {
	case r.drained <- struct{}{}:
	default:
	}
}

func (r *recorder) Gone(_ reactor.Turn, cause error) { r.gone <- cause }

// A server upgrades every request and hands its connections out.
type server struct {
	*httptest.Server
	reactor  *reactor.Reactor
	upgrader *Upgrader
	sinks    chan *recorder
	refused  chan error
}

func newServer(t *testing.T, limits Limits, secure bool) *server {
	t.Helper()
	s := &server{
		reactor: reactor.New(slog.New(slog.DiscardHandler), 2),
		sinks:   make(chan *recorder, 10),
		refused: make(chan error, 10),
	}
	s.upgrader = &Upgrader{Reactor: s.reactor, Wheel: reactor.NewWheel(s.reactor), Limits: limits}
	s.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, initial, err := s.upgrader.Upgrade(w, r, http.Header{"X-Added": {"yes"}})
		if err != nil {
			s.refused <- err
			return
		}
		sink := newRecorder()
		sink.conn = c
		c.Start(s.reactor.Turn(), sink, initial)
		s.sinks <- sink
	}))
	if secure {
		s.StartTLS()
	} else {
		s.Start()
	}
	t.Cleanup(func() {
		s.Close()
		done := make(chan struct{})
		go func() { s.reactor.Wait(); close(done) }()
		await(t, "the reactor's goroutines end", done)
	})
	return s
}

// A client speaks raw WebSocket.
type client struct {
	net.Conn
	t  *testing.T
	br *bufio.Reader
}

const request = "GET /socket.io/ HTTP/1.1\r\nHost: example.test\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
	"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"

// connect opens a connection to the server and sends raw.
func (s *server) connect(t *testing.T, raw string) *client {
	t.Helper()
	c, err := net.Dial("tcp", s.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	if s.TLS != nil {
		c = tls.Client(c, &tls.Config{InsecureSkipVerify: true})
	}
	t.Cleanup(func() { _ = c.Close() })
	_ = c.SetDeadline(time.Now().Add(patience))
	cl := &client{c, t, bufio.NewReader(c)}
	cl.write([]byte(raw))
	return cl
}

// dial completes a handshake, with more bytes right behind the request.
func (s *server) dial(t *testing.T, behind ...byte) (*client, *recorder) {
	t.Helper()
	c := s.connect(t, request+"\r\n"+string(behind))
	res := c.response()
	if res.StatusCode != http.StatusSwitchingProtocols || res.Header.Get("X-Added") != "yes" {
		t.Fatalf("answer %s %v", res.Status, res.Header)
	}
	return c, await(t, "the server's end", s.sinks)
}

func (c *client) response() *http.Response {
	c.t.Helper()
	res, err := http.ReadResponse(c.br, nil)
	if err != nil {
		c.t.Fatal(err)
	}
	return res
}

func (c *client) write(p []byte) {
	c.t.Helper()
	if _, err := c.Write(p); err != nil {
		c.t.Fatal(err)
	}
}

// readFrame reads a frame of the server, of which the test knows that it is not
// huge.
func readFrame(r io.Reader) (f ws.Frame, err error) {
	if f.Header, err = ws.ReadHeader(r); err != nil {
		return f, err
	}
	f.Payload = make([]byte, f.Header.Length)
	_, err = io.ReadFull(r, f.Payload)
	return f, err
}

func (c *client) frame() ws.Frame {
	c.t.Helper()
	f, err := readFrame(c.br)
	if err != nil {
		c.t.Fatalf("no frame: %v", err)
	}
	return f
}

// closed expects a close frame and then the end of the stream.
func (c *client) closed() (code ws.StatusCode, reason string) {
	c.t.Helper()
	f := c.frame()
	if f.Header.OpCode != ws.OpClose {
		c.t.Fatalf("got frame %v %q, not a close frame", f.Header, f.Payload)
	}
	if rest, err := io.ReadAll(c.br); err != nil || len(rest) > 0 {
		c.t.Fatalf("behind the close frame: %q %v", rest, err)
	}
	if len(f.Payload) == 0 {
		return ws.StatusNoStatusRcvd, ""
	}
	return ws.ParseCloseFrameData(f.Payload)
}

// text and the like build masked frames.
func text(s string) []byte { return masked(true, ws.OpText, s) }
func masked(fin bool, op ws.OpCode, payload string) []byte {
	return ws.MustCompileFrame(ws.MaskFrame(ws.NewFrame(op, fin, []byte(payload))))
}

// header builds the header of a masked frame, of which no payload follows.
func frameHeader(fin bool, op ws.OpCode, length int64) []byte {
	var b bytes.Buffer
	h := ws.Header{Fin: fin, OpCode: op, Masked: true, Mask: [4]byte{1, 2, 3, 4}, Length: length}
	if err := ws.WriteHeader(&b, h); err != nil {
		panic(err)
	}
	return b.Bytes()
}

func join(parts ...[]byte) []byte { return bytes.Join(parts, nil) }

func await[T any](t *testing.T, what string, c <-chan T) T {
	t.Helper()
	select {
	case v := <-c:
		return v
	case <-time.After(patience):
		t.Fatalf("waited in vain: %s", what)
		panic("unreachable")
	}
}

// A fakeLink is a reactor.Conn of which the test is the other end.
type fakeLink struct {
	wrote                                        bytes.Buffer
	room                                         int // what Write may still take; below zero: anything
	started, paused, closeWrite, aborted, closed atomic.Bool
}

func (l *fakeLink) Start()       { l.started.Store(true) }
func (l *fakeLink) Unread() bool { return false }
func (l *fakeLink) Write(p []byte) int {
	if l.room >= 0 {
		p = p[:min(len(p), l.room)]
		l.room -= len(p)
	}
	l.wrote.Write(p)
	return len(p)
}
func (l *fakeLink) CloseWrite() { l.closeWrite.Store(true) }
func (l *fakeLink) Abort()      { l.aborted.Store(true) }
func (l *fakeLink) Close()      { l.closed.Store(true) }
func (l *fakeLink) Pause()      { l.paused.Store(true) }
func (l *fakeLink) Resume()     { l.paused.Store(false) }

// A bench is a Conn on a fakeLink.
type bench struct {
	*Conn
	link *fakeLink
	sink *recorder
	turn reactor.Turn
	r    *reactor.Reactor
}

func newBench(limits Limits) *bench {
	r := reactor.New(slog.New(slog.DiscardHandler), 2)
	b := &bench{link: &fakeLink{room: -1}, sink: newRecorder(), turn: r.Turn(), r: r}
	b.Conn = &Conn{link: b.link, wheel: reactor.NewWheel(r), limits: &limits}
	b.Conn.Start(b.turn, b.sink, nil)
	return b
}

// end lets the connection go, and all goroutines with it.
func (b *bench) end() {
	handler{b.Conn}.Gone(b.turn, io.EOF)
	b.r.Wait()
}

// outcome is all that can be seen of what a connection did with its input.
func (b *bench) outcome() string {
	var s strings.Builder
	for len(b.sink.packets) > 0 {
		p := <-b.sink.packets
		fmt.Fprintf(&s, "%d %v %x\n", p.Type, p.Binary, p.Data)
	}
	fmt.Fprintf(&s, "wrote %x, ended %v %v\n", b.link.wrote.Bytes(), b.link.closeWrite.Load(), b.link.aborted.Load())
	if len(b.sink.gone) > 0 {
		fmt.Fprintf(&s, "gone: %v\n", <-b.sink.gone)
	}
	return s.String()
}
