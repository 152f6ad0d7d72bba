package main

import (
	"log/slog"
	"net/http"
	"time"

	"parley/namespaces/chat"
	"parley/namespaces/disk"
	"parley/namespaces/documents"
	"parley/namespaces/event"
	"parley/namespaces/identity"
	"parley/namespaces/limits"
	"parley/namespaces/notifications"
	"parley/namespaces/plain"
	"parley/namespaces/pubsub"
	"parley/server/engineio"
	"parley/server/socketio"
)

// roomsPerClient is how many rooms of a namespace a client may be in, besides the one that each user has.
const roomsPerClient = 128

// maxDepth lets through whatever fits into an event of the largest size, so that a namespace answers it; the library's default
// would close the connection.
const maxDepth = event.MaxBytes / 2

// newServer makes the server, with the limits that are not a namespace's.
func newServer(c *config, shared *shared, forward *forwarding, m *metrics, log *slog.Logger) *socketio.Server {
	o := &socketio.Options{
		PingInterval:         c.pingInterval,
		PingTimeout:          c.pingTimeout,
		ConnectTimeout:       c.connectTimeout,
		Transports:           c.transports,
		AllowedOrigins:       c.origins,
		AllowLoopbackOrigins: !c.keys.given(),
		MaxPayload:           c.maxPayload,
		MaxDepth:             maxDepth,
		AllowEIO3:            c.allowEIO3,
		MaxRooms:             roomsPerClient + 1,
		OnConnectionError:    m.refused,
		OnSession:            m.session,
		Logger:               log,
	}
	if c.eventRate > 0 {
		o.PacketRate = &socketio.PacketRate{PerSecond: c.eventRate, Burst: 2 * c.eventRate}
	}
	shared.configure(o)
	forward.configure(o)
	if c.connectionsPerIP > 0 {
		boundAddresses(o, c.connectionsPerIP, log)
	}
	return socketio.New(o)
}

// boundAddresses gives each address so many connections.
func boundAddresses(o *socketio.Options, most int, log *slog.Logger) {
	addresses := limits.NewAddresses(limits.AddressOptions{
		Most: most, PerSecond: max(1, most/50), Burst: max(1, most/5), Logger: log,
	})
	o.AllowRequest = func(r *http.Request) error { return addresses.Admit(r.RemoteAddr) }
	next := o.OnSession
	o.OnSession = func(i engineio.SessionInfo) {
		switch i.Change {
		case engineio.SessionOpened:
			addresses.Opened(i.RemoteAddr)
		case engineio.SessionClosed:
			addresses.Closed(i.RemoteAddr)
		}
		next(i)
	}
}

// An application is the server and what it serves besides Socket.IO.
type application struct {
	srv           *socketio.Server
	notifications *notifications.Notifications
	hub           *plain.Hub
	shared        *shared     // nil: this node is alone
	forward       *forwarding // nil: nobody passes requests on
}

// newApplication mounts the namespaces.
func newApplication(c *config, gate *identity.Gate, data *disk.File, shared *shared, forward *forwarding, m *metrics, log *slog.Logger) *application {
	srv := newServer(c, shared, forward, m, log)
	m.namespace(srv.Of("/"))
	srv.OnNamespace(m.namespace)
	var rate, directRate limits.Rate // nil: no limit
	if c.rateLimit > 0 {
		rate = m.rate(shared.rate("rooms", c.rateLimit, time.Minute))
		directRate = m.rate(shared.rate("direct", c.rateLimit, time.Minute))
	}
	chat.Mount(srv, gate, shared.chat(&chat.Options{
		RoomsPerSocket: roomsPerClient, Recovery: c.recovery, Rate: rate, DirectRate: directRate, Keeper: data.Chat(), Logger: log,
	}))
	documents.Mount(srv, gate, shared.documents(&documents.Options{Recovery: c.recovery, Keeper: data.Documents(), Logger: log}))
	pubsub.Mount(srv, gate, &pubsub.Options{Recovery: c.recovery})
	return &application{
		srv: srv,
		notifications: notifications.Mount(srv, gate, shared.notifications(&notifications.Options{
			Recovery: c.recovery, Keeper: data.Notifications(), Logger: log,
		})),
		hub:     plain.New(srv, gate, shared.plain(&plain.Options{Rate: rate, Logger: log})),
		shared:  shared,
		forward: forward,
	}
}
