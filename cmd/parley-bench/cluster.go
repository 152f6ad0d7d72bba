package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/redis/go-redis/v9"

	"parley/adapters/redispubsub"
	"parley/adapters/redisstreams"
	"parley/server/socketio"
)

// connect makes the options of a server that has others beside it. leave is to be called after its shutdown.
func connect(url, wire string) (options *socketio.Options, leave func(context.Context) error, err error) {
	if url == "" {
		return nil, func(context.Context) error { return nil }, nil
	}
	at, err := redis.ParseURL(url)
	if err != nil {
		return nil, nil, fmt.Errorf("--redis: %w", err)
	}
	client := redis.NewClient(at)
	var cluster interface {
		Close(context.Context) error
	}
	options = new(socketio.Options)
	switch wire {
	case "classic", "sharded":
		o := &redispubsub.Options{Wire: redispubsub.Classic}
		if wire == "sharded" {
			o.Wire = redispubsub.Sharded
		}
		var c *redispubsub.Cluster
		if c, err = redispubsub.New(client, o); err == nil {
			cluster, options.Adapter = c, c.Adapter
		}
	case "streams":
		var c *redisstreams.Cluster
		if c, err = redisstreams.New(client, nil); err == nil {
			cluster, options.Adapter = c, c.Adapter
		}
	default:
		err = fmt.Errorf("--wire %q: want classic, sharded or streams", wire)
	}
	if err != nil {
		return nil, nil, errors.Join(err, client.Close())
	}
	return options, func(ctx context.Context) error { return errors.Join(cluster.Close(ctx), client.Close()) }, nil
}
