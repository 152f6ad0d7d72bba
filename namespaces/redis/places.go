package redis

import (
	"context"
	"sync"
)

// places are who is somewhere through this node: sockets, each with a value, under the
// names of rooms, documents or users of one kind. Redis has a list of the names, so that
// other nodes find them when this one is dead.
type places[V any] struct {
	db   *DB
	kind string
	// restore puts a socket back, because the node had been taken for dead.
	restore func(ctx context.Context, name, socket string, v V) error

	mu  sync.Mutex // guards what follows
	all map[string]map[string]V
}

// newPlaces returns places of a kind, to be called before the first use of the DB. evict takes
// everybody out who is somewhere through a node that is dead, and tells the others; it may be
// called again after an error, and on several nodes.
func newPlaces[V any](db *DB, kind string, evict func(ctx context.Context, name, node string) error,
	restore func(ctx context.Context, name, socket string, v V) error) *places[V] {
	panic("soon")
}

// add notes a socket, before it is put somewhere in Redis, where it is to be marked with the
// node that add returns.
func (p *places[V]) add(ctx context.Context, name, socket string, v V) (node string, err error) {
	panic("soon")
}

// remove undoes add, after the socket has been taken out in Redis.
func (p *places[V]) remove(name, socket string) { panic("soon") }
