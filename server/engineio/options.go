package engineio

import (
	"fmt"
	"log/slog"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"time"
)

// Options configure a Server. The zero value of a field means its default; for
// a limit it never means unlimited. Functions are called on the goroutines of
// the requests, several at a time; one that panics ends its request.
type Options struct {
	// PingInterval is the time between a pong and the next ping. Default 25 s.
	PingInterval time.Duration
	// PingTimeout is the time a client has for its pong. Default 20 s.
	PingTimeout time.Duration
	// UpgradeTimeout is the time a WebSocket or WebTransport has to take a
	// polling session over, and a WebTransport to begin one. Default 10 s.
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
	// MaxSessions is the number of sessions at one time, those among them that
	// are closed and wait for their last poll; a further client gets status
	// 503. Default 1,000,000.
	MaxSessions int
	// MaxHeader is the size in bytes of the URL and header of the request that
	// begins a session, which is kept as long as the session; a client with
	// more gets status 431. Default 16 KiB.
	MaxHeader int
	// EventLoops is the number of goroutines that read and write the plain TCP
	// connections, on Linux. Default half of GOMAXPROCS, but one at least: the
	// other processors are for handlers, HTTP, TLS and the garbage collector,
	// and a loop that has to share its processor makes its clients wait.
	EventLoops int
	// Transports are those allowed, of "polling" and "websocket". Default both.
	// "webtransport" may stand here too: its package makes it available.
	Transports []string
	// AllowEIO3 admits clients of revision 3 of the protocol: socket.io-client
	// 1.x and 2.x. They send the pings themselves; one that sends none for
	// PingInterval and PingTimeout together is closed.
	AllowEIO3 bool
	// DisableUpgrade keeps polling sessions from changing to another transport.
	DisableUpgrade bool
	// DisableHTTPCompression keeps polls from being answered with gzip or
	// deflate, even if the client accepts it.
	DisableHTTPCompression bool
	// CompressionThreshold is the size in bytes from which the answer to a poll
	// is compressed. Default 1,024.
	CompressionThreshold int
	// AllowedOrigins are the origins from which a browser may connect, such as
	// "https://app.example"; "https://*.app.example" is all hosts below it, "*"
	// any origin, but then without cookies. The server's own origin and
	// requests without an Origin header always pass. See CheckOrigin.
	AllowedOrigins []string
	// AllowOrigin decides on origins that are not in AllowedOrigins; "null" is
	// the origin of files and sandboxed frames. Nil refuses them.
	AllowOrigin func(r *http.Request, origin string) bool
	// AllowLoopbackOrigins lets pages from this machine in, whatever the port.
	// A request that arrives on a loopback address must then be for a loopback
	// Host or one of an allowed origin: a name that an attacker points at this
	// machine makes his page the server's own.
	AllowLoopbackOrigins bool
	// CORS completes what allowed origins are told.
	CORS CORS
	// Cookie is set by the handshake over polling, for load balancers that keep
	// a client on one server by it: its value is the session's id. Name "io",
	// Path "/" and SameSite Lax if they are left out; always HttpOnly. Nil: no
	// cookie.
	Cookie *http.Cookie
	// Headers is called before the answers to polls, POSTs and upgrades are
	// written, to change their header h; initial says that the answer is the
	// first of its session. Refusals are without. It must leave the fields of
	// the WebSocket handshake and of the content alone.
	Headers func(h http.Header, r *http.Request, initial bool)
	// AllowRequest is called for each handshake, not for the later requests of a
	// session. An error refuses it with status 403 (an upgrade with 400), an
	// ErrOverloaded with 503, and the client is told the error's text.
	AllowRequest func(r *http.Request) error
	// GenerateID makes the ids of sessions: 1 to 128 letters, digits and any of
	// -._~, never used before, and impossible to guess, since who knows an id
	// can speak for the session. An error, or an id in use, refuses the
	// handshake. Nil: 120 random bits.
	GenerateID func(r *http.Request) (string, error)
	// NodeTag begins the id of every session, so that other servers can tell whose it
	// is: up to 32 letters, digits and any of -_. What follows it is as random as
	// without. Default: none.
	NodeTag string
	// OnConnectionError is told of each request that is refused, before the
	// answer.
	OnConnectionError func(ConnectionError)
	// PerMessageDeflate lets WebSocket clients that offer it send and get
	// compressed messages. Nil: off.
	PerMessageDeflate *PerMessageDeflate
	// PacketRate bounds how fast a client sends. Nil: off.
	PacketRate *PacketRate
	// OnPacket is shown every packet: one from a client before it is handled, one to a
	// client once it is queued. The close packets, noops and probes of the transports
	// are not among them. It runs on the goroutines that read and send, must not block,
	// and packets that several goroutines send to one client at the same time may
	// leave in another order. A panic is logged. Default: none.
	OnPacket func(PacketInfo)
	// OnSession is told when a session opens, is upgraded, or has ended, in this order.
	// It must not block. A panic is logged. Default: none.
	OnSession func(SessionInfo)
	// Logger gets what the operator should know. Default: nothing is logged.
	Logger *slog.Logger
}

// The names of the transports.
const (
	Polling      = "polling"
	WebSocket    = "websocket"
	WebTransport = "webtransport"
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
	setInt("MaxHeader", &c.MaxHeader, 16<<10)
	setInt("CompressionThreshold", &c.CompressionThreshold, 1024)
	setInt("EventLoops", &c.EventLoops, max(1, runtime.GOMAXPROCS(0)/2))
	if len(c.Transports) == 0 {
		c.Transports = []string{Polling, WebSocket}
	}
	for _, name := range c.Transports {
		if name != Polling && name != WebSocket && name != WebTransport {
			panic(fmt.Sprintf("engineio: Options.Transports: unknown transport %q", name))
		}
	}
	// No HTTP request is for WebTransport.
	c.Transports = slices.DeleteFunc(slices.Clone(c.Transports), func(name string) bool { return name == WebTransport })
	if c.PingInterval > longestTimer-min(c.PingTimeout, longestTimer) {
		panic("engineio: Options.PingInterval and PingTimeout are together more than 24.8 days, the longest timer of JavaScript")
	}
	for _, entry := range c.AllowedOrigins {
		if err := CheckOrigin(entry); err != nil {
			panic("engineio: Options.AllowedOrigins: " + err.Error())
		}
	}
	c.PerMessageDeflate = c.PerMessageDeflate.withDefaults()
	c.PacketRate = c.PacketRate.withDefaults()
	c.AllowedOrigins = slices.Clone(c.AllowedOrigins)
	c.CORS = c.CORS.checked()
	c.Cookie = cookieTemplate(c.Cookie)
	if len(c.NodeTag) > maxTag || strings.ContainsFunc(c.NodeTag, notInTag) {
		panic("engineio: Options.NodeTag is over 32 bytes or has other characters than letters, digits and -_")
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return c
}

// longestTimer is the longest that a client's timer can be: a longer one ends
// at once.
const longestTimer = (1<<31 - 1) * time.Millisecond

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
