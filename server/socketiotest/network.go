package socketiotest

import (
	"bytes"
	"io"
	"net"
	"os"
	"sync"
	"time"
)

// pipeSize is how many bytes are under way at most in each direction, as in the
// buffers of a kernel: a writer waits for a slow reader.
const pipeSize = 64 << 10

// A listener is the server's end of a network in memory.
type listener struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func newListener() *listener {
	return &listener{conns: make(chan net.Conn), closed: make(chan struct{})}
}

func (l *listener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *listener) Close() error {
	l.once.Do(func() { close(l.closed) })
	return nil
}

func (l *listener) Addr() net.Addr { return address{} }

// dial connects to whoever accepts.
func (l *listener) dial() (net.Conn, error) {
	up, down := newPipe(), newPipe()
	select {
	case l.conns <- &conn{in: up, out: down}:
		return &conn{in: down, out: up}, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

type address struct{}

func (address) Network() string { return "memory" }
func (address) String() string  { return "192.0.2.1:1" } // set aside for examples by RFC 5737

// A conn is one end of a connection.
type conn struct{ in, out *pipe }

func (c *conn) Read(p []byte) (int, error)  { return c.in.read(p) }
func (c *conn) Write(p []byte) (int, error) { return c.out.write(p) }
func (c *conn) LocalAddr() net.Addr         { return address{} }
func (c *conn) RemoteAddr() net.Addr        { return address{} }

func (c *conn) Close() error {
	c.out.close()
	c.in.abandon()
	return nil
}

func (c *conn) SetDeadline(t time.Time) error {
	c.in.readBy.set(c.in, t)
	c.out.writeBy.set(c.out, t)
	return nil
}

func (c *conn) SetReadDeadline(t time.Time) error {
	c.in.readBy.set(c.in, t)
	return nil
}

func (c *conn) SetWriteDeadline(t time.Time) error {
	c.out.writeBy.set(c.out, t)
	return nil
}

// A pipe is one direction of a connection.
type pipe struct {
	mu        sync.Mutex
	changed   sync.Cond
	buf       bytes.Buffer
	closed    bool // by the writer; what is in the buffer can still be read
	abandoned bool // by the reader
	readBy    deadline
	writeBy   deadline
}

func newPipe() *pipe {
	p := new(pipe)
	p.changed.L = &p.mu
	return p
}

func (p *pipe) read(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for {
		switch {
		case p.abandoned:
			return 0, net.ErrClosed
		case p.readBy.passed():
			return 0, os.ErrDeadlineExceeded
		case p.buf.Len() > 0:
			p.changed.Broadcast()
			return p.buf.Read(b)
		case p.closed:
			return 0, io.EOF
		}
		p.changed.Wait()
	}
}

func (p *pipe) write(b []byte) (n int, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for len(b) > 0 {
		switch {
		case p.closed:
			return n, net.ErrClosed
		case p.abandoned:
			return n, io.ErrClosedPipe
		case p.writeBy.passed():
			return n, os.ErrDeadlineExceeded
		}
		if room := pipeSize - p.buf.Len(); room > 0 {
			k := min(room, len(b))
			p.buf.Write(b[:k])
			b, n = b[k:], n+k
			p.changed.Broadcast()
			continue
		}
		p.changed.Wait()
	}
	return n, nil
}

func (p *pipe) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	p.writeBy.stop()
	p.changed.Broadcast()
}

func (p *pipe) abandon() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.abandoned = true
	p.readBy.stop()
	p.changed.Broadcast()
}

// A deadline belongs to one side of a pipe, whose lock guards it.
type deadline struct {
	at    time.Time
	timer *time.Timer
}

func (d *deadline) set(p *pipe, at time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	d.stop()
	d.at = at
	if wait := time.Until(at); !at.IsZero() && wait > 0 {
		d.timer = time.AfterFunc(wait, func() {
			p.mu.Lock()
			defer p.mu.Unlock()
			p.changed.Broadcast()
		})
	}
	p.changed.Broadcast()
}

func (d *deadline) stop() {
	if d.timer != nil {
		d.timer.Stop()
		d.timer = nil
	}
}

func (d *deadline) passed() bool { return !d.at.IsZero() && !time.Now().Before(d.at) }

// A baton is held by one goroutine at a time, which may block on the network
// meanwhile. Other than those of a mutex its waiters let the time of a
// testing/synctest bubble go on.
type baton chan struct{}

func newBaton() baton { return make(baton, 1) }

func (b baton) take() { b <- struct{}{} }
func (b baton) give() { <-b }
