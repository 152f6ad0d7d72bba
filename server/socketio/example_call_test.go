package socketio_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"parley/server/socketio"
	"parley/server/socketiotest"
)

// Call asks the client and waits for its answer, at most until the context ends.
func ExampleCall() {
	io := socketio.New(nil)
	answered := make(chan struct{})
	socketio.On(io.Of("/"), "start", func(ctx context.Context, s *socketio.Socket, _ socketio.None) error {
		defer close(answered)
		ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
		defer cancel()
		sum, err := socketio.Call[int](ctx, s, "add", 1, 2)
		fmt.Println(sum, err)
		return err
	})

	ctx := context.Background()
	c, _ := socketiotest.Dial(ctx, io, "/", nil)
	_ = c.Emit("start")
	e := c.Expect("add")
	var a, b int
	_ = e.Decode(&a, &b)
	_ = e.Ack(a + b)
	<-answered
	_ = io.Shutdown(ctx)
	// Output: 3 <nil>
}

// CallAll asks many. When the time is over, or clients have left, it returns the
// answers there are and says how many are missing.
func ExampleCallAll() {
	io := socketio.New(nil)
	game := io.Of("/game")

	ctx := context.Background()
	alice, _ := socketiotest.Dial(ctx, io, "/game", nil)
	bob, _ := socketiotest.Dial(ctx, io, "/game", nil)
	go func() { _ = alice.Expect("ready?").Ack("alice is") }()
	go func() {
		bob.Expect("ready?") // does not answer
		bob.Close()
	}()

	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	answers, err := socketio.CallAll[string](ctx, game.To(), "ready?")
	fmt.Println(answers)
	var partial *socketio.PartialError
	if errors.As(err, &partial) {
		fmt.Printf("%d of %d\n", partial.Answered, partial.Expected)
	}
	_ = io.Shutdown(context.Background())
	// Output:
	// [alice is]
	// 1 of 2
}
