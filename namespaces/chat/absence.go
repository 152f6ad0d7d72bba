package chat

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"time"

	"parley/server/socketio"
)

// A client that has lost its connection may come back for as long as its state is kept. The others see its user in the rooms
// for a moment longer only: most losses are over by then, and who is away for longer is not there.

// lost runs when a connection has ended.
func (c *Chat) lost(ctx context.Context, s *socketio.Socket, why socketio.Reason) {
	v, ok := visitors.Get(s)
	if !ok || c.opts.Recovery == 0 {
		return
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	c.logged(ctx, "visitor cannot move", luggages.Set(s, luggage{v.user, slices.Clone(v.rooms)}))
	if why == socketio.ReasonServerShutdown {
		return // who comes back does so to another server, whose Store takes out the others
	}
	v.leaving = time.AfterFunc(c.opts.Grace, func() { c.vanish(v) })
}

// vanish takes a visitor who has not come back in a moment out of its rooms, for the others.
func (c *Chat) vanish(v *visitor) {
	v.presence.Lock()
	defer v.presence.Unlock()
	if !v.waits() || !c.knows(v) {
		return
	}
	ctx := context.Background()
	for _, room := range v.joined() {
		c.logged(ctx, "room not left", c.store.Leave(ctx, room, v.id(), c.tellLeft(room)), slog.String("room", room))
	}
	v.absent = true
	v.mu.Lock()
	defer v.mu.Unlock()
	// OnGone comes before, unless other servers take over sessions: then this one need not hear of the end.
	v.leaving = time.AfterFunc(c.opts.Recovery+time.Minute, func() { c.forget(v) })
}

// forget ends what this server knows of a visitor who has not come back to it.
func (c *Chat) forget(v *visitor) {
	v.presence.Lock()
	defer v.presence.Unlock()
	if !v.waits() || !c.knows(v) {
		return
	}
	c.visitors.Delete(v.id())
	if u, ok := v.identity(); ok {
		ctx := context.Background()
		c.logged(ctx, "user not offline", c.store.Depart(ctx, u.UserID, v.id()))
	}
}

// knows reports whether a visitor is the one of its socket's id: a client may have been at another server meanwhile.
func (c *Chat) knows(v *visitor) bool {
	there, _ := c.visitors.Load(v.id())
	return there == v
}

// returned gives a visitor the socket with which the client has come back, and its places in the rooms.
func (c *Chat) returned(ctx context.Context, v *visitor, s *socketio.Socket) {
	v.presence.Lock()
	defer v.presence.Unlock()
	v.waits()
	v.back(s)
	if !v.absent {
		return
	}
	v.absent = false
	for _, room := range v.joined() {
		c.reenter(ctx, v, room)
	}
}

// reenter puts a visitor back into a room that it is in for itself.
func (c *Chat) reenter(ctx context.Context, v *visitor, room string) {
	u, _ := v.identity()
	_, err := c.store.Enter(ctx, room, v.id(), u, func(e Entered) {
		if e.First {
			c.tellJoined(room, v.id(), u)
		}
	})
	if err != nil {
		v.leave(room)
		_ = c.store.Leave(ctx, room, v.id(), c.tellLeft(room)) // the Store may have kept its place
	}
	c.logged(ctx, "room not entered again", err, slog.String("room", room))
}

// gone runs when a client does not come back any more.
func (c *Chat) gone(ctx context.Context, s *socketio.Socket) {
	v, ok := visitors.Get(s)
	if !ok {
		return
	}
	v.presence.Lock()
	defer v.presence.Unlock()
	if v.waits(); !c.knows(v) {
		return
	}
	c.visitors.Delete(s.ID())
	ctx = context.WithoutCancel(ctx) // the others must hear of it, however the connection ended
	for _, room := range v.joined() {
		v.leave(room)
		if !v.absent {
			c.logged(ctx, "room not left", c.store.Leave(ctx, room, s.ID(), c.tellLeft(room)), slog.String("room", room))
		}
	}
	if u, ok := v.identity(); ok {
		c.logged(ctx, "user not offline", c.store.Depart(ctx, u.UserID, s.ID()))
	}
}

// forgetAbsent takes those out of a deleted room who are not in it for the others.
func (c *Chat) forgetAbsent(room string) {
	c.visitors.Range(func(_, v any) bool {
		v.(*visitor).leave(room)
		return true
	})
}

func (c *Chat) logged(ctx context.Context, what string, err error, about ...slog.Attr) {
	if err != nil && !errors.Is(err, ErrNoRoom) {
		c.opts.Logger.LogAttrs(ctx, slog.LevelError, what, append(about, slog.Any("error", err))...)
	}
}

// waits ends the moment in which a visitor may come back unnoticed, and reports whether it was not over.
func (v *visitor) waits() bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	waited := v.leaving != nil
	if waited {
		v.leaving.Stop()
		v.leaving = nil
	}
	return waited
}

func (v *visitor) id() string {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.socket.ID()
}
