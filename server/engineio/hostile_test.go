package engineio

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// rawRequest sends bytes and expects a status, and the end of the connection
// soon after it, though nothing more is sent.
func (w *world) rawRequest(raw string, want int) {
	w.t.Helper()
	c, err := w.dial()
	if err != nil {
		w.t.Fatal(err)
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(patience))
	if _, err := io.WriteString(c, raw); err != nil {
		w.t.Fatal(err)
	}
	br := bufio.NewReader(c)
	res, err := http.ReadResponse(br, nil)
	if err != nil {
		w.t.Fatal(err)
	}
	_, _ = io.Copy(io.Discard, res.Body)
	if res.StatusCode != want {
		w.t.Errorf("%.60q: %s, want %d", raw, res.Status, want)
	}
	if _, err := io.Copy(io.Discard, br); isTimeout(err) {
		w.t.Errorf("%.60q: the request is held though its client sends nothing", raw)
	}
}

// net/http waits for the rest of a body that its handler did not read.
func TestRefusedRequestsAreNotHeldByABodyThatNeverComes(t *testing.T) {
	w := newWorld(t, Options{ReadTimeout: 30 * time.Millisecond, AllowedOrigins: []string{"https://app.test"}, MaxPayload: 100})
	p := w.poll()
	const plain, chunked = "Content-Length: 10\r\n\r\n", "Transfer-Encoding: chunked\r\n\r\n"
	for _, body := range []string{plain, plain + "4x", chunked, chunked + "2\r\n4x\r\n"} {
		post := func(query, header string, want int) {
			t.Helper()
			w.rawRequest("POST /?"+query+" HTTP/1.1\r\nHost: example.test\r\n"+header+body, want)
		}
		post("", "", 400)
		post("EIO=4&transport=polling", "", 400)
		post("EIO=4&transport=polling&sid=none", "", 400)
		post("EIO=3&transport=polling&sid="+p.sid, "", 400)
		post("EIO=4&transport=polling&sid="+p.sid, "Origin: https://evil.test\r\n", 403)
		w.rawRequest("GET /?EIO=4&transport=websocket HTTP/1.1\r\n"+upgradeHeader+body, 400)
		w.rawRequest("PUT /?"+p.query+" HTTP/1.1\r\nHost: example.test\r\n"+body, 500)
		if octets := w.poll(); true {
			w.rawRequest("POST /?"+octets.query+" HTTP/1.1\r\nHost: example.test\r\nContent-Type: application/octet-stream\r\n"+body, 400)
			octets.ended(ReasonTransportError)
		}
	}
	w.rawRequest("POST /?"+p.query+" HTTP/1.1\r\nHost: example.test\r\n"+chunked+"80\r\n"+strings.Repeat("x", 0x80)+"\r\n", 413)
	w.rawRequest("POST /?"+p.query+" HTTP/1.1\r\nHost: example.test\r\nContent-Length: 1000\r\n\r\n", 413)
	p.works()
}

func TestGetWithABodyThatNeverComesIsServedAndNotHeld(t *testing.T) {
	w := newWorld(t, Options{ReadTimeout: 100 * time.Millisecond})
	w.rawRequest("GET /?EIO=4&transport=polling HTTP/1.1\r\nHost: example.test\r\nContent-Length: 10\r\n\r\n", 200)
	await(t, "accept", w.ears)
}

func TestPollerThatDoesNotReadItsAnswerIsGivenUp(t *testing.T) {
	w := newWorld(t, Options{WriteTimeout: 100 * time.Millisecond, SendQueueBytes: 64 << 20})
	p := w.poll()
	c, err := w.dial()
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_ = c.(*net.TCPConn).SetReadBuffer(1 << 10)
	_, _ = io.WriteString(c, "GET /?"+p.query+" HTTP/1.1\r\nHost: example.test\r\n\r\n")
	_ = p.s.Send(text(strings.Repeat("x", 16<<20)))
	p.ended(ReasonTransportError)
}

func TestUnreadWebSocketUnderAFloodOfPingsHoldsLittle(t *testing.T) {
	w := newWorld(t, Options{WriteTimeout: time.Minute})
	s := w.socket()
	flood := strings.Repeat("\x89\xfd\x00\x00\x00\x00"+strings.Repeat("p", 125), 500)
	for range 400 {
		if _, err := io.WriteString(s.Conn, flood); err != nil {
			t.Fatal(err)
		}
	}
	// The session is served as before, and its pongs do not queue up.
	s.send("4hello")
	if got := await(t, "the message", s.heard); got != "hello" {
		t.Errorf("heard %q", got)
	}
	s.s.mu.Lock()
	defer s.s.mu.Unlock()
	if n := s.s.queue.len(); n > 0 {
		t.Errorf("%d packets wait", n)
	}
}
