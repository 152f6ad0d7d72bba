package chat

import (
	"context"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"parley/server/socketio"
)

// handle declares an event whose payload is one JSON object. The payload is taken raw, because its size is judged before its shape.
func handle[In, Out any](c *Chat, event string, h func(ctx context.Context, v *visitor, in In) (Out, error)) {
	rest := len(`["",]`) + len(event)
	socketio.OnAck(c.ns, event, func(ctx context.Context, s *socketio.Socket, payload socketio.Value) (out Out, err error) {
		raw := payload.Bytes()
		if rest+len(raw) > c.opts.EventBytes {
			return out, tooLarge(c.opts.EventBytes)
		}
		// Null would do as an object without fields, and so would the stand-in for a binary.
		if jsontext.Value(raw).Kind() != '{' || len(payload.Attachments()) > 0 {
			return out, invalid("The payload of " + event + " must be an object without binary data.")
		}
		var in In
		if err := json.Unmarshal(raw, &in); err != nil {
			return out, invalid("A field of " + event + " has the wrong type.")
		}
		v, _ := visitors.Get(s)
		return h(ctx, v, in)
	})
}

// done is the acknowledgement of an event that has nothing more to say.
type done struct {
	OK bool `json:"ok"`
}
