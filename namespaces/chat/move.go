package chat

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"

	"parley/server/socketio"
)

// luggage is what a visitor takes along who comes back to another server.
type luggage struct {
	User  User     `json:"user"`
	Rooms []string `json:"rooms"` // in the order they were joined
}

var luggages = socketio.NewSharedKey[luggage]("parley:chat")

// moved makes a visitor of a client that comes back from another server, perhaps one in Node, where it was in rooms.
func (c *Chat) moved(ctx context.Context, v *visitor) {
	v.presence.Lock()
	defer v.presence.Unlock()
	was, _ := luggages.Get(v.socket)
	u, known := c.handshakeUser(v.socket)
	if v.fixed = known; !known {
		u, known = was.User, was.User.UserID != ""
	}
	rooms := v.socket.Rooms()
	slices.SortFunc(rooms, func(a, b string) int { return slices.Index(was.Rooms, a) - slices.Index(was.Rooms, b) })
	if known {
		if err := c.become(ctx, v, u); err != nil {
			c.opts.Logger.LogAttrs(ctx, slog.LevelError, "user not online", slog.Any("error", err))
			known = false
		}
	}
	for _, room := range rooms {
		switch {
		case known && room == userRoom+u.UserID:
		case !known || strings.HasPrefix(room, userRoom) || !c.exists(ctx, room):
			v.socket.Leave(room)
		default:
			v.enter(room)
			c.reenter(ctx, v, room)
		}
	}
}

// exists reports whether a room has not been deleted meanwhile.
func (c *Chat) exists(ctx context.Context, room string) bool {
	_, err := c.store.History(ctx, room, "", 1)
	return !errors.Is(err, ErrNoRoom)
}
