package reactor

import (
	"net"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// runs makes the owner run f as a task for each batch of input.
func (o *owner) runs(f func()) *owner {
	o.input = func(t Turn, _ []byte) { t.Run(taskFunc(f)) }
	return o
}

func start(t *testing.T, r *Reactor, o *owner) net.Conn {
	t.Helper()
	client := tcp.open(t, r, o)
	o.conn.Start()
	return client
}

func send(t *testing.T, client net.Conn, s string) {
	t.Helper()
	if _, err := client.Write([]byte(s)); err != nil {
		t.Fatal(err)
	}
}

func TestTasksRunAfterTheirBatch(t *testing.T) {
	r := oneLoop(t)
	o := newOwner(t)
	var parsed atomic.Bool
	const n = 2 * waryFor
	done := make(chan int, n)
	o.input = func(turn Turn, _ []byte) {
		for i := range n {
			turn.Run(taskFunc(func() {
				if !parsed.Load() {
					t.Error("a task ran before its batch was parsed")
				}
				done <- i
			}))
		}
		parsed.Store(true)
	}
	send(t, start(t, r, o), "x")
	seen := map[int]bool{}
	for range n {
		seen[await(t, "a task", done)] = true
	}
	if len(seen) != n {
		t.Errorf("%d of %d tasks ran", len(seen), n)
	}
}

func TestBlockedTaskHoldsUpNobody(t *testing.T) {
	r := oneLoop(t)
	release := make(chan struct{})
	blocked := make(chan struct{}, 1)
	later := make(chan struct{}, 1)
	o := newOwner(t)
	o.input = func(turn Turn, _ []byte) {
		turn.Run(taskFunc(func() {
			blocked <- struct{}{}
			<-release
			later <- struct{}{}
		}))
		turn.Run(taskFunc(func() { later <- struct{}{} }))
	}
	blocker := start(t, r, o)
	other := start(t, r, newOwner(t).echo())

	echoed(t, other, "before")
	for range 3 {
		send(t, blocker, "x")
		await(t, "the task", blocked)
		began := time.Now()
		await(t, "the next task of the same batch", later)
		for range 100 {
			echoed(t, other, "meanwhile")
		}
		if d := time.Since(began); d > time.Second {
			t.Errorf("others were held up for %v", d)
		}
		release <- struct{}{}
		await(t, "the rest of the blocked task", later)
	}
	echoed(t, other, "after")
}

func TestTasksOfManyConnectionsMayBlockAtOnce(t *testing.T) {
	r := oneLoop(t)
	const n = 50
	var together sync.WaitGroup
	together.Add(n)
	passed := make(chan struct{}, n)
	for range n {
		o := newOwner(t).runs(func() {
			together.Done()
			together.Wait()
			passed <- struct{}{}
		})
		send(t, start(t, r, o), "x")
	}
	for range n {
		await(t, "a task that waits for all others", passed)
	}
}

func TestPanicInATaskEndsNothing(t *testing.T) {
	r := oneLoop(t)
	o := newOwner(t)
	ran := make(chan struct{}, 1)
	o.input = func(turn Turn, _ []byte) {
		turn.Run(taskFunc(func() { panic("a mistake") }))
		turn.Run(taskFunc(func() { ran <- struct{}{} }))
	}
	client := start(t, r, o)
	for range 3 {
		send(t, client, "x")
		await(t, "the task behind the one that panics", ran)
	}
	r.Go(taskFunc(func() { panic("another") }))
}

// Goexit is what t.FailNow does in the handler of somebody's test.
func TestTaskThatExitsItsGoroutineIsOvertaken(t *testing.T) {
	r := oneLoop(t)
	o := newOwner(t)
	ran := make(chan struct{}, 1)
	o.input = func(turn Turn, _ []byte) {
		turn.Run(taskFunc(runtime.Goexit))
		turn.Run(taskFunc(func() { ran <- struct{}{} }))
	}
	client := start(t, r, o)
	for range 3 {
		send(t, client, "x")
		await(t, "the task behind the one that exits", ran)
	}
}

func TestWatchdogSleepsWithoutTasks(t *testing.T) {
	r := oneLoop(t)
	ran := make(chan struct{}, 1)
	client := start(t, r, newOwner(t).runs(func() { ran <- struct{}{} }))
	for range 3 {
		send(t, client, "x")
		await(t, "the task", ran)
		eventually(t, "the watchdog ends", func() bool { return !r.watch.awake.Load() })
	}
}

// A task that closes the loop's last connection ends the loop under itself.
func TestTaskMayCloseTheLastConnection(t *testing.T) {
	for _, block := range []bool{false, true} {
		r := oneLoop(t)
		o := newOwner(t)
		overtaken := make(chan struct{})
		o.input = func(turn Turn, _ []byte) {
			turn.Run(taskFunc(func() {
				if block {
					<-overtaken
				}
				o.conn.Close()
			}))
			turn.Run(taskFunc(func() { close(overtaken) }))
		}
		send(t, start(t, r, o), "x")
		if !block {
			await(t, "the second task", overtaken)
		}
		within(t, "all goroutines end", r.Wait)
	}
}

// Where handlers wait, for a database say, the loop must not wait a moment for
// each of them in turn.
func TestManyBlockingTasksDoNotQueueUp(t *testing.T) {
	r := oneLoop(t)
	const n = 4 * waryFor
	release := make(chan struct{})
	var inside atomic.Int32
	clients := make([]net.Conn, n)
	for i := range clients {
		clients[i] = start(t, r, newOwner(t).runs(func() {
			inside.Add(1)
			<-release
		}))
	}
	before := r.loops[0].busy.Load()
	for _, c := range clients {
		send(t, c, "x")
	}
	eventually(t, "all tasks are inside", func() bool { return inside.Load() == n })
	if inline := (r.loops[0].busy.Load() - before) / 2; inline > n/waryFor+1 {
		t.Errorf("the loop was held up %d times by %d tasks", inline, n)
	}
	close(release)
}
