package notifications

import (
	"context"
	"errors"
	"fmt"

	"parley/namespaces/event"
	"parley/server/socketio"
)

var (
	errUnknown  = &socketio.Error{Code: "invalid", Message: "Who are you? Say userId and username in the handshake."}
	errTooMany  = &socketio.Error{Code: "limit", Message: "Too many rooms on this connection."}
	errWhatRead = event.Invalid("Either ids or all: true must be given.")
)

type listRequest struct {
	Before     string `json:"before"`
	Limit      *int   `json:"limit"`
	UnreadOnly bool   `json:"unreadOnly"`
}

type listReply struct {
	OK            bool           `json:"ok"`
	Notifications []Notification `json:"notifications"`
	More          bool           `json:"more"`
}

func (n *Notifications) list(ctx context.Context, s *socketio.Socket, in listRequest) (listReply, error) {
	user := userOf(s)
	if user == "" {
		return listReply{}, errUnknown
	}
	if err := event.Short("before", in.Before, n.opts.NameBytes); err != nil {
		return listReply{}, err
	}
	limit := min(page, n.opts.Page)
	if in.Limit != nil {
		limit = *in.Limit
	}
	if limit < 1 || limit > n.opts.Page {
		return listReply{}, event.Invalid(fmt.Sprintf("limit must be 1 to %d.", n.opts.Page))
	}
	p, err := n.store.List(ctx, user, in.Before, limit, in.UnreadOnly)
	p = p.cut(n.opts.PageBytes)
	return listReply{true, p.Notifications, p.More}, err
}

type readRequest struct {
	IDs []string `json:"ids"`
	All bool     `json:"all"`
}

type readReply struct {
	OK    bool `json:"ok"`
	Count int  `json:"count"` // of those that were unread
}

func (n *Notifications) markRead(ctx context.Context, s *socketio.Socket, in readRequest) (readReply, error) {
	user := userOf(s)
	if user == "" {
		return readReply{}, errUnknown
	}
	if (in.IDs == nil) != in.All {
		return readReply{}, errWhatRead
	}
	count, err := n.store.MarkRead(ctx, user, in.IDs, func(unread int) { n.count([]Unread{{user, unread}}) })
	return readReply{true, count}, err
}

type roomRequest struct {
	RoomID string `json:"roomId"`
}

func (n *Notifications) joinRoom(ctx context.Context, s *socketio.Socket, in roomRequest) (event.Done, error) {
	if err := event.Joinable(ctx, n.ns, "roomId", in.RoomID, n.opts.NameBytes); err != nil {
		return event.Done{}, err
	}
	err := s.Join(in.RoomID)
	if errors.Is(err, socketio.ErrTooManyRooms) {
		return event.Done{}, errTooMany
	}
	event.Subscribed(ctx, n.ns, in.RoomID)
	return event.Done{OK: true}, err
}

func (n *Notifications) leaveRoom(_ context.Context, s *socketio.Socket, in roomRequest) (event.Done, error) {
	if err := event.Room("roomId", in.RoomID, n.opts.NameBytes, event.SocketOf(n.ns)); err != nil {
		return event.Done{}, err
	}
	s.Leave(in.RoomID)
	return event.Done{OK: true}, nil
}
