package redispubsub_test

import (
	"context"
	"log"
	"net/http"
	"time"

	"github.com/redis/go-redis/v9"

	"parley/adapters/redispubsub"
	"parley/server/socketio"
)

// A server in one cluster with Node servers that have createShardedAdapter; without
// options it is one with those that have createAdapter.
func Example() {
	client := redis.NewClient(&redis.Options{Addr: "localhost:6379"})
	cluster, err := redispubsub.New(client, &redispubsub.Options{Wire: redispubsub.Sharded})
	if err != nil {
		log.Fatal(err)
	}
	io := socketio.New(&socketio.Options{Adapter: cluster.Adapter})
	socketio.On(io.Of("/chat"), "say", func(_ context.Context, s *socketio.Socket, text string) error {
		return s.To("lobby").Emit("said", text) // on every server
	})
	http.Handle("/socket.io/", io)
	log.Print(http.ListenAndServe(":3000", nil))

	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	log.Print(io.Shutdown(ctx), cluster.Close(ctx), client.Close()) // in this order
}
