// Package notifications is the namespace /notifications: what a user should know, on
// every device, kept until it has been read, also while the user is away.
//
// Services send in Go, by the Notify methods, or over HTTP, by Handler.
package notifications

import (
	"context"
	"log/slog"

	"parley/namespaces/event"
	"parley/namespaces/identity"
	"parley/server/socketio"
)

// Notifications is the namespace on one server.
type Notifications struct {
	srv   *socketio.Server
	ns    *socketio.Namespace
	gate  *identity.Gate
	store Store
	opts  Options
}

// Mount adds /notifications to srv, behind gate. In open mode clients that have not
// said who they are get what is for a room or for everyone, and have no list.
func Mount(srv *socketio.Server, gate *identity.Gate, opts *Options) *Notifications {
	n := &Notifications{srv: srv, ns: srv.Of("/notifications"), gate: gate, opts: opts.WithDefaults()}
	n.store = n.opts.Store
	if n.store == nil {
		n.store = NewMemory(&n.opts)
	}
	if shared, ok := n.store.(Shared); ok {
		shared.Watch(n.count)
		n.ns.OnMissed(func(context.Context) { shared.Recount() })
	}
	if n.opts.Recovery > 0 {
		n.ns.EnableRecovery(socketio.Recovery{Window: n.opts.Recovery, User: userOf})
	}
	gate.Guard(n.ns)
	n.ns.OnConnect(n.connected)
	n.ns.OnDisconnect(n.disconnected)
	event.Handle(n.ns, "list", n.opts.EventBytes, n.list)
	event.Handle(n.ns, "mark-read", n.opts.EventBytes, n.markRead)
	event.Handle(n.ns, "join-room", n.opts.EventBytes, n.joinRoom)
	event.Handle(n.ns, "leave-room", n.opts.EventBytes, n.leaveRoom)
	return n
}

// userKey tells other servers whose socket it is.
var userKey = socketio.NewSharedKey[string]("userId")

// userOf returns the id of the user behind a socket, nothing for somebody unknown.
func userOf(s *socketio.Socket) string {
	p, _ := identity.Of(s)
	return p.UserID
}

type unreadCount struct {
	Count int `json:"count"`
}

func (n *Notifications) connected(ctx context.Context, s *socketio.Socket) {
	user := userOf(s)
	if user == "" {
		return
	}
	if _, shared := n.store.(Shared); shared { // what other servers tell it from the count on must come
		n.enter(s, user)
		event.Subscribed(ctx, n.ns, event.UserRoom+user)
	}
	err := n.store.Arrive(ctx, user, s.ID(), func(unread int) {
		n.enter(s, user)
		_ = s.Emit("unread-count", unreadCount{unread})
	})
	if err != nil {
		n.opts.Logger.LogAttrs(ctx, slog.LevelError, "notifications of a user not counted", slog.Any("error", err))
	}
}

// enter lets a socket get what is for its user. One that is gone meanwhile needs it not.
func (n *Notifications) enter(s *socketio.Socket, user string) {
	_ = userKey.Set(s, user) // a string is always JSON
	_ = s.Join(event.UserRoom + user)
}

func (n *Notifications) disconnected(ctx context.Context, s *socketio.Socket, _ socketio.Reason) {
	if _, arrived := userKey.Get(s); !arrived {
		return
	}
	// However the connection ended, the store must hear of it.
	if err := n.store.Depart(context.WithoutCancel(ctx), userOf(s), s.ID()); err != nil {
		n.opts.Logger.LogAttrs(ctx, slog.LevelError, "user not disconnected from notifications", slog.Any("error", err))
	}
}
