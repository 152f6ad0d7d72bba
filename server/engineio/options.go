package engineio

import (
	"fmt"
	"log/slog"
	"runtime"
	"slices"
	"time"
)

// Options configure a Server. The zero value of a field means its default; for
// a limit it never means unlimited.
type Options struct {
	// PingInterval is the time between a pong and the next ping. Default 25 s.
	PingInterval time.Duration
	// PingTimeout is the time a client has for its pong. Default 20 s.
	PingTimeout time.Duration
	// UpgradeTimeout is the time a WebSocket has to take a polling session
	// over. Default 10 s.
	UpgradeTimeout time.Duration
	// MaxPayload is the size in bytes of the largest message from a client, on
	// every transport; clients are told. Default 1,000,000.
	MaxPayload int
	// MaxPackets is the number of packets in one polling request. Default
	// 10,000.
	MaxPackets int
	// MaxFragments is the number of frames of one WebSocket message. Default
	// 1,024.
	MaxFragments int
	// ReadTimeout is the time a message or request body that was begun has to
	// be complete. Default 30 s.
	ReadTimeout time.Duration
	// WriteTimeout is how long a client may take nothing of what is sent to it
	// while more waits. Default 10 s.
	WriteTimeout time.Duration
	// SendQueueBytes and SendQueuePackets bound what waits for one client. A
	// client for which more would wait is closed with ReasonSlow. A single
	// larger message passes if nothing else waits. Default 1 MiB and 10,000.
	SendQueueBytes   int
	SendQueuePackets int
	// MaxSessions is the number of sessions at one time; a further client gets
	// status 503. Default 1,000,000.
	MaxSessions int
	// EventLoops is the number of goroutines that read and write the plain TCP
	// connections, on Linux. Default half of GOMAXPROCS, but one at least: the
	// other processors are for handlers, HTTP, TLS and the garbage collector,
	// and a loop that has to share its processor makes its clients wait.
	EventLoops int
	// Transports are those allowed, of "polling" and "websocket". Default both.
	Transports []string
	// AllowEIO3 admits clients of revision 3 of the protocol: socket.io-client
	// 1.x and 2.x. They send the pings themselves; one that sends none for
	// PingInterval and PingTimeout together is closed.
	AllowEIO3 bool
	// DisableUpgrade keeps polling sessions from changing to WebSocket.
	DisableUpgrade bool
	// AllowedOrigins are the origins, such as "https://app.example", from which
	// a browser may connect; "*" means any, but then without cookies. The
	// server's own origin and requests without an Origin header always pass.
	AllowedOrigins []string
	// AllowLoopbackOrigins lets pages from this machine in, whatever the port.
	AllowLoopbackOrigins bool
	// Logger gets what the operator should know. Default: nothing is logged.
	Logger *slog.Logger
}

// The names of the transports.
const (
	Polling   = "polling"
	WebSocket = "websocket"
)

// withDefaults returns a checked copy. It panics with the name of a field that
// has an impossible value.
func (o *Options) withDefaults() Options {
	var c Options
	if o != nil {
		c = *o
	}
	setDuration("PingInterval", &c.PingInterval, 25*time.Second)
	setDuration("PingTimeout", &c.PingTimeout, 20*time.Second)
	setDuration("UpgradeTimeout", &c.UpgradeTimeout, 10*time.Second)
	setDuration("ReadTimeout", &c.ReadTimeout, 30*time.Second)
	setDuration("WriteTimeout", &c.WriteTimeout, 10*time.Second)
	setInt("MaxPayload", &c.MaxPayload, 1_000_000)
	setInt("MaxPackets", &c.MaxPackets, 10_000)
	setInt("MaxFragments", &c.MaxFragments, 1024)
	setInt("SendQueueBytes", &c.SendQueueBytes, 1<<20)
	setInt("SendQueuePackets", &c.SendQueuePackets, 10_000)
	setInt("MaxSessions", &c.MaxSessions, 1_000_000)
	setInt("EventLoops", &c.EventLoops, max(1, runtime.GOMAXPROCS(0)/2))
	if len(c.Transports) == 0 {
		c.Transports = []string{Polling, WebSocket}
	}
	for _, name := range c.Transports {
		if name != Polling && name != WebSocket {
			panic(fmt.Sprintf("engineio: Options.Transports: unknown transport %q", name))
		}
	}
	c.Transports = slices.Clone(c.Transports)
	c.AllowedOrigins = slices.Clone(c.AllowedOrigins)
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return c
}

// anyOrigin reports whether pages of all origins may connect.
func (o *Options) anyOrigin() bool { return slices.Contains(o.AllowedOrigins, "*") }

func setDuration(name string, d *time.Duration, def time.Duration) {
	if *d < 0 {
		panic("engineio: Options." + name + " is negative")
	}
	if *d == 0 {
		*d = def
	}
}

func setInt(name string, n *int, def int) {
	if *n < 0 {
		panic("engineio: Options." + name + " is negative")
	}
	if *n == 0 {
		*n = def
	}
}
