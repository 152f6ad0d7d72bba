package redis

import (
	"context"
	"errors"
	"time"

	"github.com/go-json-experiment/json"

	"parley/namespaces/chat"
	"parley/namespaces/event"
)

// chatStore is the chat.Store of all nodes.
type chatStore struct {
	db   *DB
	opts chat.Options
	ids  *event.IDs

	miscounted miscounted

	seats  *places[chat.User]             // in rooms
	online *places[struct{}]              // of users
	posts  posts                          // that wait for their room's turn
	left   func(room string, u chat.User) // see chat.Watched
	joined func(room, socket string, u chat.User)
}

var (
	_ chat.Store   = (*chatStore)(nil)
	_ chat.Watched = (*chatStore)(nil)
)

var (
	scriptEnter   = script("chat_enter")
	scriptLeave   = script("chat_leave")
	scriptHistory = script("chat_history")
	scriptDelete  = script("chat_delete")
	scriptSeat    = script("seat_drop")
)

// Chat returns the Store for chat.Options, with the limits of opts, those of rooms for all
// nodes together. An empty room that has a history makes way when there are too many
// rooms; one of create-room never does. To be called once.
func (db *DB) Chat(opts *chat.Options) chat.Store {
	c := &chatStore{db: db, opts: opts.WithDefaults(), ids: event.NewIDs(time.Now)}
	c.Watch(func(string, chat.User) {}, func(string, string, chat.User) {})
	c.miscounted.rooms = make(map[string]struct{})
	c.posts.waiting = make(map[string][]*post)
	c.posts.unsure.max, c.posts.lost.max = maxUnsure, maxUnsure
	c.seats = newPlaces(db, "chat", placeHooks[chat.User]{restore: c.restore, leave: c.leaveOwed, evict: c.evict, mended: c.recount})
	c.online = newPlaces(db, "chat-user", placeHooks[struct{}]{
		restore: c.restoreUser, leave: c.departOwed, evict: c.evictUser,
	})
	return c
}

func (c *chatStore) Watch(left func(room string, u chat.User), joined func(room, socket string, u chat.User)) {
	c.left, c.joined = left, joined
}

func (c *chatStore) turn(room string) turnKey {
	return turnKey{namespace: chat.Namespace, room: room, name: room}
}

// keys returns the keys of parts of a room.
func (c *chatStore) keys(room string, parts ...string) []string {
	keys := make([]string, len(parts))
	for i, part := range parts {
		keys[i] = c.db.key("chat", room, part)
	}
	return keys
}

// allParts are the parts of a room.
var allParts = []string{"room", "users", "names", "sockets", "messages", "keys", "sent"}

func (c *chatStore) Enter(ctx context.Context, room, socket string, u chat.User, publish func(chat.Entered)) (e chat.Entered, err error) {
	_, there := c.seats.mark(room, socket)
	there = there && !c.seats.owed(room, socket)
	defer func() { c.unseat(room, socket, u, there, err) }()
	err = c.db.turns.do(ctx, c.turn(room), true, func(ctx context.Context, h *hold) error {
		e, err = c.enter(ctx, h, room, socket, u)
		if err != nil {
			return err
		}
		publish(e)
		c.count(ctx, room, e.Room.UserCount, false)
		return nil
	})
	return e, err
}

// unseat takes a socket out again that could not enter, or of which that is not known. One
// that was there before stays.
func (c *chatStore) unseat(room, socket string, u chat.User, there bool, err error) {
	switch {
	case err == nil:
	case !errors.Is(err, errUnavailable):
		c.seats.remove(room, socket)
	case there:
		c.seats.lag(room, socket, u)
	default:
		c.seats.owe(room, socket)
	}
}

// enter puts a socket in and returns what the room is at a moment after which nobody else has
// changed it.
func (c *chatStore) enter(ctx context.Context, h *hold, room, socket string, u chat.User) (e chat.Entered, err error) {
	first := false
	for {
		if e, err = c.tryEnter(ctx, room, socket, u, nil); err != nil {
			return e, err
		}
		first = first || e.First
		e.First = first
		if kept, err := h.regain(ctx); kept || err != nil {
			return e, err
		}
	}
}

// tryEnter is chat_enter. It makes a room that is not there as the list of rooms knows it.
func (c *chatStore) tryEnter(ctx context.Context, room, socket string, u chat.User, made *listed) (e chat.Entered, err error) {
	node, err := c.seats.add(ctx, room, socket, u)
	if err != nil {
		return e, err
	}
	args := []any{c.db.op(), socket, node, u.UserID, u.Username, c.opts.ListedUsers, c.opts.JoinHistory}
	if made != nil {
		args = append(args, made.Name, made.Creator, made.CreatedAt, flag(made.Made))
	}
	v, err := c.db.run(ctx, scriptEnter, c.keys(room, "room", "users", "names", "sockets", "messages"), args...)
	if err != nil {
		return e, err
	}
	r := reply{v}
	if r.at(0).int() == 0 {
		_, at := c.ids.Next()
		l, err := c.list(ctx, room, listed{Name: room, Creator: u.UserID, CreatedAt: at})
		if err != nil {
			return e, err
		}
		return c.tryEnter(ctx, room, socket, u, &l)
	}
	e.First = r.at(1).int() == 1
	e.Room = chat.Room{ID: room, Name: r.at(2).text(), CreatedAt: r.at(3).text(), UserCount: r.at(5).int()}
	ids, names := r.at(6).texts(), r.at(7).texts()
	e.Users = make([]chat.User, len(ids))
	for i := range ids {
		e.Users[i] = chat.User{UserID: ids[i], Username: names[i]}
	}
	e.Messages, err = messages(r.at(8).texts())
	return e, err
}

// messages reads messages as they are kept.
func messages(texts []string) ([]chat.Message, error) {
	list := make([]chat.Message, len(texts))
	for i, text := range texts {
		if err := json.Unmarshal([]byte(text), &list[i]); err != nil {
			return nil, unavailable(err)
		}
	}
	return list, nil
}

// Leave does not fail: what Redis cannot be told now, it is later, and then left is told.
func (c *chatStore) Leave(ctx context.Context, room, socket string, publish func(chat.User)) error {
	if _, there := c.seats.mark(room, socket); !there {
		return nil
	}
	err := c.db.turns.do(ctx, c.turn(room), false, func(ctx context.Context, h *hold) error {
		node, there := c.seats.mark(room, socket)
		if !there {
			return nil
		}
		err := c.leave(ctx, h, room, node, []string{socket}, publish)
		if err == nil {
			c.seats.remove(room, socket) // in the turn: whoever has the next may put it in again
		}
		return err
	})
	if err != nil {
		c.seats.owe(room, socket)
	}
	return nil
}

// leave takes sockets of a node out, in the room's turn.
func (c *chatStore) leave(ctx context.Context, h *hold, room, node string, sockets []string, publish func(chat.User)) error {
	args := []any{c.db.op(), node}
	for _, s := range sockets {
		args = append(args, s)
	}
	v, err := c.db.run(ctx, scriptLeave, c.keys(room, allParts...), args...)
	if err != nil {
		return err
	}
	r := reply{v}
	ids, names := r.at(3).texts(), r.at(4).texts()
	if len(ids) > 0 {
		h.regain(ctx) // without it, better out of order than not at all
	}
	for i := range ids {
		publish(chat.User{UserID: ids[i], Username: names[i]})
	}
	if r.at(0).int() == 0 {
		c.unlist(ctx, room)
	} else if len(ids) > 0 {
		c.count(ctx, room, r.at(1).int(), r.at(2).text() == "1")
	}
	return nil
}

func (c *chatStore) History(ctx context.Context, room, before string, limit int) (chat.Page, error) {
	v, err := c.db.run(ctx, scriptHistory, c.keys(room, "room", "messages"), before, limit)
	if err != nil {
		return chat.Page{}, err
	}
	r := reply{v}
	if r.at(0).int() == 0 {
		return chat.Page{}, chat.ErrNoRoom
	}
	list, err := messages(r.at(2).texts())
	return chat.Page{Messages: list, More: r.at(1).int() == 1}, err
}

func (c *chatStore) Delete(ctx context.Context, room, userID string, publish func(sockets []string)) error {
	return c.db.turns.do(ctx, c.turn(room), false, func(ctx context.Context, h *hold) error {
		v, err := c.db.run(ctx, scriptDelete, c.keys(room, append(allParts[:len(allParts):len(allParts)], "deleted")...), c.db.op(), userID)
		if err != nil {
			return err
		}
		switch r := (reply{v}); r.at(0).int() {
		case 0:
			c.unlist(ctx, room)
			return chat.ErrNoRoom
		case 1:
			return chat.ErrNotCreator
		default:
			h.regain(ctx) // without it, better out of order than not at all
			c.seats.drop(room)
			publish(r.at(1).texts())
			c.unlist(ctx, room)
			return nil
		}
	})
}
