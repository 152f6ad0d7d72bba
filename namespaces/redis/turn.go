package redis

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
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
//
// A node keeps a turn until another one wants it, or until its lease is over, so a room
// of which one node has the active users costs it a script every now and then.
type turns struct {
	db *DB

	mu    sync.Mutex // guards what follows, and the fields of a turn that say so
	all   map[turnKey]*turn
	swept int // turns that the last sweep has left
	given int // turns that are being handed over because another node has said something
}

// A turn is what one node knows of a turn.
type turn struct {
	key turnKey

	// Guarded by turns.mu.
	busy    bool         // a call has it in this node
	waiting []chan error // the calls that come next; an error refuses them
	wanted  bool         // by another node

	wake chan struct{} // of capacity 1: Redis may have it for this node now

	// For the call that has it.
	taken time.Time // when this node got it from another one
	asked time.Time // when its lease was last asked for; zero: it has none
	dirty bool      // this node may have published since the last Sync
	stale bool      // others may have published since the last Sync
	lapse bool      // the node that had it before may have died in it
}

// A hold is the turn while f of turns.do has it.
type hold struct {
	turns *turns
	turn  *turn
}

const (
	turnMemory = time.Minute            // how long Redis knows who had a turn
	turnPoll   = 250 * time.Millisecond // wake-ups may be lost
	maxGiven   = 1000                   // turns; further wake-ups are, and who wants one asks again
)

// usable is how long a node acts on a lease, and sure how long nobody else can have it.
func (t *turns) usable() time.Duration { return t.db.opts.Lease * 2 / 3 }
func (t *turns) sure() time.Duration   { return t.db.opts.Lease * 5 / 6 }

// do calls f when it is this node's turn, and in this node that of the caller, which is
// in the order of the calls. With fresh, also what this node has published itself has
// been delivered to its clients. The context of f is not that of the client, which may go
// while what f does is half done; it ends with the DB or after Options.Timeout.
//
// The errors of do itself are fit for clients.
func (t *turns) do(ctx context.Context, key turnKey, fresh bool, f func(ctx context.Context, h *hold) error) error {
	client := ctx
	ctx, cancel := context.WithTimeout(ctx, t.db.opts.Timeout+2*t.db.opts.Lease) // a dead node may have it
	defer cancel()
	defer context.AfterFunc(t.db.life, cancel)()
	u, err := t.enter(ctx, key)
	if err != nil {
		return unavailable(err)
	}
	defer t.leave(u)
	if err := t.take(ctx, u, fresh); err != nil {
		if client.Err() == nil { // else the next call may have it
			t.refuse(u, err)
		}
		return unavailable(err)
	}
	ctx, done := t.db.bounded(context.WithoutCancel(ctx))
	defer done()
	u.dirty = true
	return f(ctx, &hold{t, u})
}

// regain is called before f publishes what it has changed. It reports whether the node has
// had the turn since f began: if not, for it has stood still for too long, others may have
// had changes and published them, and it has the turn again now.
func (h *hold) regain(ctx context.Context) (kept bool, err error) {
	t, u := h.turns, h.turn
	if t.db.opts.Sync == nil || time.Since(u.asked) < t.sure() {
		return true, nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), t.db.opts.Timeout+2*t.db.opts.Lease)
	defer cancel()
	defer context.AfterFunc(t.db.life, cancel)()
	before := u.taken
	if err := t.take(ctx, u, false); err != nil {
		return false, unavailable(err)
	}
	u.dirty = true
	return u.taken.Equal(before), nil
}

// lapsed reports, once, whether another node has had the turn and not ended it: it may
// have changed something that it has not published, and may have died.
func (h *hold) lapsed() bool {
	was := h.turn.lapse
	h.turn.lapse = false
	return was
}

// enter waits until a turn is the caller's in this node.
func (t *turns) enter(ctx context.Context, key turnKey) (*turn, error) {
	t.mu.Lock()
	u := t.turn(key)
	if !u.busy {
		u.busy = true
		t.mu.Unlock()
		return u, nil
	}
	mine := make(chan error, 1)
	u.waiting = append(u.waiting, mine)
	t.mu.Unlock()
	select {
	case err := <-mine:
		return u, err
	case <-ctx.Done():
	}
	t.mu.Lock()
	i := slices.Index(u.waiting, mine)
	if i >= 0 {
		u.waiting = slices.Delete(u.waiting, i, i+1)
	}
	t.mu.Unlock()
	if i < 0 && <-mine == nil {
		t.leave(u)
	}
	return nil, context.Cause(ctx)
}

// turn returns the turn of a key. The caller holds mu.
func (t *turns) turn(key turnKey) *turn {
	u := t.all[key]
	if u == nil {
		t.sweep()
		u = &turn{key: key, wake: make(chan struct{}, 1)}
		t.all[key] = u
	}
	return u
}

// sweep forgets turns that this node does not have, whenever there are twice as many as
// after the last time. The caller holds mu.
func (t *turns) sweep() {
	const few = 256
	if len(t.all) < max(few, 2*t.swept) {
		return
	}
	left := make(map[turnKey]*turn) // a map does not shrink
	for key, u := range t.all {
		if u.busy || time.Since(u.asked) < t.db.opts.Lease || u.stale && time.Since(u.asked) < turnMemory+t.db.opts.Lease {
			left[key] = u
		}
	}
	t.all, t.swept = left, len(left)
}

// leave gives a turn to the next call in this node, unless another node is next.
func (t *turns) leave(u *turn) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if u.wanted && (len(u.waiting) == 0 || time.Since(u.taken) > t.db.opts.Hold) && t.db.spawn(func() { t.pass(u) }) {
		return
	}
	t.next(u)
}

// next gives a turn to the next call in this node. The caller holds mu.
func (t *turns) next(u *turn) {
	if len(u.waiting) == 0 {
		u.busy, u.waiting = false, nil
		return
	}
	u.waiting[0] <- nil
	u.waiting = u.waiting[1:]
}

// refuse ends the waiting of all calls for a turn that cannot be had: they need not each
// wait for the same error.
func (t *turns) refuse(u *turn, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, w := range u.waiting {
		w <- err
	}
	u.waiting = nil
}

// take makes sure that this node has the turn, and that its clients have what was
// published before.
func (t *turns) take(ctx context.Context, u *turn, fresh bool) error {
	if t.db.opts.Sync == nil {
		return nil
	}
	for time.Since(u.asked) >= t.usable() || u.stale {
		if time.Since(u.asked) >= t.usable() {
			if err := t.ask(ctx, u); err != nil {
				return err
			}
		}
		if u.stale {
			if err := t.sync(ctx, u); err != nil {
				return err
			}
		}
	}
	if fresh && u.dirty {
		return t.sync(ctx, u)
	}
	return nil
}

func (t *turns) sync(ctx context.Context, u *turn) error {
	ctx, cancel := context.WithTimeout(ctx, t.db.opts.Timeout)
	defer cancel()
	for {
		err := t.db.opts.Sync(ctx, u.key.namespace, u.key.room)
		if err == nil {
			u.dirty, u.stale = false, false
			return nil
		}
		select { // what is published goes over connections of its own, which may not be back yet
		case <-time.After(turnPoll / 5):
		case <-ctx.Done():
			return err
		}
	}
}

// ask asks Redis for the turn until this node has it.
func (t *turns) ask(ctx context.Context, u *turn) error {
	poll := time.NewTimer(turnPoll)
	defer poll.Stop()
	for {
		asked := time.Now()
		got, last, wanting, lapsed, err := t.tryTake(ctx, u)
		if err != nil {
			return err
		}
		if got {
			if u.asked = asked; last != t.db.id {
				u.taken, u.stale = asked, true
				u.lapse = u.lapse || lapsed
			}
			t.mu.Lock()
			u.wanted = wanting
			t.mu.Unlock()
			return nil
		}
		poll.Reset(turnPoll)
		select {
		case <-u.wake:
		case <-poll.C:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

var (
	scriptTake = script("turn_take")
	scriptPass = script("turn_pass")
)

func (t *turns) tryTake(ctx context.Context, u *turn) (got bool, last string, wanted, lapsed bool, err error) {
	v, err := t.db.run(ctx, scriptTake, t.keys(u.key), t.db.id, t.db.opts.Lease.Milliseconds(), turnMemory.Milliseconds(),
		t.db.channel("node:"), wakeWanted.message(u.key))
	if err != nil {
		return false, "", false, false, err
	}
	r := reply{v}
	return r.at(0).int() == 1, r.at(1).text(), r.at(2).int() > 0, r.at(3).int() == 1, nil
}

// has reports whether the turn is this node's in Redis.
func (t *turns) has(ctx context.Context, key turnKey) (bool, error) {
	ctx, done := t.db.bounded(ctx)
	defer done()
	node, err := t.db.client.HGet(ctx, t.keys(key)[0], "node").Result()
	if errors.Is(err, redis.Nil) {
		err = nil
	}
	return node == t.db.id, unavailable(err)
}

func (t *turns) keys(key turnKey) []string {
	name := key.namespace + "\x00" + key.name
	return []string{t.db.key("turn", name, "turn"), t.db.key("turn", name, "queue")}
}

// pass hands a turn, which is busy for it, over to the node that wants it.
func (t *turns) pass(u *turn) {
	ctx, cancel := context.WithTimeout(t.db.life, t.db.opts.Timeout)
	defer cancel()
	var err error
	if u.dirty {
		err = t.sync(ctx, u)
	}
	if err == nil {
		u.asked = time.Time{}
		_, err = t.db.run(ctx, scriptPass, t.keys(u.key), t.db.id, (t.db.opts.Lease / 3).Milliseconds(), t.db.channel("node:"), wakeYours.message(u.key))
	}
	if err != nil {
		t.db.trouble("turn not handed over", err) // it is free when its lease is over
		t.refuse(u, err)                          // who waited for this would wait as long again
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	u.wanted = false
	t.next(u)
}

// woken is told by another node that it wants a turn, or that it is this one's now.
func (t *turns) woken(w wake, key turnKey) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.all[key] == nil && t.given >= maxGiven {
		return
	}
	u := t.turn(key)
	switch {
	case w == wakeWanted && u.busy:
		u.wanted = true
	case w == wakeYours && u.busy:
		select {
		case u.wake <- struct{}{}:
		default:
		}
	case t.given >= maxGiven:
	case t.db.spawn(func() { t.give(u) }): // nobody here needs it
		u.busy = true
		t.given++
	}
}

// give is pass for a turn that is counted in given.
func (t *turns) give(u *turn) {
	t.pass(u)
	t.mu.Lock()
	defer t.mu.Unlock()
	t.given--
}

// giveBack ends the turns that this node still has.
func (t *turns) giveBack(ctx context.Context) {
	t.mu.Lock()
	var list []*turn
	for _, u := range t.all {
		if !u.busy && time.Since(u.asked) < t.db.opts.Lease {
			list = append(list, u)
		}
	}
	t.all = make(map[turnKey]*turn)
	t.mu.Unlock()
	for _, u := range list {
		_, err := t.db.run(ctx, scriptPass, t.keys(u.key), t.db.id, (t.db.opts.Lease / 3).Milliseconds(), t.db.channel("node:"), wakeYours.message(u.key))
		if err != nil {
			return // they are free when their leases are over
		}
	}
}
