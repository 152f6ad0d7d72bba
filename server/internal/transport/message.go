package transport

import (
	"encoding/base64"
	"encoding/binary"

	"parley/server/wire/eio"
)

// headRoom is the room before a buffer's text: the longest header of an
// unmasked WebSocket frame, and the Engine.IO packet type.
const (
	frameHead = 10
	headRoom  = frameHead + 1
)

// opcodes of RFC 6455, section 5.2, with the FIN bit.
const (
	finText   = 0x80 | 0x1
	finBinary = 0x80 | 0x2
)

// A Message is one Engine.IO packet, framed for WebSocket when it is built:
// what is sent to many is framed once, and each receiver's queue holds the same
// bytes. Polling uses the payload behind the frame's header. It must not be
// changed once built. What the frame says of itself is not kept beside it: every
// receiver's queue holds a Message.
type Message struct {
	frame      []byte
	compressed *compressed // nil: nobody gets it compressed; see plain
}

// NewBuffer returns a buffer for about size bytes of text, with room in front
// for what Text adds. Append to it and change nothing before its length.
func NewBuffer(size int) []byte {
	return make([]byte, headRoom, headRoom+size)
}

// Text makes a message packet of a buffer from NewBuffer, which it takes over.
func Text(buf []byte) Message {
	buf[frameHead] = '0' + byte(eio.Message)
	return frame(buf, finText)
}

// Binary makes a binary message packet of a copy of data.
func Binary(data []byte) Message {
	buf := make([]byte, frameHead, frameHead+len(data))
	return frame(append(buf, data...), finBinary)
}

// Control makes a text packet of any type.
func Control(t eio.Type, data string) Message {
	buf := make([]byte, headRoom, headRoom+len(data))
	buf[frameHead] = '0' + byte(t)
	return frame(append(buf, data...), finText)
}

// frame writes the header directly before the payload, which begins at
// frameHead.
func frame(buf []byte, op byte) Message {
	n := len(buf) - frameHead
	var head int
	switch {
	case n <= 125:
		head = 2
		buf[frameHead-1] = byte(n)
	case n <= 0xffff:
		head = 4
		buf[frameHead-3] = 126
		binary.BigEndian.PutUint16(buf[frameHead-2:], uint16(n))
	default:
		head = 10
		buf[frameHead-9] = 127
		binary.BigEndian.PutUint64(buf[frameHead-8:], uint64(n))
	}
	buf[frameHead-head] = op
	return Message{frame: buf[frameHead-head:]}
}

// head returns the length of the frame's header.
func (m Message) head() int {
	switch m.frame[1] {
	case 126:
		return 4
	case 127:
		return 10
	}
	return 2
}

// A BinaryForm is how the binary messages of a session travel on its WebSocket.
type BinaryForm uint8

// The forms. Base64 is for clients that ask for it.
const (
	Plain    BinaryForm = iota // revision 4: the data alone
	PlainV3                    // revision 3: behind the packet type, a byte
	Base64                     // revision 4: text, 'b' and base64
	Base64V3                   // revision 3: text, "b4" and base64
)

// InForm returns a message as a WebSocket of that form carries it. It is not for
// polling any more.
func (m Message) InForm(form BinaryForm) Message {
	if !m.IsBinary() || form == Plain || m.isFormed() {
		return m
	}
	p := m.Packet()
	buf := make([]byte, frameHead, frameHead+2+base64.StdEncoding.EncodedLen(len(p.Data)))
	var made Message
	switch form {
	case PlainV3:
		made = frame(append(append(buf, byte(eio.Message)), p.Data...), finBinary)
	case Base64V3:
		made = frame(p.AppendTextV3(buf), finText)
	default:
		made = frame(p.AppendText(buf), finText)
	}
	return made.madeOf(m)
}

// Packet returns the packet. Its Data aliases the message.
func (m Message) Packet() eio.Packet {
	return eio.Packet{Type: m.Type(), Binary: m.IsBinary(), Data: m.Data()}
}

// Type returns the packet's type.
func (m Message) Type() eio.Type {
	if m.IsBinary() || m.isFormed() {
		return eio.Message
	}
	return eio.Type(m.frame[m.head()] - '0')
}

// Frame returns the whole WebSocket frame, not compressed.
func (m Message) Frame() []byte { return m.frame }

// Payload returns what the frame holds, without its header.
func (m Message) Payload() []byte { return m.frame[m.head():] }

// Data returns what follows the packet type, or of a binary message all of it. It must
// not be changed.
func (m Message) Data() []byte {
	if m.IsBinary() {
		return m.Payload()
	}
	return m.frame[m.head()+1:]
}

// Len returns the length of the payload in bytes.
func (m Message) Len() int { return len(m.frame) - m.head() }

// IsBinary reports whether the message is binary.
func (m Message) IsBinary() bool { return m.frame[0] == finBinary }

// AppendPolling appends the packet as a polling payload holds it.
func (m Message) AppendPolling(dst []byte) []byte {
	payload := m.frame[m.head():]
	if !m.IsBinary() {
		return append(dst, payload...)
	}
	dst = append(dst, 'b')
	return base64.StdEncoding.AppendEncode(dst, payload)
}

// PollingLen returns the length of what AppendPolling appends.
func (m Message) PollingLen() int {
	if m.IsBinary() {
		return 1 + base64.StdEncoding.EncodedLen(m.Len())
	}
	return m.Len()
}
