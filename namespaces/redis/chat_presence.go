package redis

import (
	"context"
	"strings"

	"parley/namespaces/chat"
)

// restore puts a socket back into a room from which it was taken because its node was believed
// to be dead.
func (c *chatStore) restore(ctx context.Context, room, socket string, u chat.User) error {
	return c.db.turns.do(ctx, c.turn(room), false, func(ctx context.Context, h *hold) error {
		if _, there := c.seats.mark(room, socket); !there || c.seats.owed(room, socket) {
			return nil // it has left meanwhile
		}
		e, err := c.enter(ctx, h, room, socket, u)
		if err != nil {
			return err
		}
		if e.First {
			c.joined(room, socket, u)
		}
		c.count(ctx, room, e.Room.UserCount, false)
		return nil
	})
}

// leaveOwed takes a socket out that could not be taken out when it left.
func (c *chatStore) leaveOwed(ctx context.Context, room, socket string) error {
	return c.db.turns.do(ctx, c.turn(room), false, func(ctx context.Context, h *hold) error {
		node, there := c.seats.mark(room, socket)
		if !there || !c.seats.owed(room, socket) {
			return nil // it is back
		}
		err := c.leave(ctx, h, room, node, []string{socket}, func(u chat.User) { c.left(room, u) })
		if err == nil {
			c.seats.remove(room, socket)
		}
		return err
	})
}

// evict takes out all who are in a room through a dead node.
func (c *chatStore) evict(ctx context.Context, room, node string) error {
	return c.seatsOf(ctx, c.db.key("chat", room, "sockets"), node+" ", func(sockets []string) error {
		return c.db.turns.do(ctx, c.turn(room), false, func(ctx context.Context, h *hold) error {
			return c.leave(ctx, h, room, node, sockets, func(u chat.User) { c.left(room, u) })
		})
	})
}

// seatsOf calls f with the fields of a hash whose values begin with a mark, some at a time.
func (c *chatStore) seatsOf(ctx context.Context, key, mark string, f func(sockets []string) error) error {
	var cursor uint64
	for {
		page, next, err := c.db.client.HScan(ctx, key, cursor, "", 256).Result()
		if err != nil {
			return err
		}
		var theirs []string
		for i := 0; i+1 < len(page); i += 2 {
			if strings.HasPrefix(page[i+1]+" ", mark) {
				theirs = append(theirs, page[i])
			}
		}
		if len(theirs) > 0 {
			if err := f(theirs); err != nil {
				return err
			}
		}
		if cursor = next; cursor == 0 {
			return nil
		}
	}
}

func (c *chatStore) userKey(user string) string { return c.db.key("chat-user", user, "sockets") }

// Arrive does not fail: what Redis cannot be told now, it is later.
func (c *chatStore) Arrive(ctx context.Context, userID, socket string) error {
	_ = c.online.alone(userID, socket, func() error { return c.arrive(ctx, userID, socket) })
	return nil
}

func (c *chatStore) arrive(ctx context.Context, userID, socket string) error {
	node, err := c.online.add(ctx, userID, socket, struct{}{})
	if err == nil {
		ctx, cancel := c.db.bounded(ctx)
		defer cancel()
		err = unavailable(c.db.client.HSet(ctx, c.userKey(userID), socket, node).Err())
	}
	if err != nil {
		c.online.lag(userID, socket, struct{}{})
	}
	return err
}

// restoreUser is arrive for a socket that may have gone meanwhile.
func (c *chatStore) restoreUser(ctx context.Context, userID, socket string, _ struct{}) error {
	return c.online.alone(userID, socket, func() error {
		if _, there := c.online.mark(userID, socket); !there || c.online.owed(userID, socket) {
			return nil
		}
		return c.arrive(ctx, userID, socket)
	})
}

// Depart does not fail either.
func (c *chatStore) Depart(ctx context.Context, userID, socket string) error {
	_ = c.online.alone(userID, socket, func() error {
		err := c.depart(ctx, userID, socket)
		if err != nil {
			c.online.owe(userID, socket)
		}
		return err
	})
	return nil
}

// departOwed is depart for a socket that may be back.
func (c *chatStore) departOwed(ctx context.Context, userID, socket string) error {
	return c.online.alone(userID, socket, func() error {
		if !c.online.owed(userID, socket) {
			return nil
		}
		return c.depart(ctx, userID, socket)
	})
}

func (c *chatStore) depart(ctx context.Context, userID, socket string) error {
	node, there := c.online.mark(userID, socket)
	if !there {
		return nil
	}
	if _, err := c.db.run(ctx, scriptSeat, []string{c.userKey(userID)}, node, socket); err != nil {
		return err
	}
	c.online.remove(userID, socket)
	return nil
}

func (c *chatStore) evictUser(ctx context.Context, user, node string) error {
	key := c.userKey(user)
	return c.seatsOf(ctx, key, node+" ", func(sockets []string) error {
		args := []any{node}
		for _, s := range sockets {
			args = append(args, s)
		}
		_, err := c.db.run(ctx, scriptSeat, []string{key}, args...)
		return err
	})
}

func (c *chatStore) Online(ctx context.Context, userID string) (bool, error) {
	ctx, cancel := c.db.bounded(ctx)
	defer cancel()
	n, err := c.db.client.Exists(ctx, c.userKey(userID)).Result()
	return n > 0, unavailable(err)
}
