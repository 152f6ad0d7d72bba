package nodewire

import (
	"errors"
	"fmt"
)

// Limits bounds messages, those that are read and those that are written. Zero means
// the default, and never that there is no limit.
type Limits struct {
	Bytes       int // of a message, 64 MiB by default
	Depth       int // arrays and objects inside each other, in a payload; 512 by default, 1,024 at most
	Attachments int // of a message, 1,000 by default
	Rooms       int // names in one list, 10,000 by default
	Sockets     int // descriptions in one answer, 100,000 by default
}

// maxDepth is what Node servers bear, which decode and encode by recursion; somewhere between
// 2,048 and 4,096 their stack ends.
const maxDepth = 1024

// envelopeDepth is how deep the payload is inside a message, at most.
const envelopeDepth = 8

// Why there is no message. A *LimitError and those of the payload come beside them.
var (
	// ErrMalformed is the error of what is not a message of the wire.
	ErrMalformed = errors.New("nodewire: malformed message")
	// ErrKind is the error of messages that the wire has no form for.
	ErrKind = errors.New("nodewire: the wire has no such message")
	// ErrHeartbeat tells of a server with @socket.io/redis-streams-adapter 0.2,
	// which answers no questions on the wire of 0.3.
	ErrHeartbeat = errors.New("nodewire: a server speaks the wire of streams adapter 0.2")
	// ErrReserved is the error of server-side events that end Node processes which
	// have no listener for them, or have one of their own.
	ErrReserved = errors.New("nodewire: the name of a server-side event is reserved")
)

// A LimitError tells which of the Limits a message is beyond.
type LimitError struct {
	Limit string // the field of Limits
	Value int
}

func (e *LimitError) Error() string {
	return fmt.Sprintf("nodewire: message beyond Limits.%s: %d", e.Limit, e.Value)
}

func (l Limits) withDefaults() Limits {
	def := func(v *int, value int) {
		if *v <= 0 {
			*v = value
		}
	}
	def(&l.Bytes, 64<<20)
	def(&l.Depth, 512)
	def(&l.Attachments, 1000)
	def(&l.Rooms, 10_000)
	def(&l.Sockets, 100_000)
	l.Depth = min(l.Depth, maxDepth)
	return l
}

func malformed(what string) error { return fmt.Errorf("%w: %s", ErrMalformed, what) }
