package adaptertest

import (
	"context"
	"errors"
	"net"
	"slices"
	"time"

	"parley/server/socketio"
)

func acknowledgements(c *cluster) {
	ask := func(t socketio.Target, d time.Duration) ([]int, error) {
		got, err := socketio.CallAll[int](c.within(d), t, "question", "?")
		slices.Sort(got)
		return got, err
	}
	c.answering("question", 0, 1)
	c.must(c.sockets[2].Join("mute"))

	if got, err := ask(c.ns[2].Except("mute"), patience); err != nil || !slices.Equal(got, []int{0, 1}) {
		c.Errorf("got %v, %v", got, err)
	}
	if got, err := ask(c.ns[0].To("nobody"), patience); err != nil || got != nil {
		c.Errorf("got %v, %v", got, err)
	}
	if got, err := ask(c.ns[0].To().Local(), patience); err != nil || !slices.Equal(got, []int{0}) {
		c.Errorf("got %v, %v", got, err)
	}
	if got, err := ask(c.sockets[0].Except("mute"), patience); err != nil || !slices.Equal(got, []int{1}) {
		c.Errorf("got %v, %v", got, err)
	}
	got, err := ask(c.ns[0].To(), brief)
	c.partial(err, 2, 3, context.DeadlineExceeded)
	if !slices.Equal(got, []int{0, 1}) {
		c.Errorf("got %v", got)
	}
	// An answer with binary.
	late := c.clients[2].Expect("question")
	c.must(late.Ack("too late"))
	go func() { _ = c.clients[2].Expect("binary").Ack([]byte("bytes")) }()
	data, err := socketio.CallAll[[]byte](c.within(patience), c.ns[0].To("mute"), "binary")
	if err != nil || len(data) != 1 || string(data[0]) != "bytes" {
		c.Errorf("got %q, %v", data, err)
	}
	// An answer of the wrong type is none.
	go func() { _ = c.clients[2].Expect("question").Ack("text") }()
	var wrong *socketio.Error
	got, err = ask(c.ns[0].To(), patience)
	if c.partial(err, 2, 3, err); !errors.As(err, &wrong) || !slices.Equal(got, []int{0, 1}) {
		c.Errorf("got %v, %v", got, err)
	}
}

func eachAcknowledgement(c *cluster) {
	heard := make(chan struct{})
	go func() {
		_ = c.clients[2].Expect("question").Ack(2)
		e := c.clients[1].Expect("question")
		<-heard
		_ = e.Ack(1)
	}()
	var got []int
	for n, err := range socketio.CallEach[int](c.within(patience), c.ns[0].Except(c.sockets[0].ID()), "question") {
		c.must(err)
		if got = append(got, n); len(got) == 1 {
			close(heard)
		}
	}
	if !slices.Equal(got, []int{2, 1}) {
		c.Errorf("got %v", got)
	}
	// Nobody is waited for after a break.
	go func() { _ = c.clients[0].Expect("question").Ack(0) }()
	for _, err := range socketio.CallEach[int](c.within(patience), c.ns[1].To(), "question") {
		c.must(err)
		break
	}
	// A client that leaves is not waited for.
	c.clients[2].Expect("question")
	go func() {
		c.clients[2].Expect("question")
		c.clients[2].Close()
	}()
	_, err := socketio.CallAll[int](c.within(patience), c.ns[0].To(c.sockets[2].ID()), "question")
	c.partial(err, 0, 1, net.ErrClosed)
}

func callsInHandlers(c *cluster) {
	socketio.OnAck(c.ns[0], "survey", func(ctx context.Context, s *socketio.Socket, _ socketio.None) (int, error) {
		all, err := socketio.CallAll[int](ctx, s.Namespace().To(), "question")
		return len(all), err
	})
	for i := range c.clients {
		go func() { _ = c.clients[i].Expect("question").Ack(i) }()
	}
	r, err := c.clients[0].EmitAck(c.within(patience), "survey")
	c.must(err)
	var n int
	if err := r.Decode(&n); err != nil || n != servers {
		c.Errorf("got %s, %v", r.Args, err)
	}
}
