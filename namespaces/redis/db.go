// Package redis keeps the state of the namespaces in Redis, where several nodes share
// it: the rooms of the chat with their history and who is in them, documents,
// notifications, how often users write, revoked tokens, and the messages of /ws.
//
// Redis 7 or newer, alone, behind Sentinel or as a cluster. What a call has returned is
// as safe as Redis keeps it (appendonly, appendfsync); without persistence it is gone
// with Redis. Redis must not evict (maxmemory-policy noeviction): what is kept is bounded
// by the limits of the stores. All keys and channels begin with Options.Prefix and a colon.
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
	"crypto/rand"
	"encoding/hex"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/redis/go-redis/v9"

	"parley/adapters/redisconn"
)

// A DB is the state in Redis, as one node uses it. It may be used by any number of
// goroutines.
type DB struct {
	client redis.UniversalClient
	conn   *redisconn.Conn // for what is published
	opts   Options
	id     string // of this process, by which others wake it
	turns  *turns
	node   *node
	ops    atomic.Uint64

	life context.Context // ends with Close
	end  context.CancelFunc

	mu          sync.Mutex // guards what follows
	closing     bool
	revocations *revocations   // nil if nobody asked for them
	running     sync.WaitGroup // goroutines; none is added once closing is set
}

// Open returns a DB, which must be closed. It does not wait for Redis: while that is
// away, calls end with an error, fit for clients, with the code "unavailable". The
// client stays the caller's; its option ContextTimeoutEnabled should be set, or a call
// takes as long as the client's own timeouts and retries, whatever Options.Timeout says.
func Open(client redis.UniversalClient, opts *Options) (*DB, error) {
	o, err := opts.withDefaults()
	if err != nil {
		return nil, err
	}
	db := &DB{client: client, opts: o, id: newID(o.Node)}
	db.life, db.end = context.WithCancel(context.Background())
	db.turns = &turns{db: db, all: make(map[turnKey]*turn)}
	db.node = &node{db: db, id: newID(o.Node), tend: make(chan struct{}, 1)}
	db.conn = redisconn.New(client, &redisconn.Options{Logger: o.Logger, ProbePrefix: o.Prefix + ":probe", Timeout: o.Timeout})
	db.conn.Subscribe(redisconn.SubOptions{Channel: db.channel("node:" + db.id), Handler: db.turns.hear})
	db.spawn(db.node.run)
	db.spawn(db.node.mend)
	return db, nil
}

// newID returns an id that is a node's alone.
func newID(node string) string {
	var tag [8]byte
	rand.Read(tag[:])
	return strings.ReplaceAll(escape(node), " ", "%20") + "." + hex.EncodeToString(tag[:])
}

// Close ends this node's part, after the servers that use it have been shut down: its
// turns go to others, and who is still there through it is taken out by another node
// after Options.Return. When ctx ends it leaves that to the leases. It leaves no
// goroutine.
func (db *DB) Close(ctx context.Context) error {
	db.mu.Lock()
	again := db.closing
	db.closing = true
	db.mu.Unlock()
	if again {
		return nil
	}
	db.node.settle(ctx)
	db.end()
	db.running.Wait()
	db.node.leave(ctx)
	db.turns.giveBack(ctx)
	_ = db.conn.Close(ctx) // it ends with ctx, whose error follows
	return ctx.Err()
}

// Health returns nil while all is well: Redis hears that this node is alive, messages go both
// ways, and the deny list, where there is one, has been read.
func (db *DB) Health() error {
	db.mu.Lock()
	closed, r := db.closing, db.revocations
	db.mu.Unlock()
	switch {
	case closed:
		return errors.New("redis: closed")
	case !db.node.alive():
		return errors.New("redis: not reached lately")
	case !db.conn.Health().OK():
		return errors.New("redis: messages do not go both ways")
	case r != nil && !r.complete():
		return errors.New("redis: revoked tokens not read yet")
	}
	return nil
}

// spawn runs f on a goroutine that Close waits for, which f must end with db.life. It
// reports false if the DB is being closed.
func (db *DB) spawn(f func()) bool {
	db.mu.Lock()
	defer db.mu.Unlock()
	if db.closing {
		return false
	}
	db.running.Go(f)
	return true
}

// bounded returns a context for calls of Redis that belong together.
func (db *DB) bounded(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithTimeout(ctx, db.opts.Timeout)
	stop := context.AfterFunc(db.life, cancel)
	return ctx, func() { stop(); cancel() }
}

// channel returns the name of a channel.
func (db *DB) channel(name string) string { return db.opts.Prefix + ":" + name }

// trouble logs what goes on without.
func (db *DB) trouble(what string, err error) {
	if db.life.Err() == nil {
		db.opts.Logger.Warn(what, slog.String("node", db.opts.Node), slog.Any("error", err))
	}
}
