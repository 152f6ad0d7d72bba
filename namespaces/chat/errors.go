package chat

import (
	"errors"

	"parley/server/socketio"
)

var (
	errUnknown   = &socketio.Error{Code: "invalid", Message: "Who are you? Say userId and username, in the handshake or by joining a room."}
	errNotInRoom = &socketio.Error{Code: "not_in_room", Message: "You are not in this room."}
	errNoRoom    = &socketio.Error{Code: "not_found", Message: "There is no such room."}
	errCreator   = &socketio.Error{Code: "forbidden", Message: "Only its creator may delete a room."}
	errOther     = &socketio.Error{Code: "forbidden", Message: "This connection is in a room as another user."}
	errOffline   = &socketio.Error{Code: "recipient_offline", Message: "The recipient is offline."}
)

// refusal turns what is refused into what the client hears. missing is the word for a room that is gone.
func refusal(err error, missing *socketio.Error) error {
	var limit *LimitError
	switch {
	case errors.Is(err, ErrNoRoom):
		return missing
	case errors.Is(err, ErrNotCreator):
		return errCreator
	case errors.Is(err, socketio.ErrTooManyRooms):
		return &socketio.Error{Code: "limit", Message: "Too many rooms on this connection."}
	case errors.As(err, &limit):
		return &socketio.Error{Code: "limit", Message: limit.Error()}
	}
	return err
}
