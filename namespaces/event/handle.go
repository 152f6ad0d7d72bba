package event

import (
	"context"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"parley/server/socketio"
)

// MaxBytes is the size in bytes of the largest event, its name and JSON together,
// unless a namespace says otherwise.
const MaxBytes = 10 << 10

// Handle declares an event whose payload is one JSON object. The payload is taken
// raw, because its size is judged before its shape. An event of more than maxBytes
// bytes is refused.
func Handle[In, Out any](ns *socketio.Namespace, name string, maxBytes int, h func(ctx context.Context, s *socketio.Socket, in In) (Out, error)) {
	HandleValue(ns, name, maxBytes, func(ctx context.Context, s *socketio.Socket, payload socketio.Value) (out Out, err error) {
		raw := payload.Bytes()
		// Null would do as an object without fields, and so would the stand-in for a binary.
		if jsontext.Value(raw).Kind() != '{' || len(payload.Attachments()) > 0 {
			return out, Invalid("The payload of " + name + " must be an object without binary data.")
		}
		var in In
		if err := json.Unmarshal(raw, &in); err != nil {
			return out, Invalid("A field of " + name + " has the wrong type.")
		}
		return h(ctx, s, in)
	})
}

// HandleText declares an event whose payload is one string.
func HandleText[Out any](ns *socketio.Namespace, name string, maxBytes int, h func(ctx context.Context, s *socketio.Socket, text string) (Out, error)) {
	HandleValue(ns, name, maxBytes, func(ctx context.Context, s *socketio.Socket, payload socketio.Value) (out Out, err error) {
		var text string
		if jsontext.Value(payload.Bytes()).Kind() != '"' || payload.Decode(&text) != nil {
			return out, Invalid("The payload of " + name + " must be a string.")
		}
		return h(ctx, s, text)
	})
}

// HandleValue declares an event with one payload of any shape. Binary data count
// towards its size.
func HandleValue[Out any](ns *socketio.Namespace, name string, maxBytes int, h func(ctx context.Context, s *socketio.Socket, payload socketio.Value) (Out, error)) {
	frame := len(`["",]`) + len(name)
	socketio.OnAck(ns, name, func(ctx context.Context, s *socketio.Socket, payload socketio.Value) (out Out, err error) {
		size := frame + len(payload.Bytes())
		for _, data := range payload.Attachments() {
			size += len(data)
		}
		if size > maxBytes {
			return out, TooLarge(maxBytes)
		}
		return h(ctx, s, payload)
	})
}

// Done is the acknowledgement of an event that has nothing more to say.
type Done struct {
	OK bool `json:"ok"`
}
