package eio

import (
	"bytes"
	"encoding/base64"
	"errors"
)

// Type is the kind of a packet. On the wire it is the digit '0'+Type.
type Type uint8

// The packet types of the protocol.
const (
	Open Type = iota
	Close
	Ping
	Pong
	Message
	Upgrade
	Noop
)

var typeNames = [...]string{"open", "close", "ping", "pong", "message", "upgrade", "noop"}

// String returns the protocol's word for t.
func (t Type) String() string {
	if int(t) < len(typeNames) {
		return typeNames[t]
	}
	return "unknown"
}

// What can be wrong with one packet.
var (
	ErrEmpty       = errors.New("engine.io: empty packet")
	ErrUnknownType = errors.New("engine.io: unknown packet type")
	ErrBase64      = errors.New("engine.io: invalid base64 in a binary packet")
)

// base64Mark stands in the place of the type digit of a binary message in text form.
const base64Mark = 'b'

// A Packet is the unit that Engine.IO transports.
type Packet struct {
	Type   Type
	Binary bool // only for Message
	Data   []byte
}

// Parse decodes the text form of one packet. The Data of a text packet aliases the input, that of
// a binary message is freshly allocated. Whether the text is valid UTF-8 is for the carrier to check.
func Parse(text []byte) (Packet, error) {
	if len(text) == 0 {
		return Packet{}, ErrEmpty
	}
	if text[0] == base64Mark {
		data, err := decodeBase64(text[1:])
		if err != nil {
			return Packet{}, err
		}
		return Packet{Type: Message, Binary: true, Data: data}, nil
	}
	t := Type(text[0] - '0')
	if t > Noop {
		return Packet{}, ErrUnknownType
	}
	return Packet{Type: t, Data: text[1:]}, nil
}

// AppendText appends the text form of p to dst.
func (p Packet) AppendText(dst []byte) []byte {
	if p.Binary {
		dst = append(dst, base64Mark)
		return base64.StdEncoding.AppendEncode(dst, p.Data)
	}
	dst = append(dst, '0'+byte(p.Type))
	return append(dst, p.Data...)
}

// decodeBase64 accepts either alphabet, with or without padding: clients differ.
func decodeBase64(src []byte) ([]byte, error) {
	// The decoder of the standard library skips line breaks, the protocol has none.
	if bytes.IndexByte(src, '\n') >= 0 || bytes.IndexByte(src, '\r') >= 0 {
		return nil, ErrBase64
	}
	encoding := base64.RawStdEncoding
	if bytes.IndexByte(src, '-') >= 0 || bytes.IndexByte(src, '_') >= 0 {
		encoding = base64.RawURLEncoding
	}
	if len(src) > 0 && src[len(src)-1] == '=' {
		encoding = encoding.WithPadding(base64.StdPadding)
	}
	dst := make([]byte, encoding.DecodedLen(len(src)))
	n, err := encoding.Decode(dst, src)
	if err != nil {
		return nil, ErrBase64
	}
	return dst[:n], nil
}
