package socketio_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"time"

	"parley/server/socketio"
	"parley/server/socketiotest"
)

// A server that answers one event: what the handler returns is the acknowledgement.
// Clients call it with socket.emitWithAck("hello", "world").
func Example() {
	io := socketio.New(nil)
	socketio.OnAck(io.Of("/"), "hello", func(_ context.Context, s *socketio.Socket, name string) (string, error) {
		return "hello " + name, nil
	})
	mux := http.NewServeMux()
	mux.Handle("/socket.io/", io) // for http.ListenAndServe

	ctx := context.Background()
	c, _ := socketiotest.Dial(ctx, mux, "/", nil)
	reply, _ := c.EmitAck(ctx, "hello", "world")
	fmt.Printf("%s\n", reply.Args)
	_ = io.Shutdown(ctx)
	// Output: ["hello world"]
}

// Rooms: who joins one is announced to the others in it. A *socketio.Error reaches
// the client as it is.
func ExampleSocket_Join() {
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

	ctx := context.Background()
	alice, _ := socketiotest.Dial(ctx, io, "/chat", nil)
	bob, _ := socketiotest.Dial(ctx, io, "/chat", nil)
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

// A middleware decides who may connect, and keeps what it found out under a key.
// Clients that it refuses get connect_error, with the message and the data.
func ExampleNamespace_Use() {
	user := socketio.NewKey[string]("user")
	io := socketio.New(nil)
	chat := io.Of("/chat")
	chat.Use(func(_ context.Context, s *socketio.Socket) error {
		if token := string(s.Handshake().Auth); token != `{"token":"letmein"}` {
			return &socketio.Error{Message: "Authentication failed", Data: map[string]int{"status": 401}}
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
	var refused *socketiotest.ConnectError
	if errors.As(err, &refused) {
		fmt.Printf("%s, data %s\n", refused.Message, refused.Data)
	}
	c, _ := socketiotest.Dial(ctx, io, "/chat", &socketiotest.Options{Auth: map[string]string{"token": "letmein"}})
	reply, _ := c.EmitAck(ctx, "whoami")
	fmt.Printf("%s\n", reply.Args)
	_ = io.Shutdown(ctx)
	// Output:
	// Authentication failed, data {"status":401}
	// ["alice"]
}

// One parent stands for many namespaces, which come and go with their clients.
func ExampleServer_OfRegexp() {
	io := socketio.New(nil)
	games := io.OfRegexp(regexp.MustCompile(`^/game-[0-9]+$`))
	socketio.OnAck(games, "where", func(_ context.Context, s *socketio.Socket, _ socketio.None) (string, error) {
		return s.Namespace().Name(), nil
	})

	ctx := context.Background()
	for _, name := range []string{"/game-1", "/game-2", "/else"} {
		c, err := socketiotest.Dial(ctx, io, name, nil)
		if err != nil {
			fmt.Println(name, err)
			continue
		}
		reply, _ := c.EmitAck(ctx, "where")
		fmt.Printf("%s\n", reply.Args)
	}
	_ = io.Shutdown(ctx)
	// Output:
	// ["/game-1"]
	// ["/game-2"]
	// /else socketiotest: connect error: Invalid namespace
}

// A program that ends sends its clients elsewhere, one by one, and waits for its
// handlers. http.Server.Shutdown comes last: it knows nothing of WebSockets.
func ExampleServer_Shutdown() {
	io := socketio.New(nil)
	io.Of("/").OnDisconnect(func(_ context.Context, _ *socketio.Socket, why socketio.Reason) {
		fmt.Println("the server's reason:", why)
	})

	c, _ := socketiotest.Dial(context.Background(), io, "/", nil)

	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	_ = io.Drain(ctx, 50*time.Millisecond) // 30 s where there are thousands
	fmt.Println("shutdown:", io.Shutdown(ctx))

	why, _ := c.Reason(ctx)
	fmt.Println("the client's reason:", why) // official clients come back after it
	// Output:
	// the server's reason: server shutting down
	// shutdown: <nil>
	// the client's reason: transport close
}
