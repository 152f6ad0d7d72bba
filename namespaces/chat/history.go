package chat

import (
	"context"
	"fmt"

	"parley/namespaces/event"
)

type historyRequest struct {
	RoomID string `json:"roomId"`
	Before string `json:"before"`
	Limit  *int   `json:"limit"`
}

type historyReply struct {
	OK       bool      `json:"ok"`
	Messages []Message `json:"messages"`
	More     bool      `json:"more"`
}

func (c *Chat) history(ctx context.Context, v *visitor, in historyRequest) (historyReply, error) {
	if err := c.name("roomId", in.RoomID); err != nil {
		return historyReply{}, err
	}
	if err := c.short("before", in.Before); err != nil {
		return historyReply{}, err
	}
	limit := min(c.opts.JoinHistory, c.opts.HistoryPage)
	if in.Limit != nil {
		limit = *in.Limit
	}
	if limit < 1 || limit > c.opts.HistoryPage {
		return historyReply{}, event.Invalid(fmt.Sprintf("limit must be 1 to %d.", c.opts.HistoryPage))
	}
	room, _, err := v.room(in.RoomID)
	if err != nil {
		return historyReply{}, err
	}
	p, err := c.store.History(ctx, room, in.Before, limit)
	if err != nil {
		return historyReply{}, refusal(err, errNotInRoom)
	}
	return historyReply{true, p.Messages, p.More}, nil
}
