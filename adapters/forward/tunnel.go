package forward

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"time"
)

const (
	// answerTime bounds another server's answer to an upgrade.
	answerTime = 10 * time.Second
	// closeTime is for what is on its way to a client, and for its own end, when the server has closed.
	closeTime = 2 * time.Second
)

// tunnel passes an upgrade on, and then whatever the two sides send. It reports whether it has answered, and whether the
// request is over: if not, it has become a tunnel, which ends on its own.
func (n *Node) tunnel(w http.ResponseWriter, r *http.Request, out *http.Request, p *peer) (done, over bool) {
	server, err := n.connect(r.Context(), p)
	if err != nil {
		return n.unanswered(r, p, err), true
	}
	_ = server.SetDeadline(time.Now().Add(answerTime))
	in := bufio.NewReaderSize(server, 1<<10)
	var res *http.Response
	if err = out.Write(server); err == nil {
		res, err = http.ReadResponse(in, out)
	}
	if err == nil && res.Header.Get(refusedHeader) != "" {
		err = errRefused
	}
	if err != nil {
		server.Close()
		return n.unanswered(r, p, err), true
	}
	if res.StatusCode != http.StatusSwitchingProtocols {
		defer server.Close()
		defer res.Body.Close()
		w.Header().Set("Connection", "close")
		n.answer(w, res)
		return true, true
	}
	_ = server.SetDeadline(time.Time{})
	client, rw, err := http.NewResponseController(w).Hijack()
	if err != nil {
		server.Close()
		return false, true
	}
	t := &tunnel{client: client, server: server, patience: n.opts.WriteTimeout}
	if !n.enter(t) {
		client.Close()
		server.Close()
		return true, true
	}
	_ = client.SetDeadline(time.Time{})
	early, _ := rw.Reader.Peek(rw.Reader.Buffered())
	first, _ := in.Peek(in.Buffered())
	go t.run(bytes.Clone(early), append(head(res), first...), func() { n.leave(t) })
	return true, false
}

// connect opens a connection to another server for one request.
func (n *Node) connect(ctx context.Context, p *peer) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, n.opts.DialTimeout)
	defer cancel()
	address := p.url.Host
	if p.url.Port() == "" {
		address = net.JoinHostPort(p.url.Hostname(), map[string]string{"http": "80", "https": "443"}[p.url.Scheme])
	}
	if p.url.Scheme == "http" {
		return n.dial(ctx, "tcp", address)
	}
	d := tls.Dialer{Config: n.opts.TLS}
	return d.DialContext(ctx, "tcp", address)
}

// head returns an answer's first line and header as they are sent.
func head(res *http.Response) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "HTTP/1.1 %s\r\n", res.Status)
	_ = res.Header.Write(&b)
	b.WriteString("\r\n")
	return b.Bytes()
}

// enter makes a tunnel one of those that Close and Drain end. It reports false if there may be none any more.
func (n *Node) enter(t *tunnel) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	if !n.refusing {
		n.tunnels[t] = struct{}{}
	}
	return !n.refusing
}

func (n *Node) leave(t *tunnel) {
	n.mu.Lock()
	delete(n.tunnels, t)
	n.mu.Unlock()
	n.end()
}

// A tunnel is a client's connection and the one to the server that has its session.
type tunnel struct {
	client, server net.Conn
	patience       time.Duration // for a client that takes nothing
}

// close ends the tunnel as if the server had.
func (t *tunnel) close() { t.server.Close() }

// run copies in both directions until both have ended. early is what the client has sent already, first what it gets
// first.
func (t *tunnel) run(early, first []byte, done func()) {
	defer done()
	var up sync.WaitGroup
	up.Go(func() { t.up(early) })
	t.down(first)
	up.Wait()
	t.client.Close()
	t.server.Close()
}

// up copies what the client sends. The server may take its time: it holds back a client that is too fast.
func (t *tunnel) up(early []byte) {
	_, err := t.server.Write(early)
	if err == nil {
		err = pump(t.client, t.server.Write)
	}
	if err == nil {
		closeWrite(t.server)
		return
	}
	t.server.Close()
	_ = pump(t.client, func(b []byte) (int, error) { return len(b), nil }) // until the client has read the end, or its time is over
}

// down copies what the server sends, which the client must take within its time.
func (t *tunnel) down(first []byte) {
	write := func(b []byte) (int, error) {
		_ = t.client.SetWriteDeadline(time.Now().Add(t.patience))
		size, err := t.client.Write(b)
		if err != nil {
			t.client.Close()
		}
		return size, err
	}
	_, err := write(first)
	if err == nil {
		_ = pump(t.server, write)
	}
	t.server.Close()
	closeWrite(t.client)
	_ = t.client.SetReadDeadline(time.Now().Add(closeTime))
}

// closeWrite tells the other side that no more comes.
func closeWrite(c net.Conn) {
	if half, ok := c.(interface{ CloseWrite() error }); ok {
		_ = half.CloseWrite()
		return
	}
	c.Close()
}

// atRest is the size in bytes of what an idle direction of a tunnel reads into.
const atRest = 512

// pump hands on what can be read, in small pieces as long as little comes. The error is nil at the end of what is read.
func pump(from io.Reader, write func([]byte) (int, error)) error {
	var small [atRest]byte
	for {
		full, err := pass(from, small[:], write)
		if full && err == nil {
			err = gush(from, write)
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// gush hands on what can be read as long as much comes at a time.
func gush(from io.Reader, write func([]byte) (int, error)) error {
	buf := pieces.Get().(*[pieceSize]byte)
	defer pieces.Put(buf)
	for {
		if full, err := pass(from, buf[:], write); err != nil || !full {
			return err
		}
	}
}

// pass hands on what one call reads, and reports whether there may be more.
func pass(from io.Reader, buf []byte, write func([]byte) (int, error)) (full bool, err error) {
	size, err := from.Read(buf)
	if size > 0 {
		if _, wrong := write(buf[:size]); wrong != nil {
			return false, wrong
		}
	}
	return size == len(buf), err
}
