package chat

import "context"

type directRequest struct {
	RecipientID string `json:"recipientId"`
	Content     string `json:"content"`
}

// A DirectMessage goes to every socket of one user and is kept nowhere.
type DirectMessage struct {
	ID             string `json:"id"`
	SenderID       string `json:"senderId"`
	SenderUsername string `json:"senderUsername"`
	RecipientID    string `json:"recipientId"` // for the sender's own line
	Content        string `json:"content"`
	Timestamp      string `json:"timestamp"`
}

type directReply struct {
	OK      bool          `json:"ok"`
	Message DirectMessage `json:"message"`
}

func (c *Chat) direct(ctx context.Context, v *visitor, in directRequest) (directReply, error) {
	if err := c.name("recipientId", in.RecipientID); err != nil {
		return directReply{}, err
	}
	if err := c.content(in.Content); err != nil {
		return directReply{}, err
	}
	u, known := v.identity()
	if !known {
		return directReply{}, errUnknown
	}
	online, err := c.store.Online(ctx, in.RecipientID)
	if err != nil {
		return directReply{}, err
	}
	if !online {
		return directReply{}, errOffline
	}
	if _, err := take(ctx, c.opts.DirectRate, u); err != nil {
		return directReply{}, err
	}
	m := DirectMessage{SenderID: u.UserID, SenderUsername: u.Username, RecipientID: in.RecipientID, Content: in.Content}
	m.ID, m.Timestamp = c.ids.Next()
	return directReply{true, m}, c.echo(ctx, v.socket, userRoom+in.RecipientID).To(v.socket.ID()).Emit("direct-message", m)
}
