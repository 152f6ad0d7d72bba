package socketio_test

import (
	"context"
	"errors"
	"testing"

	"parley/server/socketio"
	"parley/server/socketiotest"
)

func TestAfterReply(t *testing.T) {
	srv := socketio.New(nil)
	ns := srv.Of("/")
	step := func(s *socketio.Socket, n int) func() { return func() { _ = s.Emit("step", n) } }
	socketio.On(ns, "go", func(ctx context.Context, s *socketio.Socket, fail bool) error {
		socketio.AfterReply(ctx, step(s, 2))
		socketio.AfterReply(ctx, func() { panic("one of them") })
		socketio.AfterReply(ctx, step(s, 3))
		step(s, 1)()
		if fail {
			return errors.New("no")
		}
		return nil
	})
	c := socketiotest.Connect(t, srv, "/", nil)
	for fail, want := range map[bool][]string{true: {"step", "error", "step", "step"}, false: {"step", "step", "step"}} {
		if err := c.Emit("go", fail); err != nil {
			t.Fatal(err)
		}
		for _, name := range want {
			if e, err := c.Next(t.Context()); err != nil || e.Name != name {
				t.Fatalf("%s instead of %s (%v)", e.Name, name, err)
			}
		}
	}
}
