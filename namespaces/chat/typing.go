package chat

import (
	"context"

	"parley/namespaces/event"
)

type typingRequest struct {
	RoomID string `json:"roomId"`
	Typing *bool  `json:"typing"`
}

// typingNotice is what the others see.
type typingNotice struct {
	RoomID string `json:"roomId"`
	User
	Typing bool `json:"typing"`
}

func (c *Chat) typing(_ context.Context, v *visitor, in typingRequest) (event.Done, error) {
	if in.Typing == nil {
		return event.Done{}, event.Invalid("typing is missing.")
	}
	room, u, err := v.room(in.RoomID)
	if err != nil {
		return event.Done{}, err
	}
	return event.Done{OK: true}, v.socket.To(room).Volatile().Emit("typing", typingNotice{room, u, *in.Typing})
}
