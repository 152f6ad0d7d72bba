package engineio

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"parley/server/wire/eio"
)

// patience is how long something that must happen may take on a busy machine.
const patience = 10 * time.Second

// An ending is what Closed was told.
type ending struct {
	reason Reason
	cause  error
}

// An ear is a Receiver that keeps what it hears. It checks that calls come one
// at a time and that Closed comes once and last.
type ear struct {
	t       *testing.T
	s       *Session
	heard   chan string // text as it is, binary behind "b:"
	closed  chan ending
	receive func(t Turn, data []byte, binary bool) // instead of heard
	inside  atomic.Int32
	over    atomic.Bool
}

func (e *ear) enter() {
	if e.inside.Add(1) != 1 || e.over.Load() {
		e.t.Error("calls of a receiver overlap, or come after Closed")
	}
}

func (e *ear) Receive(t Turn, data []byte, binary bool) {
	e.enter()
	defer e.inside.Add(-1)
	if e.receive != nil {
		e.receive(t, data, binary)
		return
	}
	prefix := ""
	if binary {
		prefix = "b:"
	}
	e.heard <- prefix + string(data)
}

func (e *ear) Closed(_ Turn, reason Reason, cause error) {
	e.enter()
	defer e.inside.Add(-1)
	e.over.Store(true)
	e.closed <- ending{reason, cause}
}

// ended waits for the session's end.
func (e *ear) ended(want Reason) error {
	e.t.Helper()
	end := await(e.t, "Closed", e.closed)
	if end.reason != want {
		e.t.Errorf("closed with %q (%v), want %q", end.reason, end.cause, want)
	}
	return end.cause
}

func text(s string) Message { return Text(append(NewBuffer(len(s)), s...)) }

// echo makes a receiver that sends back what it gets.
func echo(s *Session) func(Turn, []byte, bool) {
	return func(_ Turn, data []byte, binary bool) {
		if binary {
			_ = s.Send(Binary(data))
		} else {
			_ = s.Send(text(string(data)))
		}
	}
}

// A world is a server, the network before it, and the ears of its sessions.
type world struct {
	*Server
	t      *testing.T
	host   string // that clients ask for
	dial   func() (net.Conn, error)
	client *http.Client
	ears   chan *ear
	hear   func(*Session) func(Turn, []byte, bool)
}

// A network is how clients reach a server.
type network struct {
	name  string
	serve func(t *testing.T, h http.Handler) (dial func() (net.Conn, error))
}

var networks = []network{{"tcp", serveTCP}, {"tls", serveTLS}, {"pipe", servePipe}}

// overNetworks runs a test on each network.
func overNetworks(t *testing.T, test func(t *testing.T, n network)) {
	for _, n := range networks {
		t.Run(n.name, func(t *testing.T) { test(t, n) })
	}
}

func newWorld(t *testing.T, opts Options) *world {
	t.Helper()
	return networks[0].world(t, opts)
}

func (n network) world(t *testing.T, opts Options) *world {
	t.Helper()
	w := &world{t: t, host: "example.test", ears: make(chan *ear, 1000)}
	w.Server = New(func(s *Session) Receiver {
		e := &ear{t: t, s: s, heard: make(chan string, 1000), closed: make(chan ending, 2)}
		if w.hear != nil {
			e.receive = w.hear(s)
		}
		w.ears <- e
		return e
	}, &opts)
	w.dial = n.serve(t, w.Server)
	transport := &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) { return w.dial() }}
	w.client = &http.Client{Transport: transport}
	t.Cleanup(func() {
		w.shutdown()
		transport.CloseIdleConnections()
	})
	return w
}

func (w *world) shutdown() {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*patience)
	defer cancel()
	if err := w.Shutdown(ctx); err != nil {
		stacks := make([]byte, 1<<16)
		w.t.Errorf("Shutdown: %v\n%s", err, stacks[:runtime.Stack(stacks, true)])
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.sessions) > 0 || w.live != 0 {
		w.t.Errorf("after Shutdown %d sessions are known and %d counted", len(w.sessions), w.live)
	}
}

// known returns how many sessions the server holds.
func (w *world) known() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.sessions)
}

func serveTCP(t *testing.T, h http.Handler) func() (net.Conn, error) {
	srv := httptest.NewServer(h)
	t.Cleanup(srv.Close)
	return func() (net.Conn, error) { return net.Dial("tcp", srv.Listener.Addr().String()) }
}

func serveTLS(t *testing.T, h http.Handler) func() (net.Conn, error) {
	srv := httptest.NewTLSServer(h)
	t.Cleanup(srv.Close)
	return func() (net.Conn, error) {
		return tls.Dial("tcp", srv.Listener.Addr().String(), &tls.Config{InsecureSkipVerify: true})
	}
}

// servePipe serves on connections in memory, for tests in fake time.
func servePipe(t *testing.T, h http.Handler) func() (net.Conn, error) {
	ln := &pipeListener{conns: make(chan net.Conn), done: make(chan struct{})}
	srv := &http.Server{Handler: h}
	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = srv.Serve(ln)
	}()
	t.Cleanup(func() {
		_ = srv.Close()
		<-served
	})
	return func() (net.Conn, error) {
		server, client := net.Pipe()
		select {
		case ln.conns <- server:
			return client, nil
		case <-ln.done:
			return nil, net.ErrClosed
		}
	}
}

type pipeListener struct {
	conns chan net.Conn
	once  sync.Once
	done  chan struct{}
}

func (l *pipeListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}

func (l *pipeListener) Close() error {
	l.once.Do(func() { close(l.done) })
	return nil
}

func (l *pipeListener) Addr() net.Addr { return &net.UnixAddr{Name: "pipe"} }

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

// packets splits a polling answer.
func packets(t *testing.T, body string) (list []string) {
	t.Helper()
	payload := eio.NewPayload([]byte(body), 1_000_000)
	for {
		p, ok, err := payload.Next()
		if err != nil {
			t.Fatalf("bad payload %.80q: %v", body, err)
		}
		if !ok {
			return list
		}
		list = append(list, string(p.AppendText(nil)))
	}
}

func isTimeout(err error) bool {
	var e net.Error
	return errors.As(err, &e) && e.Timeout()
}

var errNoFrame = errors.New("the connection ended without a close frame")

// serveAt makes a world's clients dial an address.
func (w *world) serveAt(addr string) {
	w.dial = func() (net.Conn, error) { return net.Dial("tcp", addr) }
	transport := &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) { return w.dial() }}
	w.client = &http.Client{Transport: transport}
	w.t.Cleanup(transport.CloseIdleConnections)
}
