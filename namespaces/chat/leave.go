package chat

import (
	"context"

	"parley/namespaces/event"
)

type leaveRequest struct {
	RoomID string `json:"roomId"`
}

func (c *Chat) leave(ctx context.Context, v *visitor, in leaveRequest) (event.Done, error) {
	room, _, err := v.room(in.RoomID)
	if err != nil {
		return event.Done{}, err
	}
	return event.Done{OK: true}, c.exit(ctx, v, room)
}

// exit takes a socket out of a room. Who leaves hears nothing more from it, also not that they left.
func (c *Chat) exit(ctx context.Context, v *visitor, room string) error {
	v.leave(room)
	return c.store.Leave(ctx, room, v.socket.ID(), c.tellLeft(room))
}

// tellJoined tells the others in a room that a user has joined it with a socket.
func (c *Chat) tellJoined(room, socket string, u User) {
	c.ns.In(room).Except(socket).Emit("user-joined", presence{room, u, event.Now()})
}

// tellLeft tells a room that a user has left it.
func (c *Chat) tellLeft(room string) func(User) {
	return func(u User) { c.ns.In(room).Emit("user-left", presence{room, u, event.Now()}) }
}
