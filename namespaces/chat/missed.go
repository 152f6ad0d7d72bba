package chat

import (
	"context"
	"log/slog"
	"slices"

	"parley/namespaces/event"
)

// renew sends the users of each room anew to those clients of this server whose current room it is, in their place between
// who joins and who leaves: of other servers some of that may have been lost. Of their other rooms clients could not tell
// the users apart. It tries until the store is there.
func (c *Chat) renew(ctx context.Context) {
	done := make(map[string]bool)
	event.Retry(ctx, func() error { return c.renewMissing(ctx, done) }, func(err error) {
		c.opts.Logger.LogAttrs(ctx, slog.LevelWarn, "users of rooms not sent anew yet", slog.Any("error", err))
	})
}

// renewMissing sends the users of those rooms anew that are not done. It ends with an error if the store is not there.
func (c *Chat) renewMissing(ctx context.Context, done map[string]bool) error {
	current := make(map[string][]*visitor)
	c.visitors.Range(func(_, at any) bool {
		v := at.(*visitor)
		if room, _, err := v.room(""); err == nil && !done[room] {
			current[room] = append(current[room], v)
		}
		return true
	})
	for room, visitors := range current {
		for _, v := range visitors {
			if ctx.Err() != nil {
				return nil
			}
			told, err := c.retell(ctx, v, room, visitors)
			if event.Unavailable(err) {
				return err
			}
			c.logged(ctx, "users of a room not sent anew", err, slog.String("room", room))
			if told {
				break
			}
		}
		done[room] = true
	}
	return nil
}

// retell tells visitors who is in their room, by letting one of them enter who is there already. It reports false if that one
// is away.
func (c *Chat) retell(ctx context.Context, v *visitor, room string, visitors []*visitor) (told bool, err error) {
	v.presence.Lock()
	defer v.presence.Unlock()
	if v.absent || !c.knows(v) || !slices.Contains(v.joined(), room) {
		return false, nil
	}
	u, _ := v.identity()
	_, err = c.store.Enter(ctx, room, v.id(), u, func(e Entered) {
		if e.First { // another server thought that this one is dead
			c.tellJoined(room, v.id(), u)
		}
		for _, v := range visitors {
			v.seeUsers(room, e.Users)
		}
	})
	if !slices.Contains(v.joined(), room) { // left meanwhile
		c.logged(ctx, "room not left", c.store.Leave(context.WithoutCancel(ctx), room, v.id(), c.tellLeft(room)), slog.String("room", room))
	}
	return true, err
}

// seeUsers shows the users of a room if it is the current one.
func (v *visitor) seeUsers(room string, users []User) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if len(v.rooms) > 0 && v.rooms[len(v.rooms)-1] == room {
		v.socket.Emit("room-users", users)
	}
}
