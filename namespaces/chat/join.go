package chat

import (
	"context"
	"errors"
	"regexp"
	"slices"

	"parley/namespaces/event"
	"parley/server/socketio"
)

type joinRequest struct {
	User
	RoomID string `json:"roomId"`
}

type joinReply struct {
	OK       bool      `json:"ok"`
	Room     Room      `json:"room"`
	Users    []User    `json:"users"`
	Messages []Message `json:"messages"`
}

// presence is the payload of user-joined and user-left.
type presence struct {
	RoomID string `json:"roomId"`
	User
	Timestamp string `json:"timestamp"`
}

func (c *Chat) join(ctx context.Context, v *visitor, in joinRequest) (joinReply, error) {
	if err := c.joinable(ctx, in.RoomID); err != nil {
		return joinReply{}, err
	}
	u, err := c.identify(v, in.User)
	if err != nil {
		return joinReply{}, err
	}
	if rooms := v.joined(); len(rooms) >= c.opts.RoomsPerSocket && !slices.Contains(rooms, in.RoomID) {
		return joinReply{}, refusal(&LimitError{"Too many rooms on this connection", c.opts.RoomsPerSocket}, nil)
	}
	if err := c.become(ctx, v, u); err != nil {
		return joinReply{}, err
	}
	var refused error
	e, err := c.store.Enter(ctx, in.RoomID, v.socket.ID(), u, func(e Entered) {
		if refused = v.socket.Join(in.RoomID); refused != nil {
			return
		}
		event.Subscribed(ctx, c.ns, in.RoomID)
		v.enter(in.RoomID)
		if e.First {
			v.socket.To(in.RoomID).Emit("user-joined", presence{in.RoomID, u, event.Now()})
		}
		v.socket.Emit("room-users", e.Users)
	})
	if err != nil {
		return joinReply{}, refusal(err, nil)
	}
	if refused != nil {
		err := c.store.Leave(ctx, in.RoomID, v.socket.ID(), func(User) {})
		return joinReply{}, refusal(errors.Join(refused, err), nil)
	}
	return joinReply{true, e.Room, e.Users, e.Messages}, nil
}

// joinable refuses the rooms that are a user's or a single socket's own, also of one that is away.
func (c *Chat) joinable(ctx context.Context, room string) error {
	err := event.Room("roomId", room, c.opts.NameBytes, func(id string) bool {
		_, there := c.visitors.Load(id)
		return there
	})
	if err != nil || !socketID.MatchString(room) {
		return err
	}
	if _, err := c.store.History(ctx, room, "", 1); !errors.Is(err, ErrNoRoom) {
		return err
	}
	// Nobody has a room of this name: it may be a socket of another server.
	sockets, err := c.ns.In(room).FetchSockets(ctx)
	if slices.ContainsFunc(sockets, func(s socketio.RemoteSocket) bool { return s.ID == room }) {
		return event.ErrPrivate
	}
	return err
}

// socketID is what ids of sockets look like.
var socketID = regexp.MustCompile(`^[A-Za-z0-9_-]{20}$`)
