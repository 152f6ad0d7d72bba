package redis

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"parley/adapters/redisconn/redistest"
	"parley/namespaces/identity"
	"parley/namespaces/limits"
	"parley/namespaces/plain"
)

// No span of time has more actions than there may be, wherever it begins and on however many nodes.
func TestRateIsThatOfAllNodes(t *testing.T) {
	t.Parallel()
	s := redistest.Start(t)
	const most, span = 5, 200 * time.Millisecond
	var mu sync.Mutex
	var accepted []time.Time // each between two moments, of which this is the earlier one
	var wg sync.WaitGroup
	for range 3 {
		r := open(t, connect(t, s), nil).Rate(most, span, "chat")
		wg.Go(func() {
			for end := time.Now().Add(3 * span); time.Now().Before(end); {
				before := time.Now()
				switch _, err := r.Take(t.Context(), "ann"); {
				case err == nil:
					mu.Lock()
					accepted = append(accepted, before)
					mu.Unlock()
				case !errors.Is(err, limits.ErrRate):
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if n := len(accepted); n < 2*most || n > 4*most {
		t.Errorf("%d actions in three spans of %d", n, most)
	}
}

func TestRateUndoesWhatCameToNothing(t *testing.T) {
	t.Parallel()
	db := open(t, connect(t, redistest.Start(t)), nil)
	r := db.Rate(1, time.Hour, "chat")
	undo, err := r.Take(t.Context(), "a{}:b")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Take(t.Context(), "a{}:b"); !errors.Is(err, limits.ErrRate) {
		t.Errorf("a second of one: %v", err)
	}
	for _, other := range []limits.Rate{db.Rate(1, time.Hour, "direct"), r} {
		if _, err := other.Take(t.Context(), fmt.Sprint(other == r)); err != nil {
			t.Errorf("of another user, or another rate: %v", err)
		}
	}
	undo()
	until(t, "it counts no more", func() bool {
		_, err := r.Take(t.Context(), "a{}:b")
		return err == nil
	})
}

func TestRevocationHoldsOnAllNodesAndAfterARestart(t *testing.T) {
	t.Parallel()
	s := redistest.Start(t, "--appendonly", "yes", "--appendfsync", "always")
	var swept atomic.Int32
	a := open(t, connect(t, s), nil).Revocations(nil)
	b := open(t, connect(t, s), nil).Revocations(func() { swept.Add(1) })
	now := time.Now()
	bad := identity.Claims{ID: "t1"}
	old := identity.Claims{ID: "t2", User: identity.User{UserID: "ann"}, Issued: now.Add(-time.Hour)}
	young := identity.Claims{ID: "t3", User: identity.User{UserID: "ann"}, Issued: now.Add(time.Hour)}
	if err := errors.Join(a.RevokeToken("t1", now.Add(time.Hour)), a.RevokeUser("ann", now, now.Add(time.Hour))); err != nil {
		t.Fatal(err)
	}
	holds := func(on string, list *identity.Revocations) {
		t.Helper()
		until(t, "it holds on "+on, func() bool { return list.Has(bad) && list.Has(old) })
		if list.Has(young) {
			t.Errorf("%s: a newer token is denied", on)
		}
	}
	holds("a", a)
	holds("b", b)
	if swept.Load() == 0 {
		t.Error("nobody was told")
	}
	s.Restart()
	db := open(t, connect(t, s), nil)
	holds("a new node", db.Revocations(nil))
	until(t, "all is well", func() bool { return db.Health() == nil })

	// A list that was lost with Redis begins anew.
	s.Kill()
	if err := a.RevokeToken("t4", now.Add(time.Hour)); err == nil {
		t.Error("revoked without Redis")
	}
	if db.Health() == nil {
		until(t, "it is not well", func() bool { return db.Health() != nil })
	}
	s.Restart()
	if err := connect(t, s).FlushAll(t.Context()).Err(); err != nil {
		t.Fatal(err)
	}
	if err := a.RevokeToken("t5", now.Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	until(t, "it holds on b", func() bool { return b.Has(identity.Claims{ID: "t5"}) })
	holds("b", b)
}

func TestBusReachesOtherHubsInOrder(t *testing.T) {
	t.Parallel()
	s := redistest.Start(t)
	a, b := open(t, connect(t, s), nil).Bus(), open(t, connect(t, s), nil).Bus()
	got := make(chan string, 100)
	stopA := a.Subscribe(func(m []byte) { t.Errorf("hears itself: %s", m) })
	defer stopA()
	stopB := b.Subscribe(func(m []byte) { got <- string(m) })
	until(t, "the first arrives", func() bool {
		if err := a.Publish([]byte("ready?")); err != nil {
			t.Fatal(err)
		}
		return len(got) > 0
	})
	for i := range 50 {
		if err := a.Publish(fmt.Append(nil, i)); err != nil {
			t.Fatal(err)
		}
	}
	for want := 0; want < 50; {
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		select {
		case m := <-got:
			if m != "ready?" {
				if m != fmt.Sprint(want) {
					t.Fatalf("%s, want %d", m, want)
				}
				want++
			}
		case <-ctx.Done():
			t.Fatal("the others do not arrive")
		}
		cancel()
	}
	stopB()
	if err := a.Publish([]byte("late")); err != nil {
		t.Fatal(err)
	}
	if err := a.(*bus).db.conn.Flush(t.Context(), a.(*bus).channel); err != nil {
		t.Fatal(err)
	}
	if len(got) != 0 {
		t.Errorf("after its end it hears %s", <-got)
	}
}

func TestOptionsThatMakeNoSenseAreNamed(t *testing.T) {
	for want, o := range map[string]Options{
		`redis: Options.Prefix "a{b}" has braces`:                   {Prefix: "a{b}"},
		"redis: Options.Alive is negative":                          {Alive: -1},
		"redis: Options.Lease 1ms is too short, the least is 100ms": {Lease: time.Millisecond},
	} {
		if _, err := Open(nil, &o); err == nil || err.Error() != want {
			t.Errorf("%v, want %s", err, want)
		}
	}
}

func TestBusHearsOnlyWhoHasTheSecret(t *testing.T) {
	t.Parallel()
	s := redistest.Start(t)
	signed := &Options{Secret: []byte("a secret of 32 bytes and some more")}
	db := open(t, connect(t, s), signed)
	a, b := open(t, connect(t, s), signed).Bus(), db.Bus()
	others := []interface{ Publish([]byte) error }{
		open(t, connect(t, s), nil).Bus(), open(t, connect(t, s), &Options{Secret: []byte("another of 32 bytes and some more")}).Bus(),
	}
	got := make(chan string, 100)
	defer b.Subscribe(func(m []byte) { got <- string(m) })()
	bad := func() uint64 { return db.conn.Health().BadMessages }
	until(t, "those without it are refused, and counted", func() bool {
		for _, other := range others {
			if err := other.Publish([]byte("forged")); err != nil {
				t.Fatal(err)
			}
		}
		return bad() >= 2
	})
	until(t, "the one with it is heard", func() bool {
		if err := a.Publish([]byte("true")); err != nil {
			t.Fatal(err)
		}
		return len(got) > 0
	})
	if m := <-got; m != "true" {
		t.Errorf("%q", m)
	}
}

func TestClientsOfADeadHubAreGone(t *testing.T) {
	t.Parallel()
	s := redistest.Start(t)
	options := func(name string) *Options { return &Options{Node: name, Alive: 600 * time.Millisecond} }
	alive, dead := open(t, connect(t, s), options("alive")), open(t, connect(t, s), options("dead"))
	roll := alive.Bus().(plain.Roll)
	gone := make(chan string, 10)
	roll.Watch(func(user string) { gone <- user })
	nobody := plain.Gone{Here: func() {}, Elsewhere: func() {}}
	defer roll.Enter("bob", nobody)()
	there := dead.Bus().(plain.Roll)
	leave := there.Enter("eve", nobody)
	there.Enter("ann b", nobody)
	listed := func(want int64) func() bool {
		return func() bool {
			n, err := alive.client.SCard(t.Context(), alive.node.listKey(dead.node.current(), "ws")).Result()
			return err == nil && n == want
		}
	}
	until(t, "Redis knows both", listed(2))
	leave()
	until(t, "Redis knows one", listed(1))
	dead.end()
	select {
	case user := <-gone:
		if user != "ann b" {
			t.Errorf("%q has gone", user)
		}
	case <-time.After(patience):
		t.Fatal("nobody has gone")
	}
	until(t, "nobody is left", listed(0))
	if len(gone) > 0 {
		t.Errorf("%q has gone too", <-gone)
	}
}

// That a client has gone is told once, whoever does it.
func TestEndOfAClientIsToldOnce(t *testing.T) {
	t.Parallel()
	s := redistest.Start(t)
	mine, others := open(t, connect(t, s), &Options{Alive: time.Hour}), open(t, connect(t, s), &Options{Alive: time.Hour})
	here, there := mine.Bus().(*bus), others.Bus().(*bus)
	var told []string
	for _, b := range []*bus{here, there} {
		b.Watch(func(user string) { told = append(told, "dead "+user) })
	}
	enter := func(user string) (place string, leave func()) {
		leave = here.Enter(user, plain.Gone{Here: func() {}, Elsewhere: func() { told = append(told, "left "+user) }})
		until(t, "what that brings is over", func() bool {
			here.mu.Lock()
			defer here.mu.Unlock()
			return !here.telling
		})
		here.here.Range(func(key, _ any) bool {
			place = key.(string)
			return !strings.HasSuffix(place, " "+user)
		})
		return place, leave
	}
	evict := func(place, node string) {
		t.Helper()
		if err := there.evict(t.Context(), place, node); err != nil {
			t.Error(err)
		}
	}
	takenForDead := func() {
		mine.node.mu.Lock()
		defer mine.node.mu.Unlock()
		mine.node.id = newID("again")
	}
	expect := func(what string, want ...string) {
		t.Helper()
		if !slices.Equal(told, want) {
			t.Errorf("%s: told %q, want %q", what, told, want)
		}
		told = nil
	}

	_, leave := enter("ann")
	leave()
	expect("gone", "left ann")

	node := mine.node.current()
	place, leave := enter("bob")
	here.seats.mend(t.Context())
	if n, err := mine.client.SCard(t.Context(), mine.node.listKey(node, "ws")).Result(); n != 1 || err != nil {
		t.Fatalf("%d are listed, %v", n, err)
	}
	leave()
	evict(place, node) // the node has died then
	expect("gone", "left bob")

	place, leave = enter("cat")
	here.seats.mend(t.Context())
	evict(place, node)
	evict(place, node) // as if it had not been sure
	takenForDead()
	here.seats.mend(t.Context())
	leave()
	expect("put back too late", "dead cat")

	node = mine.node.current()
	place, leave = enter("dan")
	here.seats.mend(t.Context())
	takenForDead()
	here.seats.mend(t.Context())
	evict(place, node)
	leave()
	evict(place, mine.node.current())
	expect("put back in time", "left dan")

	node = mine.node.current()
	place, leave = enter("eve")
	here.seats.mend(t.Context())
	evict(place, node)
	leave()
	expect("gone before it is put back", "dead eve")

	node = mine.node.current()
	place, leave = enter("fay")
	here.seats.mend(t.Context())
	takenForDead()
	if err := here.evict(t.Context(), place, node); err != nil {
		t.Error(err)
	}
	here.seats.mend(t.Context())
	leave()
	expect("taken for dead by its own node", "left fay")

	keys, err := mine.client.Keys(t.Context(), "*:told:*").Result()
	if err != nil || len(keys) != 2 {
		t.Errorf("%d are remembered to have been told of, %v, want those that were by another node", len(keys), err)
	}
	left := 0
	here.here.Range(func(any, any) bool { left++; return true })
	if left+len(here.seats.busy) > 0 {
		t.Errorf("%d clients are still here", left)
	}
}

// A client that goes while Redis is away is told of at once here, elsewhere when it is back.
func TestEndOfAClientIsToldWhenRedisIsBack(t *testing.T) {
	t.Parallel()
	s := redistest.Start(t)
	db := open(t, connect(t, s), &Options{Alive: 600 * time.Millisecond})
	b := db.Bus().(*bus)
	here, elsewhere := make(chan struct{}, 10), make(chan struct{}, 10)
	gone := plain.Gone{Here: func() { here <- struct{}{} }, Elsewhere: func() { elsewhere <- struct{}{} }}
	leave := b.Enter("ann", gone)
	b.seats.mend(t.Context())
	s.Kill()
	leave()
	b.Enter("bob", gone)()
	if len(here) != 2 || len(elsewhere) != 1 {
		t.Errorf("%d told here, want both, %d elsewhere, want the one of whom Redis knows nothing", len(here), len(elsewhere))
	}
	s.Restart()
	until(t, "it is told of both", func() bool { return len(elsewhere) == 2 })
	if len(here) != 2 {
		t.Errorf("%d told here", len(here))
	}
}

// TestRedisKnowsAtOnceWhoIsAtAHub: a node may die long before it says again that it lives.
func TestRedisKnowsAtOnceWhoIsAtAHub(t *testing.T) {
	t.Parallel()
	db := open(t, connect(t, redistest.Start(t)), &Options{Alive: time.Hour})
	roll := db.Bus().(plain.Roll)
	enter := func(user string) (leave func()) {
		return roll.Enter(user, plain.Gone{Here: func() {}, Elsewhere: func() {}})
	}
	known := func(want int64) func() bool {
		return func() bool {
			n, err := db.client.SCard(t.Context(), db.node.listKey(db.node.current(), "ws")).Result()
			return err == nil && n == want
		}
	}
	enter("first")
	until(t, "the first is known", known(1)) // the lease has been renewed, and is not again
	until(t, "what that brings is over", func() bool { return len(db.node.tend) == 0 && db.node.alive() })
	var leave []func()
	for i := range 100 {
		leave = append(leave, enter(fmt.Sprint("user ", i)))
	}
	until(t, "all are known", known(101))
	for _, f := range leave {
		f()
	}
	until(t, "all but the first have left", known(1))
}
