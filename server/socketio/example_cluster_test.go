package socketio_test

import (
	"context"
	"fmt"

	"parley/adapters/memory"
	"parley/server/socketio"
	"parley/server/socketiotest"
)

// With an adapter what is emitted to a room reaches the clients of every server;
// servers can also send events to each other.
func ExampleServerSideCall() {
	bus := memory.NewBus(nil)
	newServer := func(name string) *socketio.Server {
		io := socketio.New(&socketio.Options{Adapter: bus.Adapter})
		socketio.OnServerSideAck(io.Of("/"), "greet", func(_ context.Context, who string) (string, error) {
			return name + " greets " + who, nil
		})
		return io
	}
	east, west := newServer("east"), newServer("west")

	ctx := context.Background()
	c, _ := socketiotest.Dial(ctx, west, "/", nil)
	_ = east.Of("/").To(c.ID()).Emit("news", "from the east")
	fmt.Printf("%s\n", c.Expect("news").Args)

	answers, err := socketio.ServerSideCall[string](ctx, east.Of("/"), "greet", "you")
	fmt.Println(answers, err)
	_, _ = east.Shutdown(ctx), west.Shutdown(ctx)
	// Output:
	// ["from the east"]
	// [west greets you] <nil>
}
