package redis

import (
	"context"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
)

// A node is this process among those that share the state: its lease, and what is owed
// to the users of those whose lease is over.
type node struct {
	db   *DB
	tend chan struct{} // of capacity 1: the lease has been renewed

	renewing sync.Mutex // held while Redis is told

	mu     sync.Mutex // guards what follows
	id     string     // marks what is there through this node; a new one once it was taken for dead
	known  bool       // Redis has heard of the id
	steady time.Time  // since when the lease has been renewed in time; zero: not
	dead   []string   // whose users this node is to take out
	kinds  []kind
}

// A kind is what places of any type are to their node.
type kind interface {
	name() string
	// mend does what Redis could not be told before.
	mend(ctx context.Context)
	// evict takes out who is at a place through a dead node.
	evict(ctx context.Context, place, node string) error
}

var (
	scriptRenew     = script("node_renew")
	scriptLeaveNode = script("node_leave")
)

// at is how many places of a node are worked at in parallel.
const at = 16

func (n *node) keys() []string {
	return []string{n.db.key("nodes", "", "alive"), n.db.key("nodes", "", "dead")}
}

// current returns the mark of what is there through this node.
func (n *node) current() string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.id
}

// alive reports whether Redis has just heard of this node.
func (n *node) alive() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return !n.steady.IsZero()
}

// run renews the lease until the DB is closed.
func (n *node) run() {
	tick := time.NewTicker(n.db.opts.Alive / 3)
	defer tick.Stop()
	for {
		n.renew()
		select {
		case <-tick.C:
		case <-n.db.life.Done():
			return
		}
	}
}

// renew renews the lease, and begins a new one if this node was taken for dead.
func (n *node) renew() {
	n.renewing.Lock()
	defer n.renewing.Unlock()
	for n.tryRenew() {
		n.db.opts.Logger.Warn("taken for dead; all users are put back", "node", n.db.opts.Node)
	}
}

func (n *node) tryRenew() (again bool) {
	n.mu.Lock()
	id, known := n.id, n.known
	// Others may have been kept from Redis as long as this node was.
	judge := !n.steady.IsZero() && time.Since(n.steady) > n.db.opts.Alive
	n.mu.Unlock()
	v, err := n.db.run(n.db.life, scriptRenew, n.keys(), id, flag(known), n.db.opts.Alive.Milliseconds(), flag(judge))
	if err != nil {
		n.db.trouble("node not known to be alive", err)
		n.mu.Lock()
		n.steady = time.Time{}
		n.mu.Unlock()
		return false
	}
	r := reply{v}
	n.mu.Lock()
	late := time.Duration(r.at(1).int())*time.Millisecond > n.db.opts.Alive
	switch {
	case r.at(0).int() == 0:
		n.id, n.known, n.steady = newID(n.db.opts.Node), false, time.Time{}
	case late || n.steady.IsZero():
		n.known, n.steady = true, time.Now()
	default:
		n.known = true
	}
	if dead := r.at(2).text(); dead != "" {
		n.dead = append(n.dead, dead)
	}
	again = !n.known
	n.mu.Unlock()
	if !again {
		select {
		case n.tend <- struct{}{}:
		default:
		}
	}
	return again
}

func flag(on bool) int {
	if on {
		return 1
	}
	return 0
}

// mend does, after each renewal, what is owed to Redis and to the users of dead nodes.
func (n *node) mend() {
	for {
		select {
		case <-n.tend:
		case <-n.db.life.Done():
			return
		}
		n.mu.Lock()
		dead, kinds := n.dead, n.kinds
		n.dead = nil
		n.mu.Unlock()
		for _, k := range kinds {
			k.mend(n.db.life)
		}
		more := len(dead) > 0
		for _, id := range dead {
			more = n.bury(n.db.life, id, kinds) && more
		}
		if more { // Redis names one at a time
			n.renew()
		}
	}
}

// bury takes out all who are there through a dead node. What fails, another node tries
// again, or this one.
func (n *node) bury(ctx context.Context, id string, kinds []kind) (done bool) {
	for _, k := range kinds {
		if err := n.clear(ctx, id, k); err != nil {
			n.db.trouble("users of a dead node are still there", err)
			return false
		}
	}
	left, err := n.db.client.Exists(ctx, n.db.key("node", id, "kinds")).Result()
	if err == nil && left == 0 {
		err = n.db.client.ZRem(ctx, n.keys()[1], id).Err()
	}
	if err != nil {
		n.db.trouble("users of a dead node are still there", err)
	}
	return err == nil
}

// clear empties the list of places of one kind.
func (n *node) clear(ctx context.Context, id string, k kind) error {
	list := n.listKey(id, k.name())
	for {
		places, err := n.db.client.SRandMemberN(ctx, list, 256).Result()
		if err != nil {
			return err
		}
		if len(places) == 0 {
			return n.db.client.SRem(ctx, n.db.key("node", id, "kinds"), k.name()).Err()
		}
		err = each(places, func(place string) error {
			if err := k.evict(ctx, place, id); err != nil {
				return err
			}
			return n.db.client.SRem(ctx, list, place).Err()
		})
		if err != nil {
			return err
		}
	}
}

// each calls f for all of the list, some at a time, and returns one of the errors.
func each[T any](list []T, f func(T) error) error {
	var wg sync.WaitGroup
	var mu sync.Mutex
	var failed error
	next := 0
	for range min(at, len(list)) {
		wg.Go(func() {
			for {
				mu.Lock()
				i := next
				next++
				stop := failed != nil || i >= len(list)
				mu.Unlock()
				if stop {
					return
				}
				if err := f(list[i]); err != nil {
					mu.Lock()
					failed = err
					mu.Unlock()
				}
			}
		})
	}
	wg.Wait()
	return failed
}

func (n *node) listKey(id, kind string) string { return n.db.key("node", id, "places:"+kind) }

// list adds a place to those where somebody is through this node, for who finds it dead.
func (n *node) list(ctx context.Context, id, kind, place string) error {
	ctx, cancel := n.db.bounded(ctx)
	defer cancel()
	_, err := n.db.client.TxPipelined(ctx, func(p redis.Pipeliner) error {
		p.SAdd(ctx, n.db.key("node", id, "kinds"), kind)
		p.SAdd(ctx, n.listKey(id, kind), place)
		return nil
	})
	return unavailable(err)
}

// unlist undoes list.
func (n *node) unlist(ctx context.Context, id, kind string, places []any) error {
	ctx, cancel := n.db.bounded(ctx)
	defer cancel()
	return unavailable(n.db.client.SRem(ctx, n.listKey(id, kind), places...).Err())
}

// settle does what mend does, for the last time.
func (n *node) settle(ctx context.Context) {
	n.mu.Lock()
	kinds := n.kinds
	n.mu.Unlock()
	for _, k := range kinds {
		k.mend(ctx)
	}
}

// leave ends the lease. It does without if Redis does not answer.
func (n *node) leave(ctx context.Context) {
	id := n.current()
	if _, err := n.db.run(ctx, scriptLeaveNode, n.keys(), id, n.db.opts.Return.Milliseconds()); err != nil {
		n.db.opts.Logger.Warn("node has not said that it goes", "node", n.db.opts.Node, "error", err)
	}
}
