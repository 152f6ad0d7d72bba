package socketio

import (
	"fmt"
	"sync"

	"parley/server/engineio"
	"parley/server/wire/msgpack"
	"parley/server/wire/sio"
)

// A codec is how the packets of a client are written. Its first message tells.
type codec uint8

const (
	codecUnknown     codec = iota // nothing has come yet
	codecJSON                     // text, and each attachment a message of its own
	codecMessagePack              // a packet is one binary message, as socket.io-msgpack-parser writes it
)

// scratches are buffers for what is copied at once.
var scratches = sync.Pool{New: func() any { return new([]byte) }}

// keepScratch makes *scratch the larger buffer that it has become, unless that is very large.
func keepScratch(scratch *[]byte, grown []byte) {
	if cap(grown) > cap(*scratch) && cap(grown) <= 16*keptBuffer {
		*scratch = grown[:0]
	}
	scratches.Put(scratch)
}

// messagePack takes one message of a client that speaks MessagePack. What is in it is handled as
// if it had come as text and attachments.
func (c *client) messagePack(t engineio.Turn, data []byte, binary bool) {
	if !binary {
		c.violation("text from a client that speaks MessagePack")
		return
	}
	scratch := scratches.Get().(*[]byte)
	p, attachments, err := msgpack.Parse(data, (*scratch)[:0], c.server.limits)
	defer keepScratch(scratch, p.Data)
	if err != nil {
		c.violation(err.Error())
		return
	}
	c.packet(t, p)
	for _, a := range attachments {
		if c.partial == nil {
			return
		}
		c.attachment(t, a)
	}
}

// control returns a packet of the protocol's own, for this client.
func (c *client) control(t sio.Type, namespace, payload string) engineio.Message {
	if c.codec == codecMessagePack {
		p := sio.Packet{Type: t, Namespace: namespace, ID: sio.NoID}
		if payload != "" {
			p.Data = []byte(payload)
		}
		data, _ := msgpack.AppendPacket(nil, p, nil) // the payload is ours
		return engineio.Binary(data)
	}
	buf := engineio.NewBuffer(len(namespace) + len(payload) + 24)
	buf = sio.AppendHeader(buf, t, 0, namespace, sio.NoID)
	return engineio.Text(append(buf, payload...))
}

// messagePack returns the packet for clients that speak MessagePack. It is made for the first of
// them and shared by all.
func (p *packet) messagePack(ns *Namespace) (engineio.Message, error) {
	if p.packed != nil {
		return *p.packed, nil
	}
	scratch := scratches.Get().(*[]byte)
	head := sio.Packet{Type: p.kind, Namespace: ns.name, ID: p.id, Data: p.payload.Data}
	data, err := msgpack.AppendPacket((*scratch)[:0], head, p.payload.Attachments)
	defer keepScratch(scratch, data)
	if err != nil {
		return engineio.Message{}, fmt.Errorf("socketio: %w", err)
	}
	m := ns.server.engine.Deflatable(engineio.Binary(data))
	if !p.text.Compressible() {
		m = m.Uncompressed()
	}
	p.packed = &m
	return m, nil
}
