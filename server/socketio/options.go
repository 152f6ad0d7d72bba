package socketio

import (
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"parley/server/adapter"
	"parley/server/engineio"
	"parley/server/wire/sio"
)

// Options configures a Server. Zero means the default that stands at the end of each
// field's text, and never "unlimited"; New panics with the field's name if a value is
// impossible. Functions with a request are called on the request's goroutine, several
// at a time; one that panics ends its request.
type Options struct {
	// PingInterval is the time between two pings of the server. 25 s.
	PingInterval time.Duration
	// PingTimeout is how long the answer to a ping may take. 20 s.
	PingTimeout time.Duration
	// UpgradeTimeout is how long an upgrade from polling may take, and a
	// WebTransport until its first packet. 10 s.
	UpgradeTimeout time.Duration
	// ConnectTimeout is how long a client may stay without having joined any
	// namespace. 45 s.
	ConnectTimeout time.Duration
	// ReadTimeout is how long a client may take to finish a message or a
	// request that it began. 30 s.
	ReadTimeout time.Duration
	// WriteTimeout is how long a client may take nothing of what waits for it, before
	// it is closed with ReasonSlow. 10 s.
	WriteTimeout time.Duration

	// Transports are those offered: "polling", "websocket". Both. A server of
	// package webtransport adds its own, which may but need not stand here.
	Transports []string
	// AllowEIO3 admits socket.io-client 1.x and 2.x, which speak Engine.IO 3.
	// They work out the ids of their sockets from that of the session, and so,
	// as in Node, does the server: "<sid>" in "/", "<namespace>#<sid>"
	// elsewhere. The session's id is a secret: who knows it can speak for a
	// client that polls. Do not show the ids of such sockets to other clients.
	AllowEIO3 bool
	// DisableUpgrade keeps clients on the transport that they began with.
	DisableUpgrade bool
	// DisableHTTPCompression keeps the answers to polls as they are, whatever
	// codings the client accepts.
	DisableHTTPCompression bool
	// CompressionThreshold is the size in bytes from which the answer to a poll
	// is compressed. 1,024.
	CompressionThreshold int
	// DisableClient keeps the server from serving the browser bundles of the
	// official client, such as /socket.io/socket.io.js.
	DisableClient bool

	// AllowedOrigins are the origins, besides the server's own, whose pages
	// may connect, such as "https://app.example", "https://*.app.example" for
	// all hosts below it, or "*" for all; see CheckOrigin. None.
	AllowedOrigins []string
	// AllowOrigin decides on the origins that AllowedOrigins does not name. Nil
	// refuses them.
	AllowOrigin func(r *http.Request, origin string) bool
	// AllowLoopbackOrigins lets pages from this machine connect, whatever
	// their port. For development. What arrives on a loopback address must then
	// be for a loopback host, or from an allowed origin.
	AllowLoopbackOrigins bool
	// CORS is what pages of allowed origins are told besides.
	CORS CORS
	// Cookie is set by the handshake over polling to the id of the session, for
	// load balancers; it is named "io" unless told otherwise. Nil: no cookie.
	Cookie *http.Cookie
	// Headers may change the header h of each answer but refusals; initial says
	// that it is the first answer of a session. Nil changes nothing.
	Headers func(h http.Header, r *http.Request, initial bool)
	// AllowRequest decides on each client before it has a session. An error
	// refuses the request with status 403 (a WebSocket's with 400), an
	// engineio.ErrOverloaded with 503, and its text reaches the client. Nil admits
	// all.
	AllowRequest func(r *http.Request) error
	// GenerateID makes the ids of the engine's sessions: up to 128 letters,
	// digits and -._~, impossible to guess and never used before. An error
	// refuses the client. Nil: 120 random bits.
	GenerateID func(r *http.Request) (string, error)
	// NodeTag begins the engine's id of every session, so that other servers can tell
	// whose it is; see adapters/forward. It is no part of a socket's id, but for clients
	// of EIO3. Up to 32 letters, digits and -_. None.
	NodeTag string
	// OnConnectionError is told of each request that is refused. Nil: nobody is.
	OnConnectionError func(engineio.ConnectionError)

	// PerMessageDeflate lets WebSocket clients that offer it send and get
	// compressed messages, those from 1,024 bytes on. Nil: off.
	PerMessageDeflate *PerMessageDeflate

	// EventLoops is the number of goroutines that read and write the plain TCP
	// connections, on Linux. Half of GOMAXPROCS, but one at least.
	EventLoops int
	// MaxSessions bounds the clients at one time; further ones get status 503.
	// 1,000,000.
	MaxSessions int
	// MaxPayload bounds one incoming message or polling request, in bytes; and
	// the attachments of one packet together. 1,000,000.
	MaxPayload int
	// MaxHeader bounds the URL and header of the request with which a client
	// comes, in bytes; they are kept for Handshake. 16 KiB.
	MaxHeader int
	// MaxPackets bounds the packets in one polling request. 10,000.
	MaxPackets int
	// MaxFragments bounds the fragments of one WebSocket message. 1,024.
	MaxFragments int
	// MaxAttachments bounds the binary attachments of one packet, in both
	// directions: official clients refuse more than 10. 10.
	MaxAttachments int
	// AttachmentTimeout is how long the attachments of a packet may take to
	// arrive. 10 s.
	AttachmentTimeout time.Duration
	// MaxDepth bounds how deep arrays and objects are nested in a packet. 64.
	MaxDepth int
	// MaxEventName bounds the name of an incoming event, in bytes. 128.
	MaxEventName int
	// MaxName bounds the names of namespaces and rooms, in bytes. 255.
	MaxName int
	// MaxNamespaces bounds the namespaces that one client joins. 16.
	MaxNamespaces int
	// MaxRooms bounds the rooms that one socket joins. 128.
	MaxRooms int
	// MaxPendingAcks bounds how many acknowledgements are waited for from one
	// socket, those to broadcasts included. 1,000.
	MaxPendingAcks int

	// InboxEvents and InboxBytes bound the events of a socket that wait for
	// their handlers. Where one is passed the client is not read from until
	// half is handled, so nothing is lost. They also bound the server-side
	// events of a namespace, of which further ones are refused. 10,000 and
	// 1 MiB.
	InboxEvents int
	InboxBytes  int
	// SendQueuePackets and SendQueueBytes bound what waits to be sent to one
	// client. A client that reads so slowly that one is passed is closed with
	// ReasonSlow. 10,000 and 1 MiB.
	SendQueuePackets int
	SendQueueBytes   int

	// PacketRate bounds how fast a client sends packets of any kind, acknowledgements
	// and heartbeats among them. Nil: off.
	PacketRate *PacketRate

	// Adapter connects each namespace with the same namespace of other servers.
	// It is called when the namespace is made and must not block: what takes
	// long, it goes on with after it has returned. A namespace for which it
	// returns an error is alone, and the error is logged. Nil: a single server.
	Adapter func(adapter.Local) (adapter.Adapter, error)
	// OnSession is told when a client's session opens, changes its transport, or has
	// ended, in this order. It must not block; a panic in it is logged. Nil: nobody is.
	OnSession func(engineio.SessionInfo)
	// OnPacket is shown every packet of the transport, as it comes in and once it is
	// queued to be sent, except the transports' own close packets, noops and probes.
	// It must not block; a panic in it is logged. Nil: nobody is.
	OnPacket func(engineio.PacketInfo)

	// Logger gets panics and unexpected errors of handlers as errors, what
	// clients do wrong as debug lines. Nil discards all.
	Logger *slog.Logger
}

// PerMessageDeflate configures the compression of WebSocket messages: see
// engineio.PerMessageDeflate.
type PerMessageDeflate = engineio.PerMessageDeflate

// PacketRate configures how fast a client may send, and what happens if it is faster.
type PacketRate = engineio.PacketRate

// withDefaults returns a copy in which everything that this layer uses is set.
func (o *Options) withDefaults() Options {
	var c Options
	if o != nil {
		c = *o
	}
	durations := []setting[time.Duration]{
		{"PingInterval", &c.PingInterval, 25 * time.Second},
		{"PingTimeout", &c.PingTimeout, 20 * time.Second},
		{"UpgradeTimeout", &c.UpgradeTimeout, 10 * time.Second},
		{"ConnectTimeout", &c.ConnectTimeout, 45 * time.Second},
		{"ReadTimeout", &c.ReadTimeout, 0},
		{"WriteTimeout", &c.WriteTimeout, 10 * time.Second},
		{"AttachmentTimeout", &c.AttachmentTimeout, 10 * time.Second},
	}
	numbers := []setting[int]{
		{"MaxPayload", &c.MaxPayload, 1_000_000},
		{"MaxSessions", &c.MaxSessions, 0},
		{"EventLoops", &c.EventLoops, 0},
		{"MaxHeader", &c.MaxHeader, 0},
		{"CompressionThreshold", &c.CompressionThreshold, 0},
		{"MaxPackets", &c.MaxPackets, 0},
		{"MaxFragments", &c.MaxFragments, 0},
		{"MaxAttachments", &c.MaxAttachments, sio.DefaultLimits.Attachments},
		{"MaxDepth", &c.MaxDepth, sio.DefaultLimits.Depth},
		{"MaxEventName", &c.MaxEventName, sio.DefaultLimits.EventName},
		{"MaxName", &c.MaxName, sio.DefaultLimits.Namespace},
		{"MaxNamespaces", &c.MaxNamespaces, 16},
		{"MaxRooms", &c.MaxRooms, 128},
		{"MaxPendingAcks", &c.MaxPendingAcks, 1_000},
		{"InboxEvents", &c.InboxEvents, 10_000},
		{"InboxBytes", &c.InboxBytes, 1 << 20},
		{"SendQueuePackets", &c.SendQueuePackets, 10_000},
		{"SendQueueBytes", &c.SendQueueBytes, 1 << 20},
	}
	for _, d := range durations {
		d.apply()
	}
	for _, n := range numbers {
		n.apply()
	}
	if c.MaxDepth > sio.MaxDepth {
		panic(fmt.Sprintf("socketio: Options.MaxDepth is above %d", sio.MaxDepth))
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return c
}

// A setting is a field that must not be negative, with its default.
type setting[T int | time.Duration] struct {
	name     string
	value    *T
	fallback T
}

func (s setting[T]) apply() {
	if *s.value < 0 {
		panic("socketio: Options." + s.name + " is negative")
	}
	if *s.value == 0 {
		*s.value = s.fallback
	}
}

// limits is what the parser of packets needs.
func (o *Options) limits() sio.Limits {
	return sio.Limits{
		Attachments: o.MaxAttachments,
		Depth:       o.MaxDepth,
		Namespace:   o.MaxName,
		EventName:   o.MaxEventName,
	}
}

func (o *Options) engine() *engineio.Options {
	return &engineio.Options{
		PingInterval:           o.PingInterval,
		PingTimeout:            o.PingTimeout,
		UpgradeTimeout:         o.UpgradeTimeout,
		ReadTimeout:            o.ReadTimeout,
		WriteTimeout:           o.WriteTimeout,
		Transports:             o.Transports,
		AllowEIO3:              o.AllowEIO3,
		DisableUpgrade:         o.DisableUpgrade,
		DisableHTTPCompression: o.DisableHTTPCompression,
		CompressionThreshold:   o.CompressionThreshold,
		AllowedOrigins:         o.AllowedOrigins,
		AllowOrigin:            o.AllowOrigin,
		AllowLoopbackOrigins:   o.AllowLoopbackOrigins,
		CORS:                   o.CORS,
		Cookie:                 o.Cookie,
		Headers:                o.Headers,
		AllowRequest:           o.AllowRequest,
		GenerateID:             o.GenerateID,
		NodeTag:                o.NodeTag,
		OnConnectionError:      o.OnConnectionError,
		PerMessageDeflate:      o.PerMessageDeflate,
		MaxSessions:            o.MaxSessions,
		MaxHeader:              o.MaxHeader,
		EventLoops:             o.EventLoops,
		MaxPayload:             o.MaxPayload,
		MaxPackets:             o.MaxPackets,
		MaxFragments:           o.MaxFragments,
		SendQueuePackets:       o.SendQueuePackets,
		SendQueueBytes:         o.SendQueueBytes,
		PacketRate:             o.PacketRate,
		OnSession:              o.OnSession,
		OnPacket:               o.OnPacket,
		Logger:                 o.Logger,
	}
}
