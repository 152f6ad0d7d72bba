package eio

import (
	"bytes"
	"errors"
	"unicode/utf8"
)

// Separator stands between the packets of a payload. JSON text never contains it: it escapes control characters.
const Separator = 0x1e

// DefaultMaxPackets is the number of packets NewPayload allows when it is given none.
const DefaultMaxPackets = 10_000

// What can be wrong with a payload besides its packets.
var (
	ErrUTF8           = errors.New("engine.io: payload is not valid UTF-8")
	ErrTooManyPackets = errors.New("engine.io: payload has more packets than maxPackets allows")
)

// A Payload is the body of a long-polling request or response, read packet by packet.
type Payload struct {
	rest []byte
	left int  // packets that may still come
	more bool // a packet is due, be it an empty one
	form form
	err  error
}

// A form is how packets are joined to a payload.
type form uint8

const (
	separated form = iota // revision 4
	textV3
	binaryV3
)

// NewPayload returns an iterator over a body of revision 4. No more than maxPackets packets are read from it;
// zero and less mean DefaultMaxPackets.
func NewPayload(body []byte, maxPackets int) *Payload {
	if maxPackets <= 0 {
		maxPackets = DefaultMaxPackets
	}
	return &Payload{rest: body, left: maxPackets, more: true}
}

// Next returns the next packet; ok is false after the last one and on error. The packets
// before a bad one are returned first, those behind it never.
func (p *Payload) Next() (packet Packet, ok bool, err error) {
	if !p.more {
		return Packet{}, false, p.err
	}
	packet, err = p.next()
	if err != nil {
		p.err, p.more = err, false
		return Packet{}, false, err
	}
	return packet, true, nil
}

func (p *Payload) next() (Packet, error) {
	if p.left == 0 {
		return Packet{}, ErrTooManyPackets
	}
	p.left--
	switch p.form {
	case textV3:
		return p.nextTextV3()
	case binaryV3:
		return p.nextBinaryV3()
	}
	var text []byte
	text, p.rest, p.more = bytes.Cut(p.rest, []byte{Separator})
	// The separator is ASCII, so the parts are valid exactly if the whole is.
	if !utf8.Valid(text) {
		return Packet{}, ErrUTF8
	}
	return Parse(text)
}
