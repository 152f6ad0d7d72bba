package adaptertest

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"
	"time"

	"parley/server/socketio"
)

func serverSideEvents(c *cluster) {
	heard := make(chan int, 10)
	for i, ns := range c.ns {
		socketio.OnServerSide(ns, "note", func(_ context.Context, in socketio.Args2[int, []byte]) error {
			heard <- 10*i + in.A*len(in.B)
			return nil
		})
		socketio.OnServerSideAck(ns, "who", func(_ context.Context, in string) (string, error) {
			if i == 2 && in == "fail" {
				return "", &socketio.Error{Code: "broken", Message: in}
			}
			return in + string(rune('0'+i)), nil
		})
		socketio.OnServerSideAck(ns, "hang", func(ctx context.Context, _ socketio.None) (int, error) {
			if i == 1 {
				<-ctx.Done()
			}
			return i, nil
		})
	}
	c.must(c.ns[0].ServerSideEmit("note", 3, []byte("xx")))
	got := []int{<-heard, <-heard}
	if slices.Sort(got); !slices.Equal(got, []int{16, 26}) {
		c.Errorf("got %v", got)
	}
	answers, err := socketio.ServerSideCall[string](c.within(patience), c.ns[0], "who", "n")
	if slices.Sort(answers); err != nil || !slices.Equal(answers, []string{"n1", "n2"}) {
		c.Errorf("got %v, %v", answers, err)
	}
	answers, err = socketio.ServerSideCall[string](c.within(patience), c.ns[0], "who", "fail")
	var failed *socketio.Error
	if c.partial(err, 1, 2, err); !errors.As(err, &failed) || failed.Code != "broken" || !slices.Equal(answers, []string{"fail1"}) {
		c.Errorf("got %v, %v", answers, err)
	}
	if none, err := socketio.ServerSideCall[socketio.None](c.within(patience), c.ns[1], "note", 1, []byte{}); err != nil || len(none) != 2 {
		c.Errorf("got %v, %v", none, err)
	}
	_, err = socketio.ServerSideCall[int](c.within(patience), c.ns[0], "unknown")
	c.partial(err, 0, 2, err)
	numbers, err := socketio.ServerSideCall[int](c.within(brief), c.ns[0], "hang")
	c.partial(err, 1, 2, context.DeadlineExceeded)
	if !slices.Equal(numbers, []int{2}) {
		c.Errorf("got %v", numbers)
	}
}

// departure: calls do not wait for a server that has left, and the others go on.
func departure(c *cluster) {
	var gone atomic.Int64
	c.ns[0].OnDisconnect(func(ctx context.Context, s *socketio.Socket, _ socketio.Reason) {
		gone.Add(1)
		_ = s.Broadcast().Emit("left", s.ID())
	})
	c.shutdown(0)
	expect(c, 1, "left", c.sockets[0].ID())
	expect(c, 2, "left", c.sockets[0].ID())
	if gone.Load() != 1 {
		c.Error("the hook did not run once")
	}
	c.formed(servers - 1)
	for _, err := range []error{
		c.ns[0].Emit("x"),
		c.ns[0].To().Join("x"),
		c.ns[0].ServerSideEmit("x"),
	} {
		if !errors.Is(err, socketio.ErrClosed) {
			c.Errorf("got %v", err)
		}
	}
	found, err := c.ns[1].To().FetchSockets(c.within(patience))
	if err != nil || len(found) != 2 {
		c.Errorf("got %d sockets, %v", len(found), err)
	}
	c.answering("question", 1, 2)
	began := time.Now()
	if got, err := socketio.CallAll[int](c.within(patience), c.ns[1].To(), "question"); err != nil || len(got) != 2 {
		c.Errorf("got %v, %v", got, err)
	}
	if took := time.Since(began); took > patience/2 {
		c.Errorf("it took %v", took)
	}
}
