// Package chat is the namespace /chat: rooms with a history, typing, direct messages, and who is there.
//
// Where tokens are asked for a user is who the token says. In open mode a client says who it is, in the handshake or when
// it joins, and is believed.
package chat

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"parley/namespaces/event"
	"parley/namespaces/identity"
	"parley/server/socketio"
)

// Namespace is the name of the namespace.
const Namespace = "/chat"

// Chat is the namespace on one server.
type Chat struct {
	ns       *socketio.Namespace
	store    Store
	opts     Options
	ids      *event.IDs // for what no store keeps
	visitors sync.Map   // socket id → *visitor, of this server
}

var visitors = socketio.NewKey[*visitor]("chat visitor")

// Mount adds /chat to srv, behind gate.
func Mount(srv *socketio.Server, gate *identity.Gate, opts *Options) *Chat {
	c := &Chat{ns: srv.Of(Namespace), opts: opts.WithDefaults(), ids: event.NewIDs(time.Now)}
	c.store = c.opts.Store
	if c.store == nil {
		c.store = newMemory(c.opts, time.Now)
	}
	if w, ok := c.store.(Watched); ok {
		w.Watch(func(room string, u User) { c.tellLeft(room)(u) }, c.tellJoined)
	}
	if c.opts.Recovery > 0 {
		c.ns.EnableRecovery(socketio.Recovery{Window: c.opts.Recovery, User: c.sessionUser})
	}
	gate.Guard(c.ns)
	c.ns.OnConnect(c.connected)
	c.ns.OnDisconnect(c.lost)
	c.ns.OnGone(c.gone)
	c.ns.OnMissed(c.renew)

	handle(c, "join", c.join)
	handle(c, "leave", c.leave)
	handle(c, "chat-message", c.message)
	handle(c, "direct-message", c.direct)
	handle(c, "typing", c.typing)
	handle(c, "history", c.history)
	handle(c, "create-room", c.createRoom)
	handle(c, "delete-room", c.deleteRoom)
	socketio.OnAck(c.ns, "rooms", c.rooms)
	socketio.OnServerSide(c.ns, serverDeleted, c.deletedElsewhere)
	return c
}

func (c *Chat) connected(ctx context.Context, s *socketio.Socket) {
	if v, ok := visitors.Get(s); ok {
		c.returned(ctx, v, s)
		return
	}
	v := &visitor{socket: s}
	visitors.Set(s, v)
	c.visitors.Store(s.ID(), v)
	if s.Recovered() {
		c.moved(ctx, v)
		return
	}
	if u, ok := c.handshakeUser(s); ok {
		v.fixed = true
		if err := c.become(ctx, v, u); err != nil {
			c.opts.Logger.LogAttrs(ctx, slog.LevelError, "user not online", slog.Any("error", err))
		}
	}
}

// echo is where a broadcast of s to a room goes: a client that waits for an acknowledgement shows what it sent by itself,
// any other gets it like everyone else, and if it is not in the room it must be added to the target.
func (c *Chat) echo(ctx context.Context, s *socketio.Socket, room string) socketio.Target {
	if socketio.HasAck(ctx) {
		return s.To(room)
	}
	return c.ns.In(room)
}
