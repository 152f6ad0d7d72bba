package chat

import (
	"context"
	"errors"

	"parley/namespaces/limits"
)

type messageRequest struct {
	Content  string `json:"content"`
	RoomID   string `json:"roomId"`
	ClientID string `json:"clientId"`
}

type messageReply struct {
	OK      bool    `json:"ok"`
	Message Message `json:"message"`
}

func (c *Chat) message(ctx context.Context, v *visitor, in messageRequest) (messageReply, error) {
	if err := c.content(in.Content); err != nil {
		return messageReply{}, err
	}
	if err := c.short("clientId", in.ClientID); err != nil {
		return messageReply{}, err
	}
	room, u, err := v.room(in.RoomID)
	if err != nil {
		return messageReply{}, err
	}
	d := Draft{u, in.Content, in.ClientID}
	undo, err := take(ctx, c.opts.Rate, u)
	if errors.Is(err, limits.ErrRate) {
		undo, err = func() {}, c.again(ctx, room, d)
	}
	if err != nil {
		return messageReply{}, err
	}
	accepted := false
	m, err := c.store.Append(ctx, room, d, func(m Message) {
		accepted = true
		c.echo(ctx, v.socket, room).Emit("chat-message", m)
	})
	if !accepted {
		undo()
	}
	if err != nil {
		return messageReply{}, refusal(err, errNotInRoom)
	}
	return messageReply{true, m}, nil
}

// take counts a message of u; a nil rate lets all pass.
func take(ctx context.Context, rate limits.Rate, u User) (undo func(), err error) {
	if rate == nil {
		return func() {}, nil
	}
	return rate.Take(ctx, u.UserID)
}

// again refuses a message for which it is too early, unless it has been accepted before: a client that has not heard of
// that must not believe it refused.
func (c *Chat) again(ctx context.Context, room string, d Draft) error {
	if d.ClientID == "" {
		return limits.ErrRate
	}
	p, err := c.store.History(ctx, room, "", c.opts.History)
	if err != nil {
		return refusal(err, errNotInRoom)
	}
	for _, m := range p.Messages {
		if m.ClientID == d.ClientID && m.UserID == d.From.UserID {
			return nil // the Store knows it, and whether the others do
		}
	}
	return limits.ErrRate
}
