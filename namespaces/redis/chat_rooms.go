package redis

import (
	"cmp"
	"context"
	"slices"

	"github.com/go-json-experiment/json"

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

// count tells the list how many users a room has. What it is not told now, it is the next time that
// somebody comes or goes.
func (c *chatStore) count(ctx context.Context, room string, users int, stays bool) {
	if _, err := c.db.run(ctx, scriptRoomsSet, c.listKeys(), room, users, flag(stays)); err != nil {
		c.db.trouble("the list of rooms is behind", err)
	}
}

func (c *chatStore) unlist(ctx context.Context, room string) {
	if _, err := c.db.run(ctx, scriptRoomsRemove, c.listKeys(), room); err != nil {
		c.db.trouble("the list of rooms is behind", err)
	}
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
