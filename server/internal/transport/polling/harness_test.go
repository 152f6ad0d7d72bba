package polling

import (
	"bufio"
	"bytes"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"parley/server/internal/reactor"
	"parley/server/internal/transport"
	"parley/server/wire/eio"
)

// patience is how long something that must happen may take on a busy machine.
const patience = 10 * time.Second

// A bench is one session's polling behind a server of its own.
type bench struct {
	*Transport
	t       *testing.T
	server  *httptest.Server
	packets chan eio.Packet
	drained chan struct{}
	gone    chan error
	served  chan string // the method of each request that was answered
}

func (b *bench) Packet(_ reactor.Turn, p eio.Packet) {
	p.Data = bytes.Clone(p.Data)
	b.packets <- p
}
func (b *bench) Drained()                         { b.drained <- struct{}{} }
func (b *bench) Gone(_ reactor.Turn, cause error) { b.gone <- cause }

func newBench(t *testing.T, limits Limits) *bench {
	t.Helper()
	b := &bench{
		t:       t,
		packets: make(chan eio.Packet, 1000),
		drained: make(chan struct{}, 1000),
		gone:    make(chan error, 2),
		served:  make(chan string, 1000),
	}
	if limits.MaxPayload == 0 {
		limits.MaxPayload = 1000
	}
	if limits.MaxPackets == 0 {
		limits.MaxPackets = 10
	}
	if limits.ReadTimeout == 0 {
		limits.ReadTimeout = time.Minute
	}
	if limits.WriteTimeout == 0 {
		limits.WriteTimeout = time.Minute
	}
	r := reactor.New(slog.New(slog.DiscardHandler), 2)
	b.Transport = New(&limits, r.Turn(), b, nil)
	b.server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b.ServeHTTP(w, r)
		b.served <- r.Method
	}))
	t.Cleanup(func() {
		b.Retire() // so that no request waits
		b.server.Close()
	})
	return b
}

// An answer is a response with its whole body.
type answer struct {
	status int
	header http.Header
	body   string
	err    error
}

func (b *bench) do(method string, body io.Reader, header ...string) answer {
	req, err := http.NewRequest(method, b.server.URL, body)
	if err != nil {
		b.t.Error(err)
		return answer{err: err}
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	res, err := b.server.Client().Do(req)
	if err != nil {
		return answer{err: err}
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	return answer{res.StatusCode, res.Header, string(text), err}
}

func (b *bench) post(body string) answer {
	return b.do(http.MethodPost, strings.NewReader(body), "Content-Type", "text/plain;charset=UTF-8")
}

// get starts a GET and returns when it waits.
func (b *bench) get() <-chan answer {
	b.t.Helper()
	got := make(chan answer, 1)
	go func() { got <- b.do(http.MethodGet, nil) }()
	await(b.t, "the GET waits", b.drained)
	return got
}

func (b *bench) send(text string) int {
	return b.Write([]transport.Message{message(text)}, nil)
}

func message(s string) transport.Message {
	return transport.Text(append(transport.NewBuffer(len(s)), s...))
}

// expect checks an answer's status and body.
func (b *bench) expect(what string, a answer, status int, body string) {
	b.t.Helper()
	if a.err != nil || a.status != status || a.body != body {
		b.t.Errorf("%s: %d %.60q %v, want %d %.60q", what, a.status, a.body, a.err, status, body)
	}
}

// open expects that the transport has not ended.
func (b *bench) open() {
	b.t.Helper()
	if len(b.gone) > 0 {
		b.t.Errorf("ended: %v", <-b.gone)
	}
	got := b.get()
	if b.send("still here") != 1 {
		b.t.Error("a waiting GET took nothing")
	}
	b.expect("GET", await(b.t, "the answer", got), 200, "4still here")
}

// A raw client writes its requests by hand.
type raw struct {
	net.Conn
	br *bufio.Reader
}

func (b *bench) dial(request string) raw {
	b.t.Helper()
	c, err := net.Dial("tcp", b.server.Listener.Addr().String())
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() { _ = c.Close() })
	_ = c.SetDeadline(time.Now().Add(patience))
	if _, err := io.WriteString(c, request); err != nil {
		b.t.Fatal(err)
	}
	return raw{c, bufio.NewReader(c)}
}

// last reads an answer and expects the end of the connection behind it.
func (b *bench) last(c raw) int {
	b.t.Helper()
	res, err := http.ReadResponse(c.br, nil)
	if err != nil {
		b.t.Fatal(err)
	}
	_, _ = io.Copy(io.Discard, res.Body)
	if n, err := io.Copy(io.Discard, c.br); n > 0 || isTimeout(err) {
		b.t.Errorf("the connection was not closed: %d bytes, %v", n, err)
	}
	return res.StatusCode
}

func isTimeout(err error) bool {
	e, ok := err.(net.Error)
	return ok && e.Timeout()
}

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

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain: %s", what)
		}
	}
}
