package redisemitter_test

import (
	"context"
	"log"
	"time"

	"github.com/redis/go-redis/v9"

	"parley/adapters/redisemitter"
	"parley/adapters/redispubsub"
)

// A process that only emits, such as a worker that tells clients of its progress.
func Example() {
	client := redis.NewClient(&redis.Options{Addr: "localhost:6379"})
	defer client.Close()
	c, err := redispubsub.New(client, nil)
	if err != nil {
		log.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	defer c.Close(ctx)
	io := redisemitter.New(c)
	if err := io.Of("/jobs").To("job-7").Emit(ctx, "progress", map[string]int{"percent": 40}); err != nil {
		log.Print(err)
	}
}
