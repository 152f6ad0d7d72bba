package socketio_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"parley/server/socketio"
	"parley/server/socketiotest"
)

func TestClientThatIsHeldBackIsNotTakenForDead(t *testing.T) {
	for _, transport := range []string{socketiotest.WebSocket, socketiotest.Polling} {
		t.Run(transport, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				const events = 50
				srv := newServer(t, &socketio.Options{InboxEvents: 10})
				done := make(chan struct{})
				handled := 0
				socketio.On(srv.Of("/"), "n", func(_ context.Context, _ *socketio.Socket, n int) error {
					if n == 0 {
						time.Sleep(5 * time.Minute)
					}
					if handled++; handled == events {
						close(done)
					}
					return nil
				})
				c := socketiotest.Connect(t, srv, "/", &socketiotest.Options{Transport: transport})
				sent := make(chan struct{})
				go func() {
					defer close(sent)
					for n := range events {
						if err := c.Emit("n", n); err != nil {
							t.Errorf("event %d: %v", n, err)
						}
					}
				}()
				select {
				case <-done:
					<-sent
				case <-c.Done():
					t.Error("the client was closed")
				}
			})
		})
	}
}

func TestCallOfAHandlerFailsWhereItsAnswerCouldNotBeRead(t *testing.T) {
	const limit = 10
	srv := newServer(t, &socketio.Options{InboxEvents: limit})
	ns := withSync(srv.Of("/"))
	failed := make(chan error, 1)
	socketio.On(ns, "call", func(ctx context.Context, s *socketio.Socket, _ socketio.None) error {
		_, err := socketio.Call[socketio.None](ctx, s, "never answered")
		failed <- err
		return nil
	})
	called := make(chan struct{})
	socketio.On(ns, "event", func(context.Context, *socketio.Socket, socketio.None) error { return nil })
	c := connect(t, srv, "/")
	emit(t, c, "call")
	go func() {
		c.Expect("never answered")
		close(called)
	}()
	receive(t, called)
	for range limit + 1 {
		emit(t, c, "event")
	}
	mustBe(t, receive(t, failed), socketio.ErrInboxFull)
	handled(t, c)
}

func TestCallFromElsewhereOutlastsAFullInbox(t *testing.T) {
	const limit = 10
	srv := newServer(t, &socketio.Options{InboxEvents: limit})
	ns := srv.Of("/")
	release := make(chan struct{})
	socketio.On(ns, "wait", func(context.Context, *socketio.Socket, socketio.None) error {
		<-release
		return nil
	})
	c := connect(t, srv, "/")
	s := ns.Sockets()[0]
	answer := make(chan error, 1)
	go func() {
		n, err := socketio.Call[int](t.Context(), s, "question")
		if err == nil && n != 42 {
			err = errors.New("another answer")
		}
		answer <- err
	}()
	e := c.Expect("question")
	for range 2 * limit {
		emit(t, c, "wait")
	}
	if err := e.Ack(42); err != nil {
		t.Fatal(err)
	}
	close(release)
	if err := receive(t, answer); err != nil {
		t.Error(err)
	}
}
