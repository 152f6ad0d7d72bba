package eio

import (
	"bytes"
	"encoding/base64"
	"errors"
	"strconv"
	"unicode/utf8"
)

// ErrLength means that a payload of revision 3 has a packet whose length is missing, no number, or other than
// what follows.
var ErrLength = errors.New("engine.io: wrong length of a packet in a payload")

// What stands before the packets of a binary payload, and behind their lengths.
const (
	textMark   = 0x00
	binaryMark = 0x01
	lengthEnd  = 0xff
)

// ParseV3 is Parse for revision 3, in whose text form binary messages keep their type digit: "b4" and base64.
func ParseV3(text []byte) (Packet, error) {
	if len(text) == 0 || text[0] != base64Mark {
		return Parse(text)
	}
	if len(text) == 1 {
		return Packet{}, ErrEmpty
	}
	if text[1] != '0'+byte(Message) {
		return Packet{}, ErrUnknownType
	}
	data, err := decodeBase64(text[2:])
	if err != nil {
		return Packet{}, err
	}
	return Packet{Type: Message, Binary: true, Data: data}, nil
}

// ParseBinaryV3 decodes the binary form that a message has in revision 3: its type as a byte, and the data,
// which aliases the input.
func ParseBinaryV3(data []byte) (Packet, error) {
	switch {
	case len(data) == 0:
		return Packet{}, ErrEmpty
	case data[0] != byte(Message):
		return Packet{}, ErrUnknownType
	}
	return Packet{Type: Message, Binary: true, Data: data[1:]}, nil
}

// AppendTextV3 appends the text form of p in revision 3.
func (p Packet) AppendTextV3(dst []byte) []byte {
	if !p.Binary {
		return p.AppendText(dst)
	}
	return base64.StdEncoding.AppendEncode(append(dst, base64Mark, '0'+byte(p.Type)), p.Data)
}

// NewPayloadV3 is NewPayload for a text body of revision 3: before each packet stand its length, in UTF-16 code
// units, and a colon.
func NewPayloadV3(body []byte, maxPackets int) *Payload {
	p := NewPayload(body, maxPackets)
	p.form = textV3
	return p
}

// NewBinaryPayloadV3 is NewPayload for a binary body of revision 3: before each packet stand 0 for text or 1 for
// binary, the decimal digits of its length in bytes, each as a byte of that value, and 255.
func NewBinaryPayloadV3(body []byte, maxPackets int) *Payload {
	p := NewPayload(body, maxPackets)
	p.form = binaryV3
	return p
}

// AppendPayloadV3 appends p as a text payload holds it; packets simply follow one another. Text must be UTF-8.
func (p Packet) AppendPayloadV3(dst []byte) []byte {
	length := 1 + utf16Length(p.Data)
	if p.Binary {
		length = 2 + base64.StdEncoding.EncodedLen(len(p.Data))
	}
	dst = strconv.AppendInt(dst, int64(length), 10)
	return p.AppendTextV3(append(dst, ':'))
}

// AppendBinaryPayloadV3 appends p as a binary payload holds it.
func (p Packet) AppendBinaryPayloadV3(dst []byte) []byte {
	mark, packetType := byte(textMark), '0'+byte(p.Type)
	if p.Binary {
		mark, packetType = binaryMark, byte(p.Type)
	}
	dst = append(dst, mark)
	digits := len(dst)
	dst = strconv.AppendInt(dst, int64(1+len(p.Data)), 10)
	for i := digits; i < len(dst); i++ {
		dst[i] -= '0'
	}
	return append(append(dst, lengthEnd, packetType), p.Data...)
}

// utf16Length returns the number of UTF-16 code units of a text: one for each character, two for those that UTF-8
// writes with four bytes.
func utf16Length(text []byte) (n int) {
	for _, c := range text {
		switch {
		case c >= 0xf0:
			n += 2
		case c < 0x80 || c >= 0xc0:
			n++
		}
	}
	return n
}

// nextTextV3 cuts the next packet off a text payload.
func (p *Payload) nextTextV3() (Packet, error) {
	digits, rest, found := bytes.Cut(p.rest, []byte{':'})
	if len(p.rest) == 0 {
		return Packet{}, ErrEmpty
	}
	length, ok := parseLength(digits, '0', len(rest))
	if !found || !ok {
		return Packet{}, ErrLength
	}
	end := 0
	for length > 0 {
		c, size := utf8.DecodeRune(rest[end:])
		switch {
		case size == 0:
			return Packet{}, ErrLength
		case c == utf8.RuneError && size == 1:
			return Packet{}, ErrUTF8
		case c > 0xffff:
			length--
		}
		length--
		end += size
	}
	if length < 0 { // it ends between the halves of a pair
		return Packet{}, ErrLength
	}
	p.rest, p.more = rest[end:], end < len(rest)
	return ParseV3(rest[:end])
}

// nextBinaryV3 cuts the next packet off a binary payload.
func (p *Payload) nextBinaryV3() (Packet, error) {
	if len(p.rest) == 0 {
		return Packet{}, ErrEmpty
	}
	mark := p.rest[0]
	digits, rest, found := bytes.Cut(p.rest[1:], []byte{lengthEnd})
	length, ok := parseLength(digits, 0, len(rest))
	if mark > binaryMark || !found || !ok {
		return Packet{}, ErrLength
	}
	packet := rest[:length]
	p.rest, p.more = rest[length:], length < len(rest)
	if mark == binaryMark {
		return ParseBinaryV3(packet)
	}
	if !utf8.Valid(packet) {
		return Packet{}, ErrUTF8
	}
	return ParseV3(packet)
}

// parseLength reads decimal digits that count from zero. The number is at most limit.
func parseLength(digits []byte, zero byte, limit int) (n int, ok bool) {
	for _, c := range digits {
		d := int(c - zero)
		if d > 9 {
			return 0, false
		}
		if n = n*10 + d; n > limit {
			return 0, false
		}
	}
	return n, len(digits) > 0
}
