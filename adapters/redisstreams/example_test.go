package redisstreams_test

import (
	"context"
	"log"
	"net/http"
	"time"

	"github.com/redis/go-redis/v9"

	"parley/adapters/redisstreams"
	"parley/server/socketio"
)

// A server whose clients, when they have lost their connection, may come back to any
// server of the cluster and get what they have missed.
func Example() {
	client := redis.NewClient(&redis.Options{Addr: "localhost:6379"})
	cluster, err := redisstreams.New(client, nil)
	if err != nil {
		log.Fatal(err)
	}
	io := socketio.New(&socketio.Options{Adapter: cluster.Adapter})
	chat := io.Of("/chat")
	chat.EnableRecovery(socketio.Recovery{})
	chat.OnConnect(func(_ context.Context, s *socketio.Socket) {
		if s.Recovered() {
			return // it is in its rooms
		}
		if err := s.Join("lobby"); err != nil {
			log.Print(err)
		}
	})
	http.Handle("/socket.io/", io)
	log.Print(http.ListenAndServe(":3000", nil))

	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	log.Print(io.Shutdown(ctx), cluster.Close(ctx), client.Close()) // in this order
}
