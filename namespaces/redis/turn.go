package redis

import (
	"context"
	"sync"
	"time"
)

// A turnKey says what a turn is about.
type turnKey struct {
	namespace string // whose clients hear of it
	room      string // the room of the namespace that they are in
	name      string // of the turn, in its namespace
}

// turns give the nodes their turns, each about one room, document or user. What is
// published in a turn has reached the clients of a node before it has the turn, so that
// all clients see one order.
type turns struct {
	db *DB

	mu  sync.Mutex // guards what follows, and turn's own fields that say so
	all map[turnKey]*turn
}

// A hold is the turn while f of turns.do has it.
type hold struct {
	turns *turns
	turn  *turn
}

// do calls f when it is this node's turn, and in this node that of the caller, which is
// in the order of the calls. With fresh, also what this node has published itself has
// been delivered to its clients. The context of f is not that of the client, which may go
// while what f does is half done; it ends with the DB or after Options.Timeout.
//
// The errors of do itself are fit for clients.
func (t *turns) do(ctx context.Context, key turnKey, fresh bool, f func(ctx context.Context, h *hold) error) error {
	panic("soon")
}

// regain is called before f publishes what it has changed. It reports whether the node has
// had the turn since f began: if not, for it has stood still for too long, others may have
// had changes and published them, and it has the turn again now.
func (h *hold) regain(ctx context.Context) (kept bool, err error) { panic("soon") }

type turn struct{ until time.Time }
