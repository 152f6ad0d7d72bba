package forward_test

import (
	"context"
	"log"
	"net/http"
	"time"

	"github.com/redis/go-redis/v9"

	"parley/adapters/forward"
	"parley/adapters/redisstreams"
	"parley/server/socketio"
)

// A server of several behind a load balancer that remembers nothing.
func Example() {
	client := redis.NewClient(&redis.Options{Addr: "localhost:6379"})
	cluster, err := redisstreams.New(client, nil)
	if err != nil {
		log.Fatal(err)
	}
	node, err := forward.New(client, &forward.Options{URL: "http://10.0.0.7:3000"}) // for the other servers
	if err != nil {
		log.Fatal(err)
	}
	io := socketio.New(&socketio.Options{Adapter: cluster.Adapter, NodeTag: node.Tag()})
	http.Handle("/socket.io/", node.Handler(io))
	log.Print(http.ListenAndServe(":3000", nil))

	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	log.Print(io.Shutdown(ctx), node.Close(ctx), cluster.Close(ctx), client.Close()) // in this order
}
