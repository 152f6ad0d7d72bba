package socketio

import (
	"sync/atomic"

	"parley/server/engineio"
	"parley/server/wire/sio"
)

// A partial is a packet whose attachments have not all come.
type partial struct {
	socket *Socket // nil if the packet is ignored
	item   *item
	timer  *engineio.Timer
	done   atomic.Bool
}

// begin waits for the attachments of a packet.
func (c *client) begin(s *Socket, p sio.Packet) {
	part := &partial{socket: s, item: newItem(p)}
	part.timer = c.session.Timer(c.server.opts.AttachmentTimeout, func() {
		if !part.done.Load() {
			c.server.opts.Logger.Debug("attachments did not come in time")
			c.session.Close(ReasonForcedClose)
		}
	})
	c.partial = part
}

// attachment takes one in, and with the last the packet is complete.
func (c *client) attachment(t engineio.Turn, data []byte) {
	part := c.partial
	if part == nil {
		c.violation("binary without a packet that it belongs to")
		return
	}
	it := part.item
	if limit := c.server.opts.MaxPayload; it.bytes-len(it.buf)+len(data) > limit {
		c.violation("attachments of a packet are larger than Options.MaxPayload")
		return
	}
	it.attach(data)
	if len(it.attachments) < it.packet.Attachments {
		return
	}
	c.dropPartial()
	switch s := part.socket; {
	case s == nil || !s.Connected():
	case it.packet.Type == sio.BinaryEvent:
		s.receive(t, it)
	default:
		s.resolve(it.packet, it.attachments)
	}
}

func (c *client) dropPartial() {
	if c.partial != nil {
		c.partial.done.Store(true)
		c.partial.timer.Stop()
		c.partial = nil
	}
}
