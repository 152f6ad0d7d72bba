package socketio_test

import (
	"context"
	"fmt"

	"parley/server/socketio"
	"parley/server/socketiotest"
)

// A client whose connection was lost comes back with its id, and gets what it missed.
func ExampleNamespace_EnableRecovery() {
	io := socketio.New(nil)
	news := io.Of("/news")
	news.EnableRecovery(socketio.Recovery{})
	socketio.OnAck(news, "was I away?", func(_ context.Context, s *socketio.Socket, _ socketio.None) (bool, error) {
		return s.Recovered(), nil
	})

	ctx := context.Background()
	c, _ := socketiotest.Dial(ctx, io, "/news", nil)
	_ = news.Emit("headline", "one")
	fmt.Printf("%s\n", c.Expect("headline").Args[0])
	c.Abort()
	_ = news.Emit("headline", "two")
	again, _ := socketiotest.Dial(ctx, io, "/news", &socketiotest.Options{Auth: c.State()})
	fmt.Printf("%s\n", again.Expect("headline").Args[0])
	reply, _ := again.EmitAck(ctx, "was I away?")
	fmt.Printf("%s, the same id: %t\n", reply.Args, again.ID() == c.ID())
	_ = io.Shutdown(ctx)
	// Output:
	// "one"
	// "two"
	// [true], the same id: true
}
