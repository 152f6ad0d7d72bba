package e2e

import (
	"context"
	"testing"

	"github.com/redis/go-redis/v9"

	"parley/adapters/redispubsub"
	"parley/adapters/redisstreams"
	"parley/server/adapter"
)

// mixedClusters are the wires of a cluster over Redis, and how each side is told to speak them.
var mixedClusters = []struct {
	name    string
	node    nodePeer
	connect connector
}{
	{"classic", nodePeer{Wire: "classic", Client: "redis"}, overPubSub(redispubsub.Options{})},
	{"sharded", nodePeer{Wire: "sharded", Client: "redis"}, overPubSub(redispubsub.Options{Wire: redispubsub.Sharded})},
	{"streams", nodePeer{Wire: "streams", Client: "redis"}, overStreams},
}

func overPubSub(opts redispubsub.Options) connector {
	return func(t *testing.T, client *redis.Client) (func(adapter.Local) (adapter.Adapter, error), func(context.Context) error) {
		c, err := redispubsub.New(client, &opts)
		if err != nil {
			t.Fatal(err)
		}
		return c.Adapter, c.Close
	}
}

func overStreams(t *testing.T, client *redis.Client) (func(adapter.Local) (adapter.Adapter, error), func(context.Context) error) {
	c, err := redisstreams.New(client, nil)
	if err != nil {
		t.Fatal(err)
	}
	return c.Adapter, c.Close
}
