package webtransport

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"parley/server/engineio"
	"parley/server/internal/reactor"
	"parley/server/internal/transport"
	"parley/server/wire/eio"
)

// What a client did wrong, besides bad frames.
var (
	errFirst      = transport.Violation("the first packet is not an open packet")
	errNotBegun   = transport.Violation("UpgradeTimeout passed without a first packet")
	errUnfinished = transport.Violation("ReadTimeout passed within a packet")
)

// closeWithin bounds the writing of what is left when a conn is closed.
const closeWithin = 2 * time.Second

// A conn is the server's side of one session: frames of packets on its stream.
// It holds no buffer while no packet is half received or half sent.
type conn struct {
	server  *Server
	host    *transport.Host
	link    reactor.Conn
	request *http.Request // until the first packet

	// Input: these belong to the goroutine that reads.
	partial []byte        // a frame of which the end is due
	ended   bool          // the sink, if any, has been told
	begun   reactor.Timer // runs until the first packet, and while one is half received
	timing  bool

	mu      sync.Mutex
	sink    transport.Sink // nil until the first packet; the reader alone sets it
	unsent  []byte         // what a short write left
	rest    []byte         // behind it, of a shared frame
	early   bool           // drained before there was a sink
	closed  bool           // nothing is written any more
	closing reactor.Timer
	expired error // which time-out ended it
	paused  bool
	resumed time.Duration // when reading went on, in the wheel's time
}

var _ transport.Transport = (*conn)(nil)

func newConn(s *Server, r *http.Request) *conn { return &conn{server: s, host: s.host, request: r} }

// start begins to receive; the first packet must come within the given time.
func (c *conn) start(s *stream, within time.Duration) {
	c.link = c.host.Reactor.Add(s, handler{c})
	c.begun.F = c.expire
	c.closing.F = c.link.Abort
	c.timing = true
	c.host.Wheel.Set(&c.begun, within)
	c.server.add(c)
	c.link.Start()
}

// Name implements transport.Transport.
func (c *conn) Name() string { return engineio.WebTransport }

// Input implements reactor.Handler.
func (c *conn) Input(t reactor.Turn, p []byte) {
	if c.ended {
		return
	}
	old := len(c.partial) > 0
	if old {
		p = append(c.partial, p...)
	}
	rest := c.frames(t, p)
	switch {
	case len(rest) == 0 || c.ended:
		c.partial = nil
	case old && len(rest) == len(p):
		c.partial = p
	default:
		c.partial = append([]byte(nil), rest...)
	}
	c.watch(len(rest) < len(p) || !old)
}

// frames handles all whole frames of p and returns the rest.
func (c *conn) frames(t reactor.Turn, p []byte) []byte {
	for len(p) > 0 && !c.ended {
		packet, size, err := eio.ParseFrame(p, c.host.MaxPayload)
		switch {
		case errors.Is(err, eio.ErrTooLong):
			c.fail(t, fmt.Errorf("%w: longer than MaxPayload", transport.ErrParse))
		case err != nil:
			c.fail(t, fmt.Errorf("%w: %w", transport.ErrParse, err))
		case size == 0:
			return p
		case c.sink == nil:
			c.greet(t, packet)
		case packet.Type == eio.Close:
			c.end(t, transport.ErrClosedByPeer)
		default:
			c.sink.Packet(t, packet)
		}
		p = p[size:]
	}
	return p
}

// greet handles the first packet, which begins a session or names the one that
// the connection wants to carry on.
func (c *conn) greet(t reactor.Turn, p eio.Packet) {
	sink, err := c.open(p)
	if err != nil {
		c.fail(t, err)
		return
	}
	c.request = nil
	c.mu.Lock()
	c.sink = sink
	early := c.early
	c.mu.Unlock()
	if early {
		sink.Drained()
	}
}

func (c *conn) open(p eio.Packet) (transport.Sink, error) {
	if p.Type != eio.Open {
		return nil, errFirst
	}
	if len(p.Data) == 0 {
		return c.host.Open(c, c.request)
	}
	var upgrade struct {
		SID string `json:"sid"`
	}
	if err := json.Unmarshal(p.Data, &upgrade); err != nil {
		return nil, fmt.Errorf("%w: %w", errFirst, err)
	}
	return c.host.Upgrade(c, upgrade.SID)
}

// watch bounds the time a packet may stay half received; fresh says that the
// input at hand has begun it.
func (c *conn) watch(fresh bool) {
	half := len(c.partial) > 0
	switch {
	case c.sink == nil && !c.ended:
		// The time for the first packet runs, whatever has come of it.
	case half && (!c.timing || fresh):
		c.host.Wheel.Set(&c.begun, c.host.ReadTimeout)
		c.timing = true
	case !half && c.timing:
		c.host.Wheel.Stop(&c.begun)
		c.timing = false
	}
}

// expire ends the connection from the wheel's goroutine; the reader finds the
// end and tells the sink. While the server does not read, the peer has time.
func (c *conn) expire() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.sink == nil {
		c.expired = errNotBegun
	} else {
		left := c.host.ReadTimeout
		if !c.paused {
			left -= c.host.Wheel.Now() - c.resumed
		}
		if left > 0 && !c.closed {
			c.host.Wheel.Set(&c.begun, left)
			return
		}
		c.expired = errUnfinished
	}
	c.cut()
}

// fail ends the connection at once, for the client's fault.
func (c *conn) fail(t reactor.Turn, cause error) {
	if c.sink == nil {
		c.host.Logger.Debug("webtransport: refused", "remote", c.request.RemoteAddr, "error", cause)
	}
	c.mu.Lock()
	c.cut()
	c.mu.Unlock()
	c.tell(t, cause)
}

// cut gives up what is not written yet; the caller has locked mu.
func (c *conn) cut() {
	c.closed = true
	c.unsent, c.rest = nil, nil
	c.link.Abort()
}

// end closes in good order.
func (c *conn) end(t reactor.Turn, cause error) {
	c.Close()
	c.tell(t, cause)
}

// tell says once, to the sink if there is one, that nothing more will come.
func (c *conn) tell(t reactor.Turn, cause error) {
	if !c.ended {
		c.ended = true
		if c.sink != nil {
			c.sink.Gone(t, cause)
		}
	}
}

// Gone implements reactor.Handler.
func (c *conn) Gone(t reactor.Turn, err error) {
	c.mu.Lock()
	c.closed = true
	c.unsent, c.rest = nil, nil
	c.host.Wheel.Stop(&c.closing)
	if c.expired != nil {
		err = c.expired
	}
	c.mu.Unlock()
	c.link.Close()
	c.partial, c.request = nil, nil
	c.tell(t, err)
	c.watch(false)
	c.server.remove(c)
}

// Pause implements transport.Transport.
func (c *conn) Pause() { c.setPaused(true) }

// Resume implements transport.Transport.
func (c *conn) Resume() { c.setPaused(false) }

func (c *conn) setPaused(on bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.paused, c.resumed = on, c.host.Wheel.Now()
	if on && !c.closed {
		c.link.Pause()
	} else {
		c.link.Resume()
	}
}
