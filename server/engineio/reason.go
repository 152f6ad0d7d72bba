package engineio

import (
	"errors"
	"fmt"
	"net"

	"parley/server/internal/transport"
)

// A Reason says why a session ended, in Node's words.
type Reason string

// The reasons of the engine.
const (
	ReasonTransportClose Reason = "transport close"      // the connection was closed or lost
	ReasonTransportError Reason = "transport error"      // the client broke a rule or passed a limit
	ReasonPingTimeout    Reason = "ping timeout"         // no pong within PingTimeout
	ReasonParseError     Reason = "parse error"          // not an Engine.IO packet
	ReasonForcedClose    Reason = "forced close"         // the application closed it
	ReasonServerShutdown Reason = "server shutting down" // Shutdown or Drain
	ReasonFlood          Reason = "too many packets"     // PacketRate passed for longer than its Patience
	ReasonSlow           Reason = "slow consumer"        // SendQueueBytes, SendQueuePackets or WriteTimeout passed
)

// Errors of Send.
var (
	// ErrClosed means that the session has ended. It is a net.ErrClosed.
	ErrClosed = fmt.Errorf("engineio: session is closed: %w", net.ErrClosed)
	// ErrSlow means that more waits for the client than SendQueueBytes or
	// SendQueuePackets allow; the session has been closed for it.
	ErrSlow = errors.New("engineio: SendQueueBytes or SendQueuePackets exceeded")
)

// ErrGoingAway is the cause where a browser has closed or left the page, and says so
// on its WebSocket: the client as it was will not come back.
var ErrGoingAway = transport.ErrGoingAway

// ErrOverloaded, or an error that wraps it, lets Options.AllowRequest refuse a client
// at the moment: with status 503, after which it may try again.
var ErrOverloaded = errors.New("overloaded")

// ErrHeartbeat is the cause where a client sent what is the server's part: a
// ping in revision 4 of the protocol, a pong in revision 3.
var errHeartbeat = transport.Violation("invalid heartbeat direction")

func reasonOf(cause error) Reason {
	switch {
	case errors.Is(cause, transport.ErrParse):
		return ReasonParseError
	case errors.Is(cause, transport.ErrViolation):
		return ReasonTransportError
	}
	return ReasonTransportClose
}
