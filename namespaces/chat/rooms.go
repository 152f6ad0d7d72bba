package chat

import (
	"context"
	"errors"

	"parley/namespaces/event"
	"parley/server/socketio"
)

type roomsReply struct {
	OK    bool   `json:"ok"`
	Rooms []Room `json:"rooms"`
	More  bool   `json:"more"` // there are more rooms than a list shows
}

func (c *Chat) rooms(ctx context.Context, _ *socketio.Socket, _ socketio.None) (roomsReply, error) {
	rooms, more, err := c.store.Rooms(ctx, c.opts.ListedRooms)
	if err != nil {
		return roomsReply{}, err
	}
	return roomsReply{true, rooms, more}, nil
}

type createRequest struct {
	Name string `json:"name"`
}

type createReply struct {
	OK   bool `json:"ok"`
	Room Room `json:"room"`
}

func (c *Chat) createRoom(ctx context.Context, v *visitor, in createRequest) (createReply, error) {
	if err := c.name("name", in.Name); err != nil {
		return createReply{}, err
	}
	u, known := v.identity()
	if !known {
		return createReply{}, errUnknown
	}
	room, err := c.store.Create(ctx, in.Name, u)
	if err != nil {
		return createReply{}, refusal(err, nil)
	}
	return createReply{true, room}, nil
}

type deleteRequest struct {
	RoomID string `json:"roomId"`
}

type roomDeleted struct {
	RoomID string `json:"roomId"`
}

func (c *Chat) deleteRoom(ctx context.Context, v *visitor, in deleteRequest) (event.Done, error) {
	if err := c.name("roomId", in.RoomID); err != nil {
		return event.Done{}, err
	}
	u, known := v.identity()
	if !known {
		return event.Done{}, errUnknown
	}
	err := c.store.Delete(ctx, in.RoomID, u.UserID, func(sockets []string) {
		c.echo(ctx, v.socket, in.RoomID).To(v.socket.ID()).Emit("room-deleted", roomDeleted(in))
		c.ns.In(in.RoomID).Leave(in.RoomID)
		c.logged(ctx, "other servers not told", c.ns.ServerSideEmit(serverDeleted, in.RoomID))
		for _, id := range sockets {
			if member, ok := c.visitors.Load(id); ok {
				member.(*visitor).leave(in.RoomID)
			}
		}
		c.forgetAbsent(in.RoomID)
	})
	return event.Done{OK: err == nil}, refusal(err, errNoRoom)
}

// serverDeleted tells other servers that a room is deleted, after its sockets have left it.
const serverDeleted = "parley:room-deleted"

func (c *Chat) deletedElsewhere(ctx context.Context, room string) error {
	var failed error
	c.visitors.Range(func(_, there any) bool {
		v := there.(*visitor)
		if v.outside(room) {
			v.leave(room)
			failed = errors.Join(failed, c.store.Leave(ctx, room, v.id(), func(User) {}))
		}
		return true
	})
	return failed
}
