package socketiotest

import (
	"encoding/json"
	"fmt"

	"parley/server/wire/sio"
)

// An Event is what the server emitted.
type Event struct {
	Name        string
	Args        []json.RawMessage // attachments have placeholders in them
	Attachments [][]byte

	client *Client
	id     int64
}

// Decode decodes the arguments into what the parameters point at. There must be
// as many as there are arguments.
func (e Event) Decode(to ...any) error { return decode(e.Args, to) }

// WantsAck reports whether the server waits for an acknowledgement.
func (e Event) WantsAck() bool { return e.id != sio.NoID }

// Ack acknowledges the event.
func (e Event) Ack(args ...any) error { return e.client.emit(sio.Ack, e.id, args) }

// A Reply is the acknowledgement of an event of the client's.
type Reply struct {
	Args        []json.RawMessage
	Attachments [][]byte
}

// Decode decodes the arguments, as Event.Decode does.
func (r Reply) Decode(to ...any) error { return decode(r.Args, to) }

func decode(args []json.RawMessage, to []any) error {
	if len(args) != len(to) {
		return fmt.Errorf("socketiotest: %d arguments, not %d", len(args), len(to))
	}
	for i, arg := range args {
		if err := json.Unmarshal(arg, to[i]); err != nil {
			return err
		}
	}
	return nil
}
