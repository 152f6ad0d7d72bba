package transport

import "parley/server/wire/eio"

// binaryBit marks a binary packet in the first byte of a stream's frame.
const binaryBit = 0x80

var emptyBinary = eio.Packet{Type: eio.Message, Binary: true}.AppendFrame(nil)

// CopyStream copies as much of the packet's frame on a stream (see
// eio.ParseFrame) to dst as fits, one byte at least, and returns how much that
// was and what is left. The rest is shared by all receivers of the message.
func (m Message) CopyStream(dst []byte) (n int, rest []byte) {
	if m.IsBinary() && m.Len() == 0 {
		n = copy(dst, emptyBinary)
		return n, emptyBinary[n:]
	}
	// Its lengths are those of a WebSocket frame, whose opcode stands before.
	frame := m.frame[1:]
	n = copy(dst, frame)
	if m.IsBinary() {
		dst[0] |= binaryBit
	}
	return n, frame[n:]
}
