package eio

import (
	"encoding/binary"
	"errors"
	"unicode/utf8"
)

// ErrTooLong means that a frame is longer than the reader's limit.
var ErrTooLong = errors.New("engine.io: packet is longer than maxPayload allows")

// A stream has no message boundaries, so over WebTransport each packet stands in a frame: one byte with
// frameBinary and a length, for longer ones 2 or 8 bytes of length in network order, and the packet.
const (
	frameBinary = 0x80
	length16    = 126
	length64    = 127
)

// maxFrameHead is the size in bytes of the longest header of a frame.
const maxFrameHead = 9

// emptyBinary is the frame of a binary message without data in text form: official clients refuse a frame of
// length 0, although they send it.
const emptyBinary = "\x01b"

// AppendFrame appends p as a frame of a stream to dst.
func (p Packet) AppendFrame(dst []byte) []byte {
	n, flag := len(p.Data), byte(frameBinary)
	if !p.Binary {
		n, flag = n+1, 0
	}
	switch {
	case n == 0:
		return append(dst, emptyBinary...)
	case n < length16:
		dst = append(dst, flag|byte(n))
	case n <= 0xffff:
		dst = binary.BigEndian.AppendUint16(append(dst, flag|length16), uint16(n))
	default:
		dst = binary.BigEndian.AppendUint64(append(dst, flag|length64), uint64(n))
	}
	if !p.Binary {
		dst = append(dst, '0'+byte(p.Type))
	}
	return append(dst, p.Data...)
}

// ParseFrame decodes the frame that stream begins with and returns its size; 0 means that its end has not come
// yet. A frame of more than maxPayload bytes is refused as soon as its length is known. The packet's Data
// aliases stream, or is freshly allocated where [Parse] does so.
func ParseFrame(stream []byte, maxPayload int) (p Packet, size int, err error) {
	head, length, ok := frameHead(stream)
	switch {
	case !ok:
		return Packet{}, 0, nil
	case length > uint64(max(maxPayload, 0)):
		return Packet{}, 0, ErrTooLong
	case uint64(len(stream)-head) < length:
		return Packet{}, 0, nil
	}
	size = head + int(length)
	payload := stream[head:size]
	if stream[0]&frameBinary != 0 {
		return Packet{Type: Message, Binary: true, Data: payload}, size, nil
	}
	if !utf8.Valid(payload) {
		return Packet{}, 0, ErrUTF8
	}
	if p, err = Parse(payload); err != nil {
		return Packet{}, 0, err
	}
	return p, size, nil
}

// frameHead reads the header of a frame; ok is false while it is not complete.
func frameHead(stream []byte) (head int, length uint64, ok bool) {
	if len(stream) == 0 {
		return 0, 0, false
	}
	switch short := stream[0] &^ frameBinary; {
	case short < length16:
		return 1, uint64(short), true
	case short == length16 && len(stream) >= 3:
		return 3, uint64(binary.BigEndian.Uint16(stream[1:])), true
	case short == length64 && len(stream) >= maxFrameHead:
		return maxFrameHead, binary.BigEndian.Uint64(stream[1:]), true
	}
	return 0, 0, false
}
