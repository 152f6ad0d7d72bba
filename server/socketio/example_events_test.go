package socketio_test

import (
	"bytes"
	"context"
	"fmt"

	"parley/server/socketio"
	"parley/server/socketiotest"
)

// Binary: []byte is a Buffer or an ArrayBuffer in JavaScript, wherever it stands in
// an argument.
func ExampleSocket_Emit_binary() {
	type Upload struct {
		Name string `json:"name"`
		Data []byte `json:"data"`
	}
	io := socketio.New(nil)
	socketio.On(io.Of("/"), "upload", func(_ context.Context, s *socketio.Socket, in socketio.Args2[string, []byte]) error {
		return s.Emit("stored", Upload{in.A, bytes.ToUpper(in.B)})
	})

	ctx := context.Background()
	c, _ := socketiotest.Dial(ctx, io, "/", nil)
	_ = c.Emit("upload", "a.txt", []byte("a few bytes"))
	e := c.Expect("stored")
	fmt.Printf("%s %s\n", e.Args, e.Attachments)
	_ = io.Shutdown(ctx)
	// Output: [{"name":"a.txt","data":{"_placeholder":true,"num":0}}] [A FEW BYTES]
}

// A Value is passed on without being decoded, attachments included.
func ExampleValue() {
	io := socketio.New(nil)
	type Share = socketio.Args2[string, socketio.Value]
	socketio.On(io.Of("/"), "share", func(_ context.Context, s *socketio.Socket, in Share) error {
		return s.Broadcast().Emit("shared", in.A, in.B)
	})

	ctx := context.Background()
	a, _ := socketiotest.Dial(ctx, io, "/", nil)
	b, _ := socketiotest.Dial(ctx, io, "/", nil)
	_ = a.Emit("share", "picture", []byte("a few bytes"))
	e := b.Expect("shared")
	fmt.Printf("%s %q\n", e.Args, e.Attachments)
	_ = io.Shutdown(ctx)
	// Output: ["picture" {"_placeholder":true,"num":0}] ["a few bytes"]
}

// OnAny sees every event, UseEvent may refuse one, and OnUnhandled gets those that
// have no handler.
func ExampleNamespace_UseEvent() {
	io := socketio.New(nil)
	main := io.Of("/")
	main.OnAny(func(_ context.Context, _ *socketio.Socket, e socketio.Event) {
		fmt.Println("event", e.Name)
	})
	main.UseEvent(func(_ context.Context, _ *socketio.Socket, e socketio.Event) error {
		if e.Name == "delete" {
			return &socketio.Error{Code: "forbidden", Message: "not yours"}
		}
		return nil
	})
	socketio.OnUnhandled(main, func(_ context.Context, _ *socketio.Socket, e socketio.Event) (string, error) {
		return fmt.Sprintf("%s with %d arguments?", e.Name, len(e.Args)), nil
	})

	ctx := context.Background()
	c, _ := socketiotest.Dial(ctx, io, "/", nil)
	reply, _ := c.EmitAck(ctx, "delete", 1)
	fmt.Printf("%s\n", reply.Args)
	reply, _ = c.EmitAck(ctx, "dance", "tango", 2)
	fmt.Printf("%s\n", reply.Args)
	_ = io.Shutdown(ctx)
	// Output:
	// event delete
	// [{"ok":false,"error":{"code":"forbidden","message":"not yours"}}]
	// event dance
	// ["dance with 2 arguments?"]
}
