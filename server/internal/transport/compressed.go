package transport

import (
	"sync"

	"parley/server/internal/deflate"
)

// rsv1 is the bit of a frame's first byte that marks a compressed message (RFC
// 7692, 6).
const rsv1 = 0x40

// plain stands in the place of the compressed form of a message that must not
// have one, formed in that of one that InForm has made.
var plain, formed = new(compressed), new(compressed)

// MaxWindow is the largest window that there is, as a power of two (RFC 7692,
// 7.1.2.1).
const MaxWindow = 15

// A compressed is the compressed frame of a message. It is made when the first
// receiver wants it, for all who share the message.
type compressed struct {
	by     *deflate.Compressor // nil: nobody
	once   sync.Once
	frame  []byte // the plain one if compression does not pay
	formed bool   // InForm has made the message
}

// Deflatable returns the message with a compressed form, for the receivers that
// can read it. It returns a message as it is that is too short for c, or must
// not be compressed.
func (m Message) Deflatable(c *deflate.Compressor) Message {
	if m.compressed != plain && m.Len() >= c.Threshold() {
		m.compressed = &compressed{by: c}
	}
	return m
}

// Uncompressed returns the message for transports to leave as it is.
func (m Message) Uncompressed() Message {
	m.compressed = plain
	return m
}

// madeOf marks a message as made by InForm of another, whose compression holds for
// it too.
func (m Message) madeOf(other Message) Message {
	m.compressed = formed
	if other.compressed != nil && other.compressed.by != nil {
		m.compressed = &compressed{by: other.compressed.by, formed: true}
	}
	return m
}

// isFormed reports whether InForm has made the message.
func (m Message) isFormed() bool {
	return m.compressed != nil && (m.compressed == formed || m.compressed.formed)
}

// Compressible reports whether a transport may compress the message.
func (m Message) Compressible() bool { return m.compressed != plain }

// CompressedFrame returns the whole WebSocket frame, compressed if that makes it
// smaller, for a receiver that looks back 1<<window bytes at most.
func (m Message) CompressedFrame(window uint8) []byte {
	if m.compressed == nil || m.compressed.by == nil || m.Len() > 1<<window && window < MaxWindow {
		return m.frame
	}
	return m.compressed.of(m)
}

func (c *compressed) of(m Message) []byte {
	c.once.Do(func() {
		c.frame = m.frame
		c.by.Compress(m.frame[m.head():], func(payload []byte) {
			if len(payload) >= m.Len() {
				return
			}
			buf := append(make([]byte, frameHead, frameHead+len(payload)), payload...)
			first := m.frame[0] | rsv1
			c.frame = frame(buf, first).frame
		})
	})
	return c.frame
}
