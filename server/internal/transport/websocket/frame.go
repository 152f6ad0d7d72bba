package websocket

import (
	"encoding/binary"

	"github.com/gobwas/ws"

	"parley/server/internal/transport"
)

// A closing is a violation of RFC 6455 and the status that tells the peer.
type closing struct {
	code   ws.StatusCode
	reason string
}

func (c *closing) Error() string { return c.reason }

// Is makes every closing a transport.ErrViolation.
func (c *closing) Is(target error) bool { return target == transport.ErrViolation }

// The reasons for which the server fails a connection (RFC 6455, 7.4.1).
var (
	errProtocolMask     = &closing{ws.StatusProtocolError, "frame from a client is not masked"}
	errProtocolReserved = &closing{ws.StatusProtocolError, "reserved bit set"}
	errProtocolOpcode   = &closing{ws.StatusProtocolError, "unknown opcode"}
	errProtocolControl  = &closing{ws.StatusProtocolError, "control frame too long or fragmented"}
	errProtocolSequence = &closing{ws.StatusProtocolError, "fragment out of sequence"}
	errProtocolLength   = &closing{ws.StatusProtocolError, "impossible frame length"}
	errProtocolClose    = &closing{ws.StatusProtocolError, "bad close frame"}
	errUTF8             = &closing{ws.StatusInvalidFramePayloadData, "text is not UTF-8"}
	errDeflate          = &closing{ws.StatusInvalidFramePayloadData, "bad compressed data"}
	errTooBig           = &closing{ws.StatusMessageTooBig, "Max payload size exceeded"}
	errFragments        = &closing{ws.StatusPolicyViolation, "MaxFragments exceeded"}
	errUnfinished       = &closing{ws.StatusPolicyViolation, "ReadTimeout: message not finished in time"}
)

// A header is a client's frame header.
type header struct {
	fin    bool
	rsv1   bool // begins a compressed message
	op     ws.OpCode
	mask   [4]byte
	length int
	size   int // of the header itself
}

// parseHeader reads the header at the start of p. ok is false while p is too
// short to hold it. The first reserved bit may be set only where a message
// begins, and if compression was negotiated (RFC 7692, 6.1).
func parseHeader(p []byte, maxPayload int, deflate bool) (h header, ok bool, err *closing) {
	if len(p) < 2 {
		return h, false, nil
	}
	h.fin = p[0]&0x80 != 0
	h.rsv1 = p[0]&0x40 != 0
	h.op = ws.OpCode(p[0] & 0x0f)
	short := int(p[1] & 0x7f)
	switch {
	case p[0]&0x30 != 0 || h.rsv1 && !(deflate && (h.op == ws.OpText || h.op == ws.OpBinary)):
		return h, false, errProtocolReserved
	case p[1]&0x80 == 0:
		return h, false, errProtocolMask
	case h.op.IsReserved():
		return h, false, errProtocolOpcode
	case h.op.IsControl() && (!h.fin || short > ws.MaxControlFramePayloadSize):
		return h, false, errProtocolControl
	}
	h.size = 2
	switch short {
	case 126:
		if len(p) < 4 {
			return h, false, nil
		}
		h.length, h.size = int(binary.BigEndian.Uint16(p[2:])), 4
	case 127:
		if len(p) < 10 {
			return h, false, nil
		}
		n := binary.BigEndian.Uint64(p[2:])
		if n>>63 != 0 {
			return h, false, errProtocolLength
		}
		if n > uint64(maxPayload) {
			return h, false, errTooBig
		}
		h.length, h.size = int(n), 10
	default:
		h.length = short
	}
	if h.length > maxPayload && h.op.IsData() {
		return h, false, errTooBig
	}
	if len(p) < h.size+4 {
		return h, false, nil
	}
	copy(h.mask[:], p[h.size:])
	h.size += 4
	return h, true, nil
}
