package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/redis/go-redis/v9"

	"parley/adapters/redispubsub"
	"parley/adapters/redisstreams"
	"parley/server/adapter"
	"parley/server/socketio"
)

// peers connects our side with others of its kind. Nil is a server that is alone.
type peers struct {
	client  redis.UniversalClient
	cluster interface {
		Adapter(local adapter.Local) (adapter.Adapter, error)
		Close(ctx context.Context) error
	}
}

func connectPeers(addr, wire string) (*peers, error) {
	if addr == "" {
		return nil, nil
	}
	p := &peers{client: redis.NewClient(&redis.Options{Addr: addr})}
	var err error
	switch wire {
	case "streams":
		p.cluster, err = redisstreams.New(p.client, nil)
	case "pubsub":
		p.cluster, err = redispubsub.New(p.client, nil)
	case "sharded":
		p.cluster, err = redispubsub.New(p.client, &redispubsub.Options{Wire: redispubsub.Sharded})
	default:
		err = fmt.Errorf("unknown: %q", wire)
	}
	if err != nil {
		return nil, errors.Join(err, p.client.Close())
	}
	return p, nil
}

func (p *peers) options() *socketio.Options {
	if p == nil {
		return nil
	}
	return &socketio.Options{Adapter: p.cluster.Adapter}
}

func (p *peers) close(ctx context.Context) error {
	if p == nil {
		return nil
	}
	return errors.Join(p.cluster.Close(ctx), p.client.Close())
}
