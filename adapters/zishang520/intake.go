package zishang520

import (
	"errors"
	"fmt"

	"github.com/zishang520/engine.io-go-parser/packet"
	"github.com/zishang520/socket.io-go-parser/v2/parser"

	"parley/server/engineio"
)

// A message is what the client sent at once, or what is to be told behind it.
type message struct {
	data   []byte
	binary bool
	call   func() // instead of data
}

// An intake makes packets of messages. The goroutine that takes in owns it.
type intake struct {
	decoder parser.Decoder
	decoded *parser.Packet
	parts   int // messages of the packet that is not complete
	bytes   int
	failed  bool // the client broke the protocol; nothing more is taken
}

func (in *intake) reset(p parser.Parser) {
	in.decoder = p.NewDecoder()
	in.decoder.On("decoded", func(args ...any) { in.decoded, _ = args[0].(*parser.Packet) })
	in.parts, in.bytes = 0, 0
}

var (
	errPacket      = errors.New("zishang520: the packet lacks what its type needs")
	errAttachments = errors.New("zishang520: more attachments than Options.MaxAttachments")
)

// A taker is a conn as a task that takes in what has been received, and then tells the
// listeners, unless somebody does: on the turn of the engine, so that what they send
// leaves together.
type taker conn

func (k *taker) Run() {
	c := (*conn)(k)
	for {
		m, ok := c.inbox.next()
		if !ok {
			break
		}
		if m.call != nil {
			c.put(item{call: m.call})
		} else if !c.intake.failed {
			if err := c.take(m); err != nil {
				c.fail(err)
			}
		}
		c.inbox.settle(c, len(m.data))
	}
	if c.inbox.begin() {
		(*worker)(c).Run()
	}
}

// take handles one message: an acknowledgement at once, anything else goes to the
// inbox when it is complete.
func (c *conn) take(m message) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("zishang520: panic in the parser: %v", v)
		}
	}()
	c.show(m)
	in := &c.intake
	in.parts, in.bytes, in.decoded = in.parts+1, in.bytes+len(m.data), nil
	if in.parts > c.server.opts.MaxAttachments+1 {
		return errAttachments
	}
	if err := in.decoder.Add(buffer(m.data, m.binary)); err != nil {
		return err
	}
	p, size := in.decoded, in.bytes
	if p == nil {
		return nil
	}
	if in.parts == 1 && p.Type != parser.EVENT && p.Type != parser.ACK {
		in.reset(c.server.parser) // the decoder would wait for the attachments of one that needs none
	}
	in.parts, in.bytes = 0, 0
	switch p.Type {
	case parser.EVENT, parser.BINARY_EVENT:
		args, ok := p.Data.([]any)
		if !ok || len(args) == 0 {
			return errPacket
		}
		if _, ok := args[0].(string); !ok {
			return errPacket
		}
	case parser.ACK, parser.BINARY_ACK:
		if _, ok := p.Data.([]any); p.Id == nil || !ok && p.Data != nil {
			return errPacket
		}
		c.acknowledged(p)
		return nil
	}
	c.put(item{packet: p, message: m, bytes: size})
	return nil
}

// show emits the events of a message for the application.
func (c *conn) show(m message) {
	if c.ListenerCount("packet") > 0 {
		c.emit("packet", &packet.Packet{Type: packet.MESSAGE, Data: buffer(m.data, m.binary)})
	}
	for _, l := range c.Listeners("data") {
		c.server.guard("data", func() { l(buffer(m.data, m.binary)) })
	}
	for _, l := range c.Listeners("message") {
		c.server.guard("message", func() { l(buffer(m.data, m.binary)) })
	}
}

// fail ends the connection of a client that has sent what is no packet. The sockets
// hear of it behind the events that came before.
func (c *conn) fail(err error) {
	c.intake.failed = true
	c.server.log.Debug("client broke the protocol", "error", err)
	c.put(item{call: func() { c.emit("error", err) }})
	c.Close(false)
}

// acknowledged calls what waits for an acknowledgement.
func (c *conn) acknowledged(p *parser.Packet) {
	s, _ := c.find(c.namespaceOf(p))
	if s == nil {
		return
	}
	if f, ok := s.Acks().LoadAndDelete(*p.Id); ok {
		c.work() // the events before it do not wait for what this does
		args, _ := p.Data.([]any)
		c.server.guard("acknowledgement", func() { f(args, nil) })
	}
}

// heartbeat shows a packet of the heartbeat to those who listen.
func (s *Server) heartbeat(p engineio.PacketInfo) {
	known, ok := s.Clients().Load(p.SessionID)
	if !ok {
		return
	}
	c := known.(*conn)
	if c.ListenerCount("packet") == 0 && c.ListenerCount("heartbeat") == 0 {
		return
	}
	kind := packet.Type(p.Type)
	c.hand(item{call: func() {
		c.emit("packet", &packet.Packet{Type: kind})
		c.emit("heartbeat")
	}})
}
