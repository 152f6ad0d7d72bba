package socketiotest_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"parley/server/internal/leaktest"
	"parley/server/socketio"
	"parley/server/socketiotest"
)

func TestMain(m *testing.M) { leaktest.Main(m) }

func newServer(t *testing.T) *socketio.Server {
	t.Helper()
	srv := socketio.New(nil)
	t.Cleanup(func() {
		if err := srv.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return srv
}

func TestClientTalksOverEveryTransport(t *testing.T) {
	for _, transport := range []string{socketiotest.WebSocket, socketiotest.Polling} {
		t.Run(transport, func(t *testing.T) {
			srv := newServer(t)
			mux := http.NewServeMux()
			mux.Handle("/mounted/", srv)
			ns := srv.Of("/chat")
			socketio.On(ns, "echo", func(_ context.Context, s *socketio.Socket, in socketio.Value) error {
				return s.Emit("echo", in)
			})
			socketio.OnAck(ns, "ask back", func(ctx context.Context, s *socketio.Socket, in []byte) ([]byte, error) {
				return socketio.Call[[]byte](ctx, s, "question", in)
			})
			c := socketiotest.Connect(t, mux, "/chat", &socketiotest.Options{Transport: transport, Path: "/mounted/"})
			if c.Transport() != transport {
				t.Errorf("transport %s", c.Transport())
			}
			large := strings.Repeat("x", 70_000) // in a frame of the longest form
			for _, in := range []string{"small", strings.Repeat("x", 200), large} {
				if err := c.Emit("echo", in); err != nil {
					t.Fatal(err)
				}
				var got string
				if err := c.Expect("echo").Decode(&got); err != nil || got != in {
					t.Errorf("sent %d bytes, got %d: %v", len(in), len(got), err)
				}
			}
			answered := make(chan struct{})
			go func() {
				defer close(answered)
				e := c.Expect("question")
				if !e.WantsAck() {
					t.Error("no acknowledgement is wanted")
				}
				if err := e.Ack(append(e.Attachments[0], " back"...)); err != nil {
					t.Error(err)
				}
			}()
			r, err := c.EmitAck(t.Context(), "ask back", []byte("there and"))
			if err != nil || string(r.Attachments[0]) != "there and back" {
				t.Errorf("got %q, %v", r.Attachments, err)
			}
			<-answered
		})
	}
}

func TestExpectLeavesOtherEvents(t *testing.T) {
	srv := newServer(t)
	srv.Of("/").OnConnect(func(_ context.Context, s *socketio.Socket) {
		for _, event := range []string{"a", "b", "a", "c"} {
			if err := s.Emit(event); err != nil {
				t.Error(err)
			}
		}
	})
	c := socketiotest.Connect(t, srv, "/", nil)
	got := c.Expect("c").Name + c.Expect("a").Name
	for range 2 {
		e, err := c.Next(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		got += e.Name
	}
	if got != "caba" {
		t.Errorf("got %s", got)
	}
}

func TestEndsAreTold(t *testing.T) {
	srv := newServer(t)
	gone := make(chan socketio.Reason, 1)
	srv.Of("/").OnDisconnect(func(_ context.Context, _ *socketio.Socket, why socketio.Reason) { gone <- why })
	for _, end := range []struct {
		name           string
		end            func(*socketiotest.Client)
		client, server string
	}{
		{"disconnect", (*socketiotest.Client).Disconnect, socketiotest.ReasonClientDisconnect, "client namespace disconnect"},
		{"close", (*socketiotest.Client).Close, socketiotest.ReasonTransportClose, "transport close"},
		{"abort", (*socketiotest.Client).Abort, socketiotest.ReasonTransportClose, "transport close"},
		{"by the server", func(*socketiotest.Client) { srv.Of("/").Sockets()[0].Disconnect(false) },
			socketiotest.ReasonServerDisconnect, "server namespace disconnect"},
	} {
		c := socketiotest.Connect(t, srv, "/", nil)
		end.end(c)
		why, err := c.Reason(t.Context())
		if server := <-gone; err != nil || why != end.client || string(server) != end.server {
			t.Errorf("%s: client %q, server %q, %v", end.name, why, server, err)
		}
		if _, err := c.Next(t.Context()); !errors.Is(err, socketiotest.ErrClosed) {
			t.Errorf("%s: %v", end.name, err)
		}
	}
}

func TestDialTellsWhatIsWrong(t *testing.T) {
	srv := newServer(t)
	var refused *socketiotest.ConnectError
	if _, err := socketiotest.Dial(t.Context(), srv, "/unknown", nil); !errors.As(err, &refused) || refused.Message != "Invalid namespace" {
		t.Errorf("unknown namespace: %v", err)
	}
	for _, transport := range []string{"carrier pigeon", socketiotest.WebSocket, socketiotest.Polling} {
		_, err := socketiotest.Dial(t.Context(), http.NotFoundHandler(), "/", &socketiotest.Options{Transport: transport})
		if err == nil {
			t.Errorf("%s: no error", transport)
		}
	}
}

func TestMuteClientIsFoundDead(t *testing.T) {
	srv := socketio.New(&socketio.Options{PingInterval: 50 * time.Millisecond, PingTimeout: 50 * time.Millisecond})
	gone := make(chan socketio.Reason, 1)
	srv.Of("/").OnDisconnect(func(_ context.Context, _ *socketio.Socket, why socketio.Reason) { gone <- why })
	socketiotest.Connect(t, srv, "/", &socketiotest.Options{Mute: true})
	if why := <-gone; why != socketio.ReasonPingTimeout {
		t.Errorf("reason %q", why)
	}
	if err := srv.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
}

func Example() {
	io := socketio.New(nil)
	socketio.On(io.Of("/"), "hello", func(_ context.Context, s *socketio.Socket, name string) error {
		return s.Emit("welcome", name)
	})

	// In a test: c := socketiotest.Connect(t, io, "/", nil)
	c, err := socketiotest.Dial(context.Background(), io, "/", nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer c.Close()
	_ = c.Emit("hello", "Alice")
	fmt.Printf("%s\n", c.Expect("welcome").Args)
	// Output: ["Alice"]
}
