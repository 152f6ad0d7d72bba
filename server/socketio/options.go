package socketio

import (
	"fmt"
	"log/slog"
	"time"

	"parley/server/engineio"
	"parley/server/wire/sio"
)

// Options configures a Server. Zero means the default that stands beside each
// field, and never "unlimited"; New panics with the field's name if a value is
// impossible.
type Options struct {
	// PingInterval is the time between two pings of the server. 25 s.
	PingInterval time.Duration
	// PingTimeout is how long the answer to a ping may take. 20 s.
	PingTimeout time.Duration
	// UpgradeTimeout is how long an upgrade from polling to WebSocket may
	// take. 10 s.
	UpgradeTimeout time.Duration
	// ConnectTimeout is how long a client may stay without having joined any
	// namespace. 45 s.
	ConnectTimeout time.Duration
	// ReadTimeout is how long a client may take to finish a message or a
	// request that it began. The engine's default.
	ReadTimeout time.Duration
	// WriteTimeout is how long a client may take to read what was written for
	// it. The engine's default.
	WriteTimeout time.Duration

	// Transports are those offered: "polling", "websocket". Both.
	Transports []string
	// AllowEIO3 admits socket.io-client 1.x and 2.x, which speak Engine.IO 3.
	// They work out the ids of their sockets from that of the session, and so,
	// as in Node, does the server: "<sid>" in "/", "<namespace>#<sid>"
	// elsewhere. The session's id is a secret: who knows it can speak for a
	// client that polls. Do not show the ids of such sockets to other clients.
	AllowEIO3 bool
	// DisableUpgrade keeps clients on the transport that they began with.
	DisableUpgrade bool
	// AllowedOrigins are the origins, besides the server's own, whose pages
	// may connect; "*" stands for all. None.
	AllowedOrigins []string
	// AllowLoopbackOrigins lets pages from this machine connect, whatever
	// their port. For development.
	AllowLoopbackOrigins bool

	// EventLoops is the number of goroutines that read and write the plain TCP
	// connections, on Linux. The engine's default.
	EventLoops int
	// MaxSessions bounds the clients at one time; further ones get status 503.
	// The engine's default.
	MaxSessions int
	// MaxPayload bounds one incoming message or polling request, in bytes; and
	// the attachments of one packet together. 1,000,000.
	MaxPayload int
	// MaxPackets bounds the packets in one polling request. The engine's
	// default.
	MaxPackets int
	// MaxFragments bounds the fragments of one WebSocket message. The engine's
	// default.
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
	// MaxPendingAcks bounds how many Calls wait for one socket. 1,000.
	MaxPendingAcks int

	// InboxEvents and InboxBytes bound the events of a socket that wait for
	// their handlers. Where one is passed the client is not read from until
	// half is handled, so nothing is lost. 10,000 and 1 MiB.
	InboxEvents int
	InboxBytes  int
	// SendQueuePackets and SendQueueBytes bound what waits to be sent to one
	// client. A client that reads so slowly that one is passed is closed with
	// ReasonSlow. 10,000 and 1 MiB.
	SendQueuePackets int
	SendQueueBytes   int

	// Logger gets panics and unexpected errors of handlers as errors, what
	// clients do wrong as debug lines. Nil discards all.
	Logger *slog.Logger
}

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
		{"WriteTimeout", &c.WriteTimeout, 0},
		{"AttachmentTimeout", &c.AttachmentTimeout, 10 * time.Second},
	}
	numbers := []setting[int]{
		{"MaxPayload", &c.MaxPayload, 1_000_000},
		{"MaxSessions", &c.MaxSessions, 0},
		{"EventLoops", &c.EventLoops, 0},
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
		PingInterval:         o.PingInterval,
		PingTimeout:          o.PingTimeout,
		UpgradeTimeout:       o.UpgradeTimeout,
		ReadTimeout:          o.ReadTimeout,
		WriteTimeout:         o.WriteTimeout,
		Transports:           o.Transports,
		AllowEIO3:            o.AllowEIO3,
		DisableUpgrade:       o.DisableUpgrade,
		AllowedOrigins:       o.AllowedOrigins,
		AllowLoopbackOrigins: o.AllowLoopbackOrigins,
		MaxSessions:          o.MaxSessions,
		EventLoops:           o.EventLoops,
		MaxPayload:           o.MaxPayload,
		MaxPackets:           o.MaxPackets,
		MaxFragments:         o.MaxFragments,
		SendQueuePackets:     o.SendQueuePackets,
		SendQueueBytes:       o.SendQueueBytes,
		Logger:               o.Logger,
	}
}
