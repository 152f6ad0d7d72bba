package engineio

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"parley/server/wire/eio"
)

// An answer is a response with its whole body.
type answer struct {
	status int
	header http.Header
	body   string
	err    error
}

// request sends a request with a query such as "EIO=4&transport=polling".
func (w *world) request(method, query, body string, header ...string) answer {
	req, err := http.NewRequest(method, "http://"+w.host+"/engine.io/?"+query, strings.NewReader(body))
	if err != nil {
		return answer{err: err}
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	if method == http.MethodPost && req.Header.Get("Content-Type") == "" {
		req.Header.Set("Content-Type", "text/plain;charset=UTF-8")
	}
	res, err := w.client.Do(req)
	if err != nil {
		return answer{err: err}
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	return answer{res.StatusCode, res.Header, string(b), err}
}

// expect checks an answer's status and body.
func (w *world) expect(what string, a answer, status int, body string) {
	w.t.Helper()
	if a.err != nil || a.status != status || a.body != body {
		w.t.Errorf("%s: %d %.80q %v, want %d %.80q", what, a.status, a.body, a.err, status, body)
	}
}

// A poller is a client that polls.
type poller struct {
	w     *world
	sid   string
	query string
	*ear
}

// poll begins a polling session.
func (w *world) poll() *poller {
	w.t.Helper()
	a := w.request(http.MethodGet, "EIO=4&transport=polling", "")
	if a.status != 200 || !strings.HasPrefix(a.body, "0") {
		w.t.Fatalf("handshake: %d %q %v", a.status, a.body, a.err)
	}
	hs, err := eio.ParseHandshake([]byte(packets(w.t, a.body)[0][1:]))
	if err != nil {
		w.t.Fatal(err)
	}
	return &poller{w, hs.SID, "EIO=4&transport=polling&sid=" + hs.SID, await(w.t, "accept", w.ears)}
}

func (p *poller) get() answer { return p.w.request(http.MethodGet, p.query, "") }

func (p *poller) post(body string) answer { return p.w.request(http.MethodPost, p.query, body) }

// wait starts a GET and returns when it waits.
func (p *poller) wait() <-chan answer {
	p.t.Helper()
	got := make(chan answer, 1)
	go func() { got <- p.get() }()
	eventually(p.t, "the GET waits", func() bool {
		p.s.mu.Lock()
		defer p.s.mu.Unlock()
		return p.s.transport.Writable()
	})
	return got
}

// A socket is a client's WebSocket.
type socket struct {
	net.Conn
	w   *world
	br  *bufio.Reader
	sid string
	*ear
}

const upgradeHeader = "Host: example.test\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
	"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"

// dialSocket sends an upgrade request and returns the answer to it.
func (w *world) dialSocket(query string, header ...string) (*socket, *http.Response) {
	w.t.Helper()
	c, err := w.dial()
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { _ = c.Close() })
	var b strings.Builder
	b.WriteString("GET /engine.io/?" + query + " HTTP/1.1\r\n" + strings.Replace(upgradeHeader, "example.test", w.host, 1))
	for i := 0; i < len(header); i += 2 {
		b.WriteString(header[i] + ": " + header[i+1] + "\r\n")
	}
	s := &socket{Conn: c, w: w, br: bufio.NewReader(c)}
	if _, err := io.WriteString(c, b.String()+"\r\n"); err != nil {
		w.t.Fatal(err)
	}
	res, err := http.ReadResponse(s.br, nil)
	if err != nil {
		w.t.Fatal(err)
	}
	return s, res
}

// socket begins a session on a WebSocket.
func (w *world) socket() *socket {
	w.t.Helper()
	s, res := w.dialSocket("EIO=4&transport=websocket")
	if res.StatusCode != http.StatusSwitchingProtocols {
		w.t.Fatal(res.Status)
	}
	open := s.read()
	hs, err := eio.ParseHandshake([]byte(open[1:]))
	if err != nil || open[0] != '0' {
		w.t.Fatalf("open packet %q: %v", open, err)
	}
	s.sid, s.ear = hs.SID, await(w.t, "accept", w.ears)
	return s
}

// probe begins the upgrade of a polling session.
func (p *poller) probe() *socket {
	p.t.Helper()
	s, res := p.w.dialSocket("EIO=4&transport=websocket&sid=" + p.sid)
	if res.StatusCode != http.StatusSwitchingProtocols {
		p.t.Fatal(res.Status)
	}
	s.sid, s.ear = p.sid, p.ear
	return s
}

// upgrade moves a session with no request under way to a WebSocket.
func (p *poller) upgrade() *socket {
	p.t.Helper()
	s := p.probe()
	s.send("2probe")
	if got := s.read(); got != "3probe" {
		p.t.Fatalf("the probe was answered with %q", got)
	}
	s.send("5")
	eventually(p.t, "the upgrade", func() bool { return p.s.Transport() == WebSocket })
	return s
}

func (s *socket) send(text string) {
	s.w.t.Helper()
	if err := s.write(0x81, []byte(text)); err != nil {
		s.w.t.Fatal(err)
	}
}

// write writes a frame with a mask of zeros.
func (s *socket) write(op byte, payload []byte) error {
	frame := []byte{op}
	switch n := len(payload); {
	case n <= 125:
		frame = append(frame, 0x80|byte(n))
	case n <= 0xffff:
		frame = binary.BigEndian.AppendUint16(append(frame, 0x80|126), uint16(n))
	default:
		frame = binary.BigEndian.AppendUint64(append(frame, 0x80|127), uint64(n))
	}
	frame = append(append(frame, 0, 0, 0, 0), payload...)
	_, err := s.Conn.Write(frame)
	return err
}

// read returns the next packet; binary ones stand behind "b:".
func (s *socket) read() string {
	s.w.t.Helper()
	_ = s.SetReadDeadline(time.Now().Add(patience))
	packet, err := s.next()
	if err != nil {
		s.w.t.Fatalf("no packet: %v", err)
	}
	return packet
}

// next returns the next packet. The error is io.EOF after a close frame.
func (s *socket) next() (string, error) {
	var head [2]byte
	if _, err := io.ReadFull(s.br, head[:]); err != nil {
		return "", fmt.Errorf("%w: %w", errNoFrame, err)
	}
	n := uint64(head[1])
	switch n {
	case 126:
		var b [2]byte
		if _, err := io.ReadFull(s.br, b[:]); err != nil {
			return "", err
		}
		n = uint64(binary.BigEndian.Uint16(b[:]))
	case 127:
		var b [8]byte
		if _, err := io.ReadFull(s.br, b[:]); err != nil {
			return "", err
		}
		n = binary.BigEndian.Uint64(b[:])
	}
	payload := make([]byte, n)
	if _, err := io.ReadFull(s.br, payload); err != nil {
		return "", err
	}
	switch head[0] {
	case 0x81:
		return string(payload), nil
	case 0x82:
		return "b:" + string(payload), nil
	case 0x88:
		return string(payload), io.EOF
	}
	return "", fmt.Errorf("unexpected frame %x", head)
}

// rest returns all packets up to the close frame, without pings.
func (s *socket) rest() (list []string) {
	s.w.t.Helper()
	_ = s.SetReadDeadline(time.Now().Add(patience))
	for {
		packet, err := s.next()
		if err == io.EOF {
			return list
		}
		if err != nil {
			s.w.t.Fatalf("after %d packets: %v", len(list), err)
		}
		if packet != "2" {
			list = append(list, packet)
		}
	}
}

// ended sends an upgrade request and expects the end of the connection,
// whatever comes before it.
func (w *world) ended(query string, header ...string) {
	w.t.Helper()
	c, err := w.dial()
	if err != nil {
		w.t.Fatal(err)
	}
	defer c.Close()
	request := "GET /engine.io/?" + query + " HTTP/1.1\r\n" + upgradeHeader
	for i := 0; i < len(header); i += 2 {
		request += header[i] + ": " + header[i+1] + "\r\n"
	}
	_ = c.SetDeadline(time.Now().Add(patience))
	if _, err := io.WriteString(c, request+"\r\n"); err != nil {
		w.t.Fatal(err)
	}
	_ = c.(*net.TCPConn).CloseWrite() // the server need not wait for a close frame
	if _, err := io.Copy(io.Discard, c); isTimeout(err) {
		w.t.Errorf("%s %q: the connection is still open", query, header)
	}
}
