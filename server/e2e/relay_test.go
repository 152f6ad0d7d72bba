package e2e

import (
	"io"
	"math/rand/v2"
	"net"
	"sync"
	"testing"
)

// A relay stands between clients and a server and does to their connections what
// networks do.
type relay struct {
	t        *testing.T
	listener *net.TCPListener
	server   string
	work     sync.WaitGroup

	mu         sync.Mutex
	open       map[*link]struct{}
	down       bool
	deadUp     bool
	deadDown   bool
	limitBytes int64 // 0: none
	swallows   bool
}

// A link is one connection through a relay.
type link struct {
	client, server *net.TCPConn
	up, down       gate
	left           budget
	swallows       bool
}

// A gate lets bytes through, or holds them back as a dead network does.
type gate struct {
	mu     sync.Mutex
	frozen chan struct{} // closed when the freeze is over; nil if there is none
}

func (g *gate) freeze() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.frozen == nil {
		g.frozen = make(chan struct{})
	}
}

func (g *gate) thaw() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.frozen != nil {
		close(g.frozen)
		g.frozen = nil
	}
}

func (g *gate) pass() {
	g.mu.Lock()
	frozen := g.frozen
	g.mu.Unlock()
	if frozen != nil {
		<-frozen
	}
}

// A budget is how many more bytes may pass in both directions together.
type budget struct {
	mu        sync.Mutex
	bytes     int64
	unlimited bool
}

// take returns how many of n bytes may pass.
func (b *budget) take(n int) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.unlimited {
		return n
	}
	n = int(min(int64(n), b.bytes))
	b.bytes -= int64(n)
	return n
}

func newRelay(t *testing.T, server string) *relay {
	t.Helper()
	listener, err := net.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	r := &relay{t: t, listener: listener, server: server, open: make(map[*link]struct{})}
	r.work.Go(r.accept)
	t.Cleanup(func() {
		_ = listener.Close()
		r.setDown()
		r.work.Wait()
	})
	return r
}

func (r *relay) url() string { return "http://" + r.listener.Addr().String() }

func (r *relay) accept() {
	for {
		client, err := r.listener.AcceptTCP()
		if err != nil {
			return
		}
		r.mu.Lock()
		down := r.down
		r.mu.Unlock()
		if down {
			reset(client)
			continue
		}
		r.work.Go(func() { r.carry(client) })
	}
}

func (r *relay) carry(client *net.TCPConn) {
	conn, err := net.Dial("tcp", r.server)
	if err != nil {
		reset(client)
		return
	}
	l := &link{client: client, server: conn.(*net.TCPConn)}
	r.mu.Lock()
	l.swallows = r.swallows
	l.left.unlimited = r.limitBytes == 0 || rand.IntN(2) == 0
	if !l.left.unlimited {
		l.left.bytes = rand.Int64N(r.limitBytes)
	}
	r.open[l] = struct{}{}
	if r.deadUp {
		l.up.freeze()
	}
	if r.deadDown {
		l.down.freeze()
	}
	down := r.down
	r.mu.Unlock()
	if down {
		l.cut()
	}
	var both sync.WaitGroup
	both.Go(func() { l.copy(l.server, l.client, &l.up) })
	both.Go(func() {
		l.copy(l.client, l.server, &l.down)
		if l.swallows {
			_, _ = io.Copy(io.Discard, l.server)
		}
	})
	both.Wait()
	r.mu.Lock()
	delete(r.open, l)
	r.mu.Unlock()
	_ = l.client.Close()
	_ = l.server.Close()
}

// copy forwards until the end of one direction, which it passes on.
func (l *link) copy(to, from *net.TCPConn, g *gate) {
	buf := make([]byte, 16<<10)
	for {
		n, err := from.Read(buf)
		g.pass()
		allowed := l.left.take(n)
		if _, failed := to.Write(buf[:allowed]); failed != nil || allowed < n {
			l.end()
			return
		}
		if err == io.EOF && !l.swallows {
			_ = to.CloseWrite()
			return
		}
		if err != nil {
			l.end()
			return
		}
	}
}

// end cuts the link, unless the server is not to know what the client has done.
func (l *link) end() {
	if !l.swallows {
		l.cut()
	}
}

// cut resets both sides at once.
func (l *link) cut() {
	reset(l.client)
	reset(l.server)
	l.up.thaw()
	l.down.thaw()
}

func reset(c *net.TCPConn) {
	_ = c.SetLinger(0)
	_ = c.Close()
}

// each does something to all connections of now.
func (r *relay) each(do func(*link)) {
	r.mu.Lock()
	var links []*link
	for l := range r.open {
		links = append(links, l)
	}
	r.mu.Unlock()
	for _, l := range links {
		do(l)
	}
}

// cut resets all connections.
func (r *relay) cut() { r.each((*link).cut) }

// freeze lets nothing through any more in one direction or both, until heal.
func (r *relay) freeze(up, down bool) {
	r.mu.Lock()
	r.deadUp, r.deadDown = up, down
	r.mu.Unlock()
	r.each(func(l *link) {
		if up {
			l.up.freeze()
		}
		if down {
			l.down.freeze()
		}
	})
}

// swallow keeps the ends of new connections from the server: to it they stay, and are silent.
func (r *relay) swallow() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.swallows = true
}

// halfClose ends the stream towards the server.
func (r *relay) halfClose() { r.each(func(l *link) { _ = l.server.CloseWrite() }) }

// setDown cuts all connections and refuses new ones, until heal.
func (r *relay) setDown() {
	r.mu.Lock()
	r.down = true
	r.mu.Unlock()
	r.cut()
}

// heal ends setDown and freeze. What was held back arrives now, late.
func (r *relay) heal() {
	r.mu.Lock()
	r.down, r.deadUp, r.deadDown = false, false, false
	r.mu.Unlock()
	r.each(func(l *link) {
		l.up.thaw()
		l.down.thaw()
	})
}

// cutAtRandom makes half of the new connections end after some of so many bytes,
// wherever in a frame that is; 0 ends this.
func (r *relay) cutAtRandom(bytes int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.limitBytes = bytes
}
