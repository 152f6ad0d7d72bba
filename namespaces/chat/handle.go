package chat

import (
	"context"

	"parley/namespaces/event"
	"parley/server/socketio"
)

// handle declares an event of visitors.
func handle[In, Out any](c *Chat, name string, h func(ctx context.Context, v *visitor, in In) (Out, error)) {
	event.Handle(c.ns, name, c.opts.EventBytes, func(ctx context.Context, s *socketio.Socket, in In) (Out, error) {
		v, _ := visitors.Get(s)
		return h(ctx, v, in)
	})
}
