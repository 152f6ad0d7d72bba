package zishang520

import (
	"io"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/zishang520/engine.io-go-parser/packet"
	"github.com/zishang520/engine.io/v2/engine"
	"github.com/zishang520/engine.io/v2/events"
	"github.com/zishang520/engine.io/v2/transports"
	"github.com/zishang520/engine.io/v2/types"
	"github.com/zishang520/socket.io-go-parser/v2/parser"

	"parley/server/engineio"
)

// A conn is a session as socket.io/v2 sees it: an engine.Socket. Its events are "packet",
// "data" and "message" for what comes in, "packetCreate", "flush" and "drain" for what
// is sent, which is queued at once and never waits for a drain, and "heartbeat",
// "upgrade", "error" and "close".
type conn struct {
	events.EventEmitter
	server    *Server
	session   *engineio.Session
	request   *types.HttpContext
	transport *transport
	state     atomic.Int32
	upgraded  atomic.Bool
	client    atomic.Pointer[events.Listener] // what socket.io/v2's Client does with data

	intake intake
	inbox  inbox

	expected atomic.Int32 // namespaces that have not answered
	mu       sync.Mutex   // guards what follows
	spaces   map[string]*space
	over     bool // "close" has been emitted
	timer    *engineio.Timer
}

// The values of state.
const (
	stateOpen int32 = iota
	stateClosing
	stateClosed
)

var _ engine.Socket = (*conn)(nil)

func newConn(s *Server, session *engineio.Session) *conn {
	c := &conn{
		EventEmitter: events.New(),
		server:       s,
		session:      session,
		request:      s.requestOf(session),
		spaces:       make(map[string]*space),
	}
	c.transport = newTransport(c)
	c.intake.reset(s.parser)
	return c
}

// On adds listeners. The first of "data" is that of socket.io/v2's Client, for which
// conn decides what it gets.
func (c *conn) On(event events.EventName, listeners ...events.Listener) error {
	if event == "data" && len(listeners) == 1 && c.client.CompareAndSwap(nil, &listeners[0]) {
		return nil
	}
	return c.EventEmitter.On(event, listeners...)
}

// feed lets socket.io/v2's Client have data.
func (c *conn) feed(data types.BufferInterface) {
	if f := c.client.Load(); f != nil {
		(*f)(data)
	}
}

// emit calls the listeners of an event.
func (c *conn) emit(event events.EventName, args ...any) {
	c.server.guard(string(event), func() { c.Emit(event, args...) })
}

// Id returns the session's id, a secret between server and client.
func (c *conn) Id() string { return c.session.ID() }

// Protocol returns the revision of Engine.IO: 4, or 3 for clients 1.x and 2.x.
func (c *conn) Protocol() int { return int(c.session.Revision()) }

// Request returns the request that began the session. It has been answered.
func (c *conn) Request() *types.HttpContext { return c.request }

// RemoteAddress returns the client's network address, host:port.
func (c *conn) RemoteAddress() string { return c.session.Handshake().RemoteAddr }

// Transport returns what stands for the present transport.
func (c *conn) Transport() transports.Transport { return c.transport }

// Upgraded reports whether another transport has taken over from polling.
func (c *conn) Upgraded() bool { return c.upgraded.Load() }

// Upgrading is false: upgrades are the engine's affair.
func (c *conn) Upgrading() bool { return false }

// ReadyState is "open", "closing" or "closed".
func (c *conn) ReadyState() string {
	return [...]string{"open", "closing", "closed"}[c.state.Load()]
}

// SetReadyState does nothing: the state is the session's.
func (c *conn) SetReadyState(string) {}

// Construct does nothing: the engine makes its connections itself.
func (c *conn) Construct(string, engine.BaseServer, transports.Transport, *types.HttpContext, int) {}

// MaybeUpgrade does nothing: upgrades are the engine's affair.
func (c *conn) MaybeUpgrade(transports.Transport) {}

// Close ends the connection once what is queued has been written; whether it is to be
// discarded makes no difference.
func (c *conn) Close(bool) {
	if c.state.CompareAndSwap(stateOpen, stateClosing) {
		c.session.Close(engineio.ReasonForcedClose)
	}
}

// Send is Write.
func (c *conn) Send(data io.Reader, options *packet.Options, callback engine.SendCallback) engine.Socket {
	return c.Write(data, options, callback)
}

// Write queues a message: text if data is a *types.StringBuffer or *strings.Reader,
// binary otherwise. The callback is called once it is queued; of a message that is not,
// because the connection has ended, nobody hears.
func (c *conn) Write(data io.Reader, options *packet.Options, callback engine.SendCallback) engine.Socket {
	if c.state.Load() != stateOpen {
		return c
	}
	m := c.message(data, options)
	var packets []*packet.Packet
	if c.watched("packetCreate") || c.watched("flush") {
		packets = []*packet.Packet{{Type: packet.MESSAGE, Data: buffer(m.Data(), m.IsBinary()), Options: options}}
		c.emit("packetCreate", packets[0])
	}
	if c.session.Send(m) != nil {
		return c
	}
	if packets != nil {
		c.emit("flush", packets)
		c.server.guard("flush", func() { c.server.Emit("flush", c, packets) })
	}
	if c.watched("drain") {
		c.emit("drain")
		c.server.guard("drain", func() { c.server.Emit("drain", c) })
	}
	if callback != nil {
		callback(c.transport)
	}
	return c
}

// watched reports whether somebody listens for an event of this connection or of all.
func (c *conn) watched(event events.EventName) bool {
	return c.ListenerCount(event) > 0 || c.server.ListenerCount(event) > 0
}

// A frame is a broadcast and its message, which all receivers share.
type frame struct {
	source  types.BufferInterface
	message engineio.Message
}

// message makes a message of data, or takes that of the broadcast of which it is a part.
func (c *conn) message(data io.Reader, options *packet.Options) engineio.Message {
	var shared types.BufferInterface
	if options != nil && options.WsPreEncodedFrame != nil {
		shared = options.WsPreEncodedFrame
		if f := c.server.broadcast.Load(); f != nil && f.source == shared {
			return f.message
		}
	}
	raw, binary := contents(data)
	if shared == nil && c.expected.Load() > 0 {
		c.replied(raw, binary)
	}
	var m engineio.Message
	if binary {
		m = engineio.Binary(raw)
	} else {
		m = engineio.Text(append(engineio.NewBuffer(len(raw)), raw...))
	}
	if options == nil || options.Compress {
		m = c.server.engine.Deflatable(m)
	}
	if shared != nil {
		c.server.broadcast.Store(&frame{shared, m})
	}
	return m
}

// contents returns what is in a message that socket.io/v2 sends.
func contents(data io.Reader) (raw []byte, binary bool) {
	switch d := data.(type) {
	case nil:
		return nil, false
	case *types.StringBuffer:
		return d.Bytes(), false
	case *types.BytesBuffer:
		return d.Bytes(), true
	case *strings.Reader:
		raw, _ = io.ReadAll(d) // never fails
		return raw, false
	}
	raw, _ = io.ReadAll(data) // what there is; socket.io/v2 sends buffers only
	if closer, ok := data.(io.Closer); ok {
		_ = closer.Close()
	}
	return raw, true
}

// buffer returns data as socket.io/v2 carries it.
func buffer(data []byte, binary bool) types.BufferInterface {
	if binary {
		return types.NewBytesBuffer(data)
	}
	return types.NewStringBuffer(data)
}

// reject has socket.io/v2 close a client that breaks the protocol, as it does when it
// gets what only servers send.
func (c *conn) reject() {
	for _, data := range c.server.io.Encoder().Encode(&parser.Packet{
		Type: parser.CONNECT_ERROR,
		Nsp:  mainNamespace,
		Data: map[string]any{"message": "protocol violation"},
	}) {
		c.feed(data)
	}
	c.Close(false)
}
