package reactor

import (
	"sync"
	"sync/atomic"
	"testing"
)

type flushFunc func(scratch []byte)

func (f flushFunc) Flush(scratch []byte) { f(scratch) }

// A tray counts what was put on it and what was flushed, as a session does:
// it is in the outbox once, however much waits.
type tray struct {
	mu      sync.Mutex
	dirty   bool
	waiting int
	flushed int
}

func (d *tray) put(r *Reactor) {
	d.mu.Lock()
	d.waiting++
	first := !d.dirty
	d.dirty = true
	d.mu.Unlock()
	if first {
		r.Flush(d)
	}
}

func (d *tray) Flush([]byte) {
	d.mu.Lock()
	d.dirty = false
	d.flushed += d.waiting
	d.waiting = 0
	d.mu.Unlock()
}

func (d *tray) count() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.flushed
}

func TestOutboxLosesNothingWithManyProducers(t *testing.T) {
	overKinds(t, func(t *testing.T, k kind) {
		r := newReactor(t)
		const producers, each = 8, 4000
		trays := make([]tray, 3*helpAbove)
		// Input on several connections makes the loops hold the outbox, and
		// let go of it, all the time.
		stop := make(chan struct{})
		var echoes, all sync.WaitGroup
		for range 3 {
			o := newOwner(t).echo()
			client := k.open(t, r, o)
			o.conn.Start()
			echoes.Go(func() {
				for {
					select {
					case <-stop:
						return
					default:
						echoed(t, client, "noise")
					}
				}
			})
		}
		for p := range producers {
			all.Go(func() {
				for i := range each {
					trays[(p*each+i*7)%len(trays)].put(r)
				}
			})
		}
		within(t, "the producers", all.Wait)
		close(stop)
		eventually(t, "everything is flushed", func() bool {
			n := 0
			for i := range trays {
				n += trays[i].count()
			}
			return n == producers*each
		})
		within(t, "the echoes", echoes.Wait)
	})
}

func TestOutputOutsideOfATurnLeavesAtOnce(t *testing.T) {
	r := newReactor(t)
	out := make(chan int, 1)
	flusher := flushFunc(func(scratch []byte) { out <- len(scratch) })
	r.Flush(flusher)
	if n := await(t, "the flush without a loop", out); n != ScratchSize {
		t.Errorf("scratch is %d bytes", n)
	}
	idle := newOwner(t).echo()
	client := kinds[0].open(t, r, idle)
	idle.conn.Start()
	echoed(t, client, "x")
	r.Flush(flusher)
	await(t, "the flush beside idle loops", out)
}

func TestOutputTogetherIsWrittenByItsMaker(t *testing.T) {
	r := newReactor(t)
	flushed := 0 // of no other goroutine
	flusher := flushFunc(func([]byte) { flushed++ })
	for range 100 {
		before := flushed
		r.Together(func() {
			r.Flush(flusher)
			r.Flush(flusher)
			if flushed != before {
				t.Error("written too early")
			}
		})
		if flushed != before+2 {
			t.Fatalf("%d were written, want 2", flushed-before)
		}
	}
}

// Somebody else goes on where there is more than a share.
func TestOutputTogetherHasAnEnd(t *testing.T) {
	r := newReactor(t)
	var flushed, again atomic.Int64
	var endless flushFunc
	endless = func([]byte) {
		flushed.Add(1)
		if again.Add(-1) > 0 {
			r.Flush(endless)
		}
	}
	const all = 10 * flushShare
	again.Store(all)
	within(t, "its maker", func() { r.Together(func() { r.Flush(endless) }) })
	eventually(t, "all is written", func() bool { return flushed.Load() == all })
}

func TestOutputOfATurnLeavesAfterItsTasks(t *testing.T) {
	r := newReactor(t)
	r.loops = r.loops[:min(1, len(r.loops))]
	o := newOwner(t)
	var handled atomic.Bool
	out := make(chan bool, 1)
	o.input = func(turn Turn, _ []byte) {
		r.Flush(flushFunc(func([]byte) { out <- handled.Load() }))
		turn.Run(Task(taskFunc(func() { handled.Store(true) })))
	}
	client := kinds[0].open(t, r, o)
	o.conn.Start()
	for range 10 {
		handled.Store(false)
		if _, err := client.Write([]byte("x")); err != nil {
			t.Fatal(err)
		}
		if corked := await(t, "the flush", out); !corked && len(r.loops) > 0 {
			t.Error("output left before the tasks of its turn had run")
		}
	}
}

func TestOutputLeavesThoughTheLastConnectionGoesInTheSameTurn(t *testing.T) {
	overKinds(t, func(t *testing.T, k kind) {
		r := newReactor(t)
		for range 3 {
			o := newOwner(t)
			inTurn := make(chan struct{}, 1)
			o.input = func(Turn, []byte) {
				r.Flush(flushFunc(func([]byte) { inTurn <- struct{}{} }))
				o.conn.Close()
			}
			client := k.open(t, r, o)
			o.conn.Start()
			go func() { _, _ = client.Write([]byte("x")) }()
			await(t, "the flush of the turn", inTurn)
			within(t, "all goroutines end", r.Wait)
			later := make(chan struct{}, 1)
			r.Flush(flushFunc(func([]byte) { later <- struct{}{} }))
			await(t, "a flush without a loop", later)
			within(t, "all goroutines end again", r.Wait)
		}
	})
}

func TestLargeBacklogIsHelped(t *testing.T) {
	r := newReactor(t)
	helped := make(chan struct{})
	r.out.hold() // as a loop does in its turn
	// The first chunk cannot be flushed before another one has been.
	for range flushChunk {
		r.Flush(flushFunc(func([]byte) { <-helped }))
	}
	var once sync.Once
	for range 2 * helpAbove {
		r.Flush(flushFunc(func([]byte) { once.Do(func() { close(helped) }) }))
	}
	within(t, "the chunk that waits for a helper", func() {
		scratch := make([]byte, ScratchSize)
		for r.out.flushSome(scratch) || !r.out.release() {
		}
	})
}

func TestOutboxThatIsNeverEmptyDoesNotGrow(t *testing.T) {
	r := newReactor(t)
	r.out.hold()
	nothing := flushFunc(func([]byte) {})
	r.out.add(nothing)
	for range 5000 {
		for range flushChunk {
			r.out.add(nothing)
		}
		r.out.flushSome(nil)
	}
	if c := cap(r.out.dirty); c > 64*flushChunk {
		t.Errorf("room for %d flushers where %d wait at most", c, 2*flushChunk)
	}
	for r.out.flushSome(nil) || !r.out.release() {
	}
}
