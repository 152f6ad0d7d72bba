package chat

import "context"

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
	m, err := c.store.Append(ctx, room, Draft{u, in.Content, in.ClientID}, func(m Message) {
		c.echo(ctx, v.socket, room).Emit("chat-message", m)
	})
	if err != nil {
		return messageReply{}, refusal(err, errNotInRoom)
	}
	return messageReply{true, m}, nil
}
