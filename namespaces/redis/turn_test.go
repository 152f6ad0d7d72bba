package redis

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"parley/adapters/redisconn/redistest"
	"parley/server/socketio"
)

const patience = 20 * time.Second

// connect returns a client that stops when a context does.
func connect(t testing.TB, s *redistest.Server) redis.UniversalClient {
	t.Helper()
	c := redis.NewClient(&redis.Options{Addr: s.Addr, ContextTimeoutEnabled: true})
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// open returns a DB that is closed at the end of the test.
func open(t testing.TB, client redis.UniversalClient, opts *Options) *DB {
	t.Helper()
	db, err := Open(client, opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := db.Close(ctx); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return db
}

// A line is what the clients of some nodes see: what a node publishes is on its way until somebody waits for it.
type line struct {
	mu   sync.Mutex
	sent []string
	seen map[int]int // by node
}

func (l *line) publish(what string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sent = append(l.sent, what)
}

// handovers returns how often what was published came from another node than what was before it.
func (l *line) handovers() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := 0
	for i := range max(len(l.sent), 1) - 1 {
		if l.sent[i] != l.sent[i+1] {
			n++
		}
	}
	return n
}

func (l *line) sync(node int) func(context.Context, string, ...string) error {
	return func(context.Context, string, ...string) error {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.seen[node] = len(l.sent)
		return nil
	}
}

var tea = turnKey{"/chat", "tea", "tea"}

// Of several nodes one at a time has a turn, each gets it soon, and before it acts its clients have all that came before.
func TestTurnIsOneNodesAtATime(t *testing.T) {
	t.Parallel()
	s := redistest.Start(t)
	const nodes, callers, each = 3, 4, 50
	l := &line{seen: map[int]int{}}
	var inside, count atomic.Int32
	var wg sync.WaitGroup
	for n := range nodes {
		db := open(t, connect(t, s), &Options{Node: fmt.Sprint("n", n), Sync: l.sync(n), Hold: 2 * time.Millisecond})
		for range callers {
			wg.Go(func() {
				for i := 0; i < each || i < 100*each && l.handovers() < 2*nodes; i++ {
					err := db.turns.do(t.Context(), tea, false, func(ctx context.Context, h *hold) error {
						if inside.Add(1) != 1 {
							t.Error("two at a time")
						}
						defer inside.Add(-1)
						if kept, err := h.regain(ctx); !kept || err != nil {
							t.Errorf("kept %v, %v", kept, err)
						}
						l.mu.Lock()
						for _, by := range l.sent[l.seen[n]:] {
							if by != fmt.Sprint(n) {
								t.Errorf("node %d acts before it has seen what %s has published", n, by)
							}
						}
						l.mu.Unlock()
						l.publish(fmt.Sprint(n))
						count.Add(1)
						return nil
					})
					if err != nil {
						t.Error(err)
					}
				}
			})
		}
	}
	wg.Wait()
	if count.Load() < nodes*callers*each {
		t.Errorf("%d calls", count.Load())
	}
	if passed := l.handovers(); passed < 2*nodes {
		t.Errorf("handed over %d times in %d calls", passed, len(l.sent))
	}
}

func TestTurnOfADeadNodeIsFreeSoon(t *testing.T) {
	t.Parallel()
	s := redistest.Start(t)
	l := &line{seen: map[int]int{}}
	c := connect(t, s)
	dead := open(t, c, &Options{Sync: l.sync(0), Lease: 300 * time.Millisecond})
	nothing := func(context.Context, *hold) error { return nil }
	if err := dead.turns.do(t.Context(), tea, false, nothing); err != nil {
		t.Fatal(err)
	}
	dead.end() // it listens no more
	dead.running.Wait()
	db := open(t, connect(t, s), &Options{Sync: l.sync(1), Lease: 300 * time.Millisecond})
	if err := db.turns.do(t.Context(), tea, false, nothing); err != nil {
		t.Fatal(err)
	}
}

// A node that stands still while it has the turn learns that it has lost it.
func TestFrozenNodeLearnsThatItsTurnIsOver(t *testing.T) {
	t.Parallel()
	s := redistest.Start(t)
	l := &line{seen: map[int]int{}}
	frozen := open(t, connect(t, s), &Options{Sync: l.sync(0), Lease: 100 * time.Millisecond})
	other := open(t, connect(t, s), &Options{Sync: l.sync(1), Lease: 100 * time.Millisecond})
	err := frozen.turns.do(t.Context(), tea, false, func(ctx context.Context, h *hold) error {
		err := other.turns.do(ctx, tea, false, func(context.Context, *hold) error { return nil })
		if err != nil {
			t.Errorf("not to be had from a frozen node: %v", err)
		}
		kept, err := h.regain(ctx)
		if kept || err != nil {
			t.Errorf("kept %v, %v", kept, err)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestRedisAwayEndsCallsInTime(t *testing.T) {
	t.Parallel()
	s := redistest.Start(t)
	l := &line{seen: map[int]int{}}
	db := open(t, connect(t, s), &Options{Sync: l.sync(0), Timeout: 100 * time.Millisecond})
	s.Pause()
	defer s.Resume()
	var wg sync.WaitGroup
	begin := time.Now()
	for range 20 {
		wg.Go(func() {
			err := db.turns.do(t.Context(), tea, false, func(context.Context, *hold) error {
				t.Error("has the turn")
				return nil
			})
			var e *socketio.Error
			if !errors.As(err, &e) || e.Code != "unavailable" {
				t.Errorf("%v", err)
			}
		})
	}
	wg.Wait()
	if took := time.Since(begin); took > 5*time.Second {
		t.Errorf("took %v", took)
	}
}

func TestCallerThatGoesAwayWhileItWaitsHoldsNobodyUp(t *testing.T) {
	t.Parallel()
	s := redistest.Start(t)
	db := open(t, connect(t, s), nil)
	ctx, cancel := context.WithCancel(t.Context())
	err := db.turns.do(ctx, tea, false, func(inner context.Context, _ *hold) error {
		var wg sync.WaitGroup
		for range 3 {
			wg.Go(func() {
				if err := db.turns.do(ctx, tea, false, func(context.Context, *hold) error { return nil }); !errors.Is(err, context.Canceled) {
					t.Errorf("who has gone has the turn: %v", err)
				}
			})
		}
		cancel()
		wg.Wait()
		return inner.Err()
	})
	if err != nil {
		t.Fatalf("what is under way ends with its client: %v", err)
	}
	if err := db.turns.do(t.Context(), tea, false, func(context.Context, *hold) error { return nil }); err != nil {
		t.Fatal(err)
	}
}

func TestNamesDoNotCross(t *testing.T) {
	db := &DB{opts: Options{Prefix: "p"}}
	for a, b := range map[[3]string][3]string{
		{"chat", "", "x"}:     {"chat", "%", "x"},
		{"chat", "a}:x", "x"}: {"chat", "a", "x}:x"},
		{"chat", "a%7D", "x"}: {"chat", "a}", "x"},
		{"chat", "a:b", "x"}:  {"chat", "a%3Ab", "x"},
	} {
		if ka, kb := db.key(a[0], a[1], a[2]), db.key(b[0], b[1], b[2]); ka == kb {
			t.Errorf("%q and %q are both %s", a, b, ka)
		}
	}
	if got := db.key("chat", "{a}", "x"); got != "p:chat:{%7Ba%7D}:x" {
		t.Error(got)
	}
}

// What others publish on a node's channel never does more than wake it.
func FuzzWake(f *testing.F) {
	for _, message := range []string{string(wakeWanted.message(tea)), string(wakeYours.message(turnKey{})), "", "w", "w[]", `x["","",""]`, `w["a","b",1]`} {
		f.Add(message)
	}
	f.Fuzz(func(t *testing.T, message string) {
		w, key, ok := parseWake([]byte(message))
		if !ok {
			return
		}
		if again, same, ok := parseWake(w.message(key)); !ok || again != w || same != key {
			t.Errorf("%q is %c %q, written and read again %c %q", message, w, key, again, same)
		}
	})
}

// TestWakeUpsAreNotKept: whatever somebody publishes, while Redis does not answer.
func TestWakeUpsAreNotKept(t *testing.T) {
	server := redistest.Start(t)
	db := open(t, connect(t, server), &Options{Sync: new(line).sync(0), Timeout: time.Second})
	server.Pause()
	for i := range 5 * maxGiven {
		if err := db.turns.hear("", wakeYours.message(turnKey{"/chat", "r", fmt.Sprint(i)})); err != nil {
			t.Fatal(err)
		}
	}
	count := func() (all, given int) {
		db.turns.mu.Lock()
		defer db.turns.mu.Unlock()
		return len(db.turns.all), db.turns.given
	}
	if all, given := count(); all > 2*maxGiven || given != maxGiven {
		t.Errorf("%d turns, %d handed over", all, given)
	}
	server.Resume()
	for deadline := time.Now().Add(patience); ; time.Sleep(time.Millisecond) {
		if _, given := count(); given == 0 {
			break
		} else if time.Now().After(deadline) {
			t.Fatalf("%d are still being handed over", given)
		}
	}
}
