// Package transport is the contract between an Engine.IO session and what
// carries its packets.
package transport

import (
	"errors"
	"fmt"

	"parley/server/internal/reactor"
	"parley/server/wire/eio"
)

// What ends a transport, besides an error of the network.
var (
	// ErrClosedByPeer: the peer closed in good order.
	ErrClosedByPeer = errors.New("closed by the peer")
	// ErrGoingAway is an ErrClosedByPeer: the page is closed or left (RFC 6455,
	// 7.4.1), and nobody comes back.
	ErrGoingAway = fmt.Errorf("%w: going away", ErrClosedByPeer)
	// ErrParse: a packet that is none.
	ErrParse = errors.New("bad engine.io packet")
	// ErrViolation: the peer broke a rule of the transport or passed a limit;
	// the causes that say which are wrapped in it or match it.
	ErrViolation = errors.New("transport error")
)

// A Violation is an ErrViolation with its reason.
type Violation string

func (v Violation) Error() string { return string(v) }

// Is matches ErrViolation.
func (v Violation) Is(target error) bool { return target == ErrViolation }

// A Transport carries the packets of one session. Its methods do not block and
// never call the Sink. The session calls them with its own lock held.
type Transport interface {
	Name() string
	// Writable reports whether Write would take anything now.
	Writable() bool
	// Write takes messages from the front of batch and returns how many. If
	// it took fewer than all, Sink.Drained follows when it can take more.
	Write(batch []Message, scratch []byte) int
	// Close ends the transport in good order after what Write took.
	Close()
	// Pause and Resume stop and continue the taking of packets.
	Pause()
	Resume()
}

// A Sink gets what a transport receives. Packets come one at a time.
type Sink interface {
	// Packet gets the packets in order, but never a close packet: the transport
	// takes that for its end. p.Data is valid only during the call.
	Packet(t reactor.Turn, p eio.Packet)
	// Drained says that the transport can be written to again.
	Drained()
	// Gone says once that nothing more will come.
	Gone(t reactor.Turn, cause error)
}
