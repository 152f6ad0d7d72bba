package redis

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"
	"sync"

	"github.com/go-json-experiment/json"
	"github.com/redis/go-redis/v9"

	"parley/namespaces/chat"
)

var (
	scriptEvict       = script("chat_evict")
	scriptRoomsAdd    = script("chats_add")
	scriptRoomsSet    = script("chats_set")
	scriptRoomsRemove = script("chats_remove")
	scriptRoomsList   = script("chats_list")
)

// listed is what the list of all rooms, in a slot of its own, says about one.
type listed struct {
	Name      string `json:"name"`
	Creator   string `json:"creator"`
	CreatedAt string `json:"createdAt"`
	Made      bool   `json:"made"` // by create-room
}

func (c *chatStore) listKeys() []string {
	keys := make([]string, 0, 4)
	for _, part := range []string{"users", "rooms", "empty", "made"} {
		keys = append(keys, c.db.key("chats", "", part))
	}
	return keys
}

// list adds a room to the list, for which an empty one may have to go, and returns what the list
// says about it.
func (c *chatStore) list(ctx context.Context, room string, l listed) (listed, error) {
	info, err := json.Marshal(l)
	if err != nil {
		return l, err
	}
	tooMany := &chat.LimitError{What: "Too many rooms", Max: c.opts.Rooms}
	for range 10 { // others may take the place of one that went
		v, err := c.db.run(ctx, scriptRoomsAdd, c.listKeys(), room, info, l.Creator, flag(l.Made), c.opts.Rooms, c.opts.RoomsPerUser)
		if err != nil {
			return l, err
		}
		switch r := (reply{v}); r.at(0).int() {
		case 0:
			return l, unavailable(json.Unmarshal([]byte(r.at(1).text()), &l))
		case 1:
			return l, tooMany
		case 2:
			return l, &chat.LimitError{What: "Too many rooms made by this user", Max: c.opts.RoomsPerUser}
		default:
			if err := c.evictRoom(ctx, r.at(1).text()); err != nil {
				return l, err
			}
		}
	}
	return l, tooMany
}

// evictRoom deletes a room if it is empty, as the list of rooms says.
func (c *chatStore) evictRoom(ctx context.Context, room string) error {
	v, err := c.db.run(ctx, scriptEvict, c.keys(room, allParts...))
	if err != nil {
		return err
	}
	if r := (reply{v}); r.at(0).int() == 0 {
		c.count(ctx, room, r.at(1).int(), true)
	} else {
		c.unlist(ctx, room)
	}
	return nil
}

// count tells the list how many users a room has.
func (c *chatStore) count(ctx context.Context, room string, users int, stays bool) {
	known, err := c.tell(ctx, room, users, stays)
	if err == nil && !known {
		err = c.relist(ctx, room)
	}
	if err != nil {
		c.miscounted.add(room)
	}
}

// tell is count for a room that is on the list. It reports whether it is.
func (c *chatStore) tell(ctx context.Context, room string, users int, stays bool) (known bool, err error) {
	v, err := c.db.run(ctx, scriptRoomsSet, c.listKeys(), room, users, flag(stays))
	return reply{v}.int() == 1, err
}

// unlist takes a room that is gone off the list.
func (c *chatStore) unlist(ctx context.Context, room string) {
	_, err := c.db.run(ctx, scriptRoomsRemove, c.listKeys(), room)
	if err == nil {
		err = c.relist(ctx, room)
	}
	if err != nil {
		c.miscounted.add(room)
	}
}

// relist puts a room on the list if it is there: who found it gone may not have been quick enough, and somebody has made
// it again.
func (c *chatStore) relist(ctx context.Context, room string) error {
	ctx, cancel := c.db.bounded(ctx)
	defer cancel()
	keys := c.keys(room, "room", "users")
	about, err := c.db.client.HMGet(ctx, keys[0], "name", "creator", "created", "made").Result()
	if err != nil {
		return unavailable(err)
	}
	text := func(i int) string { return reply{about[i]}.text() }
	if text(0) == "" {
		return nil
	}
	l := listed{Name: text(0), Creator: text(1), CreatedAt: text(2), Made: text(3) == "1"}
	if _, err := c.list(ctx, room, l); err != nil {
		return err
	}
	users, err := c.db.client.ZCard(ctx, keys[1]).Result()
	if err == nil {
		_, err = c.tell(ctx, room, int(users), l.Made)
	}
	return unavailable(err)
}

// miscounted are rooms of which the list could not be told.
type miscounted struct {
	mu    sync.Mutex
	rooms map[string]struct{}
}

// maxMiscounted bounds them. Of any further one the list knows more when somebody comes or goes.
const maxMiscounted = 10_000

func (m *miscounted) add(room string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.rooms) < maxMiscounted {
		m.rooms[room] = struct{}{}
	}
}

func (m *miscounted) take() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	rooms := slices.Collect(maps.Keys(m.rooms))
	m.rooms = make(map[string]struct{})
	return rooms
}

// recount tells the list about rooms of which it could not be told.
func (c *chatStore) recount(ctx context.Context) error {
	rooms := c.miscounted.take()
	return each(rooms, func(room string) error {
		err := c.db.turns.do(ctx, c.turn(room), false, func(ctx context.Context, _ *hold) error {
			keys := c.keys(room, "room", "users")
			made, err := c.db.client.HGet(ctx, keys[0], "made").Result()
			if errors.Is(err, redis.Nil) {
				c.unlist(ctx, room)
				return nil
			}
			users, err2 := c.db.client.ZCard(ctx, keys[1]).Result()
			if err := errors.Join(err, err2); err != nil {
				return err
			}
			c.count(ctx, room, int(users), made == "1")
			return nil
		})
		if err != nil {
			for _, room := range rooms { // each may have stopped before some
				c.miscounted.add(room)
			}
		}
		return err
	})
}

func (c *chatStore) Create(ctx context.Context, name string, creator chat.User) (chat.Room, error) {
	id, at := c.ids.Next()
	room := "room_" + id
	l, err := c.list(ctx, room, listed{name, creator.UserID, at, true})
	if err != nil {
		return chat.Room{}, err
	}
	ctx, cancel := c.db.bounded(context.WithoutCancel(ctx))
	defer cancel()
	err = c.db.client.HSet(ctx, c.keys(room, "room")[0], "name", l.Name, "creator", l.Creator, "created", l.CreatedAt, "made", 1).Err()
	if err != nil {
		c.unlist(ctx, room)
		return chat.Room{}, unavailable(err)
	}
	return chat.Room{ID: room, Name: name, CreatedAt: at}, nil
}

func (c *chatStore) Rooms(ctx context.Context, limit int) (rooms []chat.Room, more bool, err error) {
	v, err := c.db.run(ctx, scriptRoomsList, c.listKeys(), limit+1)
	if err != nil {
		return nil, false, err
	}
	r := reply{v}
	ids, counts, infos := r.at(0).texts(), r.at(1), r.at(2).texts()
	for i, id := range ids {
		var l listed
		if json.Unmarshal([]byte(infos[i]), &l) == nil {
			rooms = append(rooms, chat.Room{ID: id, Name: l.Name, UserCount: counts.at(i).int(), CreatedAt: l.CreatedAt})
		}
	}
	slices.SortFunc(rooms, func(a, b chat.Room) int {
		return cmp.Or(cmp.Compare(b.UserCount, a.UserCount), cmp.Compare(a.CreatedAt, b.CreatedAt), cmp.Compare(a.ID, b.ID))
	})
	if len(ids) > limit {
		return rooms[:min(limit, len(rooms))], true, nil
	}
	return rooms, false, nil
}
