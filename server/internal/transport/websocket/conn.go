package websocket

import (
	"errors"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/gobwas/ws"

	"parley/server/internal/deflate"
	"parley/server/internal/reactor"
	"parley/server/internal/transport"
	"parley/server/wire/eio"
)

// lingerFor is how long the server goes on reading after its close frame.
// Closing a socket with unread input would make the kernel reset it, and the
// peer could lose what was sent last.
const lingerFor = 2 * time.Second

// maxCloseCode is the last status that a peer may send (RFC 6455, 7.4.2).
const maxCloseCode = 4999

// Limits bound what a client may make the server hold.
type Limits struct {
	// MaxPayload is the size in bytes of the largest message.
	MaxPayload int
	// MaxFragments is the number of frames of one message, empty ones too.
	MaxFragments int
	// ReadTimeout is the time in which a message that was begun must end.
	ReadTimeout time.Duration
}

// A Conn is the server's side of one WebSocket connection. It holds no buffer
// while no message is half received or half sent.
type Conn struct {
	link   reactor.Conn
	wheel  *reactor.Wheel
	limits *Limits
	sink   transport.Sink

	// Input: these belong to the goroutine that reads.
	partial   []byte // a frame of which the end is due
	message   []byte // a message of which fragments are due
	fragments int
	fresh     bool // what is half received was begun by the input at hand
	op        ws.OpCode
	deflated  bool           // message is compressed
	window    uint8          // what the peer can look back on, as a power of two; 0: no compression
	V3        bool           // the packets are those of revision 3; set before Start
	ended     bool           // the sink has been told
	begun     *reactor.Timer // runs while a message is half received
	timing    bool

	// mu guards the output.
	mu      sync.Mutex
	answer  []byte // to the upgrade request, until it is sent
	unsent  []byte // the rest of what a short write left
	late    []byte // a pong that follows it
	early   bool   // drained before Start
	closed  bool   // a close frame was sent or the link given up
	linger  *reactor.Timer
	expired bool // ReadTimeout ended it
	paused  bool
	resumed time.Duration // when reading went on, in the wheel's time
}

var _ transport.Transport = (*Conn)(nil)

// Start begins to receive, with what had come behind the handshake. What is
// received goes to sink.
func (c *Conn) Start(t reactor.Turn, sink transport.Sink, initial []byte) {
	c.mu.Lock()
	c.sink = sink
	early := c.early
	c.sendAnswer()
	c.mu.Unlock()
	if early {
		sink.Drained()
	}
	if len(initial) > 0 {
		c.Input(t, initial)
	}
	c.link.Start()
}

// Name implements transport.Transport.
func (c *Conn) Name() string { return "websocket" }

// Unread reports whether the client may have sent something that was not read yet.
func (c *Conn) Unread() bool { return c.link.Unread() }

// Input implements reactor.Handler.
func (c *Conn) Input(t reactor.Turn, p []byte) {
	if c.ended {
		return
	}
	old := len(c.partial) > 0
	if old {
		p = append(c.partial, p...)
	}
	c.fresh = false
	rest := c.frames(t, p)
	switch {
	case len(rest) == 0 || c.ended:
		c.partial = nil
	case len(rest) == len(p) && old:
		c.partial = p
	case old:
		c.partial = append(p[:0], rest...)
	default:
		c.partial = append([]byte(nil), rest...)
	}
	c.fresh = c.fresh || c.fragments == 0 && len(rest) < len(p)
	c.watch()
}

// watch bounds the time a message may stay half received.
func (c *Conn) watch() {
	half := (len(c.partial) > 0 || c.fragments > 0) && !c.ended
	switch {
	case half && (!c.timing || c.fresh):
		if c.begun == nil {
			c.begun = &reactor.Timer{F: c.expire}
		}
		c.wheel.Set(c.begun, c.limits.ReadTimeout)
		c.timing = true
	case !half && c.timing:
		c.wheel.Stop(c.begun)
		c.timing = false
	}
}

// expire ends the connection from the wheel's goroutine; the reader finds the
// end and tells the sink. While the server does not read, the peer has time.
func (c *Conn) expire() {
	c.mu.Lock()
	defer c.mu.Unlock()
	left := c.limits.ReadTimeout
	if !c.paused {
		left -= c.wheel.Now() - c.resumed
	}
	if left > 0 && !c.closed {
		c.wheel.Set(c.begun, left)
		return
	}
	c.expired = true
	c.sendClose(errUnfinished.code, errUnfinished.reason)
	c.link.Abort()
}

// frames handles all whole frames of p and returns the rest.
func (c *Conn) frames(t reactor.Turn, p []byte) []byte {
	for len(p) > 0 && !c.ended {
		h, ok, err := parseHeader(p, c.limits.MaxPayload-len(c.message), c.window > 0)
		if err == nil && ok && len(p)-h.size >= h.length {
			payload := p[h.size : h.size+h.length]
			p = p[h.size+h.length:]
			ws.Cipher(payload, h.mask, 0)
			err = c.frame(t, h, payload)
		} else if err == nil {
			return p
		}
		if err != nil {
			c.fail(t, err)
			return nil
		}
	}
	return p
}

func (c *Conn) frame(t reactor.Turn, h header, payload []byte) *closing {
	c.fresh = c.fresh || c.fragments == 0
	switch h.op {
	case ws.OpPing:
		c.pong(payload)
		return nil
	case ws.OpPong:
		return nil
	case ws.OpClose:
		return c.peerClose(t, payload)
	case ws.OpContinuation:
		if c.fragments == 0 {
			return errProtocolSequence
		}
	default:
		if c.fragments > 0 {
			return errProtocolSequence
		}
		if h.fin {
			return c.take(t, h.op, payload, h.rsv1)
		}
		c.op, c.deflated = h.op, h.rsv1
	}
	if c.fragments++; c.fragments > c.limits.MaxFragments {
		return errFragments
	}
	c.message = append(c.message, payload...)
	if !h.fin {
		return nil
	}
	whole := c.message
	c.message, c.fragments = nil, 0
	return c.take(t, c.op, whole, c.deflated)
}

// take delivers a message, decompressed if need be.
func (c *Conn) take(t reactor.Turn, op ws.OpCode, data []byte, deflated bool) *closing {
	if !deflated {
		return c.deliver(t, op, data)
	}
	m, err := deflate.Inflate(data, c.limits.MaxPayload)
	switch {
	case errors.Is(err, deflate.ErrTooLarge):
		return errTooBig
	case err != nil:
		return errDeflate
	}
	defer m.Release()
	return c.deliver(t, op, m.Bytes())
}

func (c *Conn) deliver(t reactor.Turn, op ws.OpCode, data []byte) *closing {
	if op == ws.OpText && !utf8.Valid(data) {
		return errUTF8
	}
	p, err := c.parse(op, data)
	if err != nil {
		c.end(t, transport.ErrParse, ws.StatusNoStatusRcvd, "")
		return nil
	}
	if p.Type == eio.Close {
		c.end(t, transport.ErrClosedByPeer, ws.StatusNoStatusRcvd, "")
		return nil
	}
	c.sink.Packet(t, p)
	return nil
}

// parse decodes the packet that a message is.
func (c *Conn) parse(op ws.OpCode, data []byte) (eio.Packet, error) {
	switch {
	case op == ws.OpBinary && c.V3:
		return eio.ParseBinaryV3(data)
	case op == ws.OpBinary:
		return eio.Packet{Type: eio.Message, Binary: true, Data: data}, nil
	case c.V3:
		return eio.ParseV3(data)
	}
	return eio.Parse(data)
}

// peerClose answers a close frame with its own status (RFC 6455, 5.5.1).
func (c *Conn) peerClose(t reactor.Turn, payload []byte) *closing {
	code := ws.StatusNoStatusRcvd
	if len(payload) == 1 {
		return errProtocolClose
	}
	if len(payload) >= 2 {
		reason := payload[2:]
		code = ws.StatusCode(payload[0])<<8 | ws.StatusCode(payload[1])
		if !utf8.Valid(reason) {
			return errUTF8
		}
		if code > maxCloseCode || ws.CheckCloseFrameData(code, "") != nil {
			return errProtocolClose
		}
	}
	cause := transport.ErrClosedByPeer
	if code == ws.StatusGoingAway {
		cause = transport.ErrGoingAway
	}
	c.end(t, cause, code, "")
	return nil
}

// fail ends the connection for a violation of the protocol or of a limit.
func (c *Conn) fail(t reactor.Turn, err *closing) { c.end(t, err, err.code, err.reason) }

// end closes with a status and tells the sink.
func (c *Conn) end(t reactor.Turn, cause error, code ws.StatusCode, reason string) {
	c.ended = true
	c.mu.Lock()
	c.sendClose(code, reason)
	c.mu.Unlock()
	c.sink.Gone(t, cause)
}

// Gone implements reactor.Handler.
func (c *Conn) Gone(t reactor.Turn, err error) {
	c.mu.Lock()
	c.closed = true
	c.unsent, c.late = nil, nil
	if c.linger != nil {
		c.wheel.Stop(c.linger)
	}
	if c.expired {
		err = errUnfinished
	}
	c.mu.Unlock()
	c.link.Close()
	c.partial, c.message, c.fragments = nil, nil, 0
	if !c.ended {
		c.ended = true
		c.sink.Gone(t, err)
	}
	c.watch()
}

// Pause implements transport.Transport.
func (c *Conn) Pause() { c.setPaused(true) }

// Resume implements transport.Transport.
func (c *Conn) Resume() { c.setPaused(false) }

func (c *Conn) setPaused(on bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.paused, c.resumed = on, c.wheel.Now()
	if on && !c.closed {
		c.link.Pause()
	} else {
		c.link.Resume()
	}
}
