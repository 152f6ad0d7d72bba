package reactor

import (
	"sync/atomic"
	"time"
)

// StallAfter is how long a task may keep a loop before it is overtaken; it
// takes up to twice as long until that is noticed.
const StallAfter = 2 * time.Millisecond

// lingerTicks is how many ticks without a task the watchdog stays awake, so
// that a busy server does not start it for every event.
const lingerTicks = 16

// A watchdog overtakes loops whose task does not return. It runs only while
// tasks do.
type watchdog struct {
	loops []*loop
	awake atomic.Bool
}

// watching makes sure that the watchdog runs. A loop calls it in each task,
// after it has marked itself busy.
func (w *watchdog) watching(r *Reactor) {
	if !w.awake.Load() && w.awake.CompareAndSwap(false, true) {
		r.work.add()
		go w.run(r)
	}
}

func (w *watchdog) run(r *Reactor) {
	defer r.work.done()
	seen := make([]uint64, len(w.loops))
	tick := time.NewTicker(StallAfter)
	defer tick.Stop()
	for quiet := 0; ; {
		<-tick.C
		quiet++
		for i, l := range w.loops {
			now := l.busy.Load()
			if now != seen[i] {
				seen[i], quiet = now, 0
			} else if inTask(now) {
				quiet = 0
				l.overtake(now)
			}
		}
		if quiet < lingerTicks {
			continue
		}
		// A loop that went busy before this store did not start another
		// watchdog, so look once more after it.
		w.awake.Store(false)
		if !w.anyBusy() || !w.awake.CompareAndSwap(false, true) {
			return
		}
		quiet = 0
	}
}

func (w *watchdog) anyBusy() bool {
	for _, l := range w.loops {
		if inTask(l.busy.Load()) {
			return true
		}
	}
	return false
}

// inTask tells from a loop's counter whether it is inside of a task.
func inTask(busy uint64) bool { return busy&1 == 1 }
