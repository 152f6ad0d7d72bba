package socketio_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"parley/server/socketio"
)

func TestCallReturnsTheAnswer(t *testing.T) {
	srv := newServer(t, nil)
	c := connect(t, srv, "/")
	s := srv.Of("/").Sockets()[0]
	answer := func(args ...any) {
		if err := c.Expect("question").Ack(args...); err != nil {
			t.Error(err)
		}
	}
	go answer(point{X: 7})
	if got, err := socketio.Call[point](t.Context(), s, "question", 1, 2); err != nil || got.X != 7 {
		t.Errorf("got %v, %v", got, err)
	}
	go answer("a", []byte("b"))
	got, err := socketio.Call[socketio.Args2[string, []byte]](t.Context(), s, "question")
	if err != nil || got.A != "a" || string(got.B) != "b" {
		t.Errorf("got %v, %v", got, err)
	}
	go answer()
	if _, err := socketio.Call[socketio.None](t.Context(), s, "question"); err != nil {
		t.Error(err)
	}
	go answer("text")
	var wrong *socketio.Error
	if _, err := socketio.Call[int](t.Context(), s, "question"); !errors.As(err, &wrong) || wrong.Code != socketio.CodeInvalid {
		t.Errorf("got %v for an answer of the wrong type", err)
	}
}

func TestCallEnds(t *testing.T) {
	srv := newServer(t, &socketio.Options{MaxPendingAcks: 2})
	withSync(srv.Of("/"))
	c := connect(t, srv, "/")
	s := srv.Of("/").Sockets()[0]

	if _, err := socketio.Call[int](t.Context(), s, "disconnect"); !errors.Is(err, socketio.ErrReserved) {
		t.Errorf("got %v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	_, err := socketio.Call[int](ctx, s, "question")
	mustBe(t, err, context.DeadlineExceeded)
	late := c.Expect("question")

	var wg sync.WaitGroup
	results := make(chan error, 2)
	for range 2 {
		wg.Go(func() {
			_, err := socketio.Call[int](t.Context(), s, "question")
			results <- err
		})
	}
	c.Expect("question")
	c.Expect("question")
	_, err = socketio.Call[int](t.Context(), s, "question")
	mustBe(t, err, socketio.ErrTooManyAcks)
	if !strings.Contains(err.Error(), "MaxPendingAcks is 2") {
		t.Errorf("the error does not name the limit: %v", err)
	}
	// Neither a late acknowledgement nor a repeated one nor one of nothing does harm.
	for range 2 {
		if err := late.Ack(1); err != nil {
			t.Error(err)
		}
	}
	if err := c.Write("34711[]"); err != nil {
		t.Error(err)
	}
	handled(t, c)
	c.Disconnect()
	for range 2 {
		err := receive(t, results)
		mustBe(t, err, socketio.ErrClosed)
		mustBe(t, err, net.ErrClosed)
		if !strings.Contains(err.Error(), string(socketio.ReasonClientDisconnect)) {
			t.Errorf("the error does not tell why: %v", err)
		}
	}
	wg.Wait()
	_, err = socketio.Call[int](t.Context(), s, "question")
	mustBe(t, err, socketio.ErrClosed)
}

func TestCallsMayRunSideBySide(t *testing.T) {
	const calls = 100
	srv := newServer(t, nil)
	c := connect(t, srv, "/")
	s := srv.Of("/").Sockets()[0]
	var wg sync.WaitGroup
	for n := range calls {
		wg.Go(func() {
			if got, err := socketio.Call[string](t.Context(), s, "question", n); err != nil || got != fmt.Sprint(n) {
				t.Errorf("call %d: got %q, %v", n, got, err)
			}
		})
	}
	for range calls {
		e := c.Expect("question")
		if err := e.Ack(string(e.Args[0])); err != nil {
			t.Error(err)
		}
	}
	wg.Wait()
}

func TestMiddlewareCannotCall(t *testing.T) {
	srv := newServer(t, nil)
	result := make(chan error, 1)
	srv.Of("/").Use(func(ctx context.Context, s *socketio.Socket) error {
		_, err := socketio.Call[int](ctx, s, "question")
		result <- err
		return nil
	})
	connect(t, srv, "/")
	mustBe(t, receive(t, result), socketio.ErrNotConnected)
}

func TestKeysKeepValuesOfASocket(t *testing.T) {
	srv := newServer(t, nil)
	name, other := socketio.NewKey[string]("name"), socketio.NewKey[string]("name")
	failure := socketio.NewKey[error]("failure")
	_, s := members(t, srv, 2)
	if _, ok := name.Get(s[0]); ok {
		t.Error("a value before there was one")
	}
	name.Set(s[0], "a")
	name.Set(s[0], "b")
	other.Set(s[0], "c")
	failure.Set(s[0], nil)
	if got, ok := name.Get(s[0]); got != "b" || !ok {
		t.Errorf("got %q, %v", got, ok)
	}
	if _, ok := name.Get(s[1]); ok {
		t.Error("another socket has the value")
	}
	if got, ok := failure.Get(s[0]); got != nil || !ok {
		t.Errorf("got %v, %v", got, ok)
	}
	if name.String() != "name" {
		t.Error(name)
	}
}

func TestContextOfASocketEndsWithIt(t *testing.T) {
	srv := newServer(t, nil)
	c := connect(t, srv, "/")
	s := srv.Of("/").Sockets()[0]
	ctx := s.Context()
	derived, cancel := context.WithCancel(ctx)
	defer cancel()
	if ctx.Err() != nil || derived.Err() != nil || ctx.Value("x") != nil || socketio.HasAck(ctx) {
		t.Error("not a fresh context")
	}
	c.Abort()
	select {
	case <-derived.Done():
	case <-time.After(patience):
		t.Fatal("the context goes on")
	}
	for _, ctx := range []context.Context{ctx, derived, s.Context()} {
		if !errors.Is(ctx.Err(), context.Canceled) || !errors.Is(context.Cause(ctx), socketio.ErrClosed) {
			t.Errorf("got %v because of %v", ctx.Err(), context.Cause(ctx))
		}
	}
}

func TestListsOfArgumentsTravelBothWays(t *testing.T) {
	srv := newServer(t, nil)
	ns := srv.Of("/")
	socketio.OnAck(ns, "all", func(_ context.Context, s *socketio.Socket, in socketio.Args) (socketio.Args, error) {
		return in, s.Emit("all", "first", in, socketio.Args2[int, bool]{1, true})
	})
	socketio.OnAck(ns, "none", func(context.Context, *socketio.Socket, socketio.None) (socketio.None, error) {
		return socketio.None{}, nil
	})
	c := connect(t, srv, "/")
	for _, args := range [][]any{{}, {1}, {1, "b", nil, []int{2}}} {
		want, _ := json.Marshal(args)
		got := ask(t, c, "all", args...)
		if got != string(want[1:len(want)-1]) {
			t.Errorf("sent %s, the acknowledgement is %s", want, got)
		}
		if got != "" {
			got += ","
		}
		if e := joined(c.Expect("all").Args); e != `"first",`+got+"1,true" {
			t.Errorf("sent %s, the event has %s", want, e)
		}
	}
	if got := ask(t, c, "none"); got != "" {
		t.Errorf("got %s", got)
	}
}
