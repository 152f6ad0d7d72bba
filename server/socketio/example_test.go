package socketio_test

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"parley/server/socketio"
	"parley/server/socketiotest"
)

func Example() {
	type Join struct {
		Room string `json:"room"`
		Name string `json:"name"`
	}
	type Joined struct {
		OK bool `json:"ok"`
	}
	io := socketio.New(nil)
	chat := io.Of("/chat")
	socketio.OnAck(chat, "join", func(_ context.Context, s *socketio.Socket, in Join) (Joined, error) {
		if in.Room == "" {
			return Joined{}, &socketio.Error{Code: "bad_request", Message: "room is empty"}
		}
		if err := s.Join(in.Room); err != nil {
			return Joined{}, err
		}
		return Joined{OK: true}, s.To(in.Room).Emit("user-joined", in.Name)
	})

	mux := http.NewServeMux()
	mux.Handle("/socket.io/", io) // for http.ListenAndServe

	ctx := context.Background()
	alice, _ := socketiotest.Dial(ctx, mux, "/chat", nil)
	bob, _ := socketiotest.Dial(ctx, mux, "/chat", nil)
	_, _ = alice.EmitAck(ctx, "join", Join{"go", "Alice"})
	reply, _ := bob.EmitAck(ctx, "join", Join{"go", "Bob"})
	fmt.Printf("bob gets %s\n", reply.Args)
	fmt.Printf("alice gets user-joined %s\n", alice.Expect("user-joined").Args)
	reply, _ = bob.EmitAck(ctx, "join", Join{})
	fmt.Printf("bob gets %s\n", reply.Args)
	_ = io.Shutdown(ctx)
	// Output:
	// bob gets [{"ok":true}]
	// alice gets user-joined ["Bob"]
	// bob gets [{"ok":false,"error":{"code":"bad_request","message":"room is empty"}}]
}

// A middleware decides who may connect, and keeps what it found out under a key.
func ExampleNamespace_Use() {
	user := socketio.NewKey[string]("user")
	io := socketio.New(nil)
	chat := io.Of("/chat")
	chat.Use(func(_ context.Context, s *socketio.Socket) error {
		if token := string(s.Handshake().Auth); token != `{"token":"letmein"}` {
			return &socketio.Error{Code: "unauthorized", Message: "Authentication failed"}
		}
		user.Set(s, "alice")
		return nil
	})
	socketio.OnAck(chat, "whoami", func(_ context.Context, s *socketio.Socket, _ socketio.None) (string, error) {
		name, _ := user.Get(s)
		return name, nil
	})

	ctx := context.Background()
	_, err := socketiotest.Dial(ctx, io, "/chat", nil)
	fmt.Println(err)
	c, _ := socketiotest.Dial(ctx, io, "/chat", &socketiotest.Options{Auth: map[string]string{"token": "letmein"}})
	reply, _ := c.EmitAck(ctx, "whoami")
	fmt.Printf("%s\n", reply.Args)
	_ = io.Shutdown(ctx)
	// Output:
	// socketiotest: connect error: Authentication failed
	// ["alice"]
}

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

// A Target is a value: it can be kept, narrowed down and used from any goroutine.
func ExampleTarget() {
	io := socketio.New(nil)
	news := io.Of("/news")
	socketio.On(news, "follow", func(_ context.Context, s *socketio.Socket, topic string) error {
		return s.Join(topic)
	})

	ctx := context.Background()
	reader, _ := socketiotest.Dial(ctx, io, "/news", nil)
	_, _ = reader.EmitAck(ctx, "follow", "sports")
	sports := news.To("sports", "weather")
	_ = sports.Emit("headline", "Home team wins")
	_ = sports.Except(reader.ID()).Emit("headline", "not for this reader")
	_ = news.To(reader.ID()).Emit("score", 3, 1)
	for range 2 {
		e, _ := reader.Next(ctx)
		fmt.Printf("%s %s\n", e.Name, e.Args)
	}
	_ = io.Shutdown(ctx)
	// Output:
	// headline ["Home team wins"]
	// score [3 1]
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
