package reactor

import (
	"sync"
	"time"
)

const (
	// Resolution is the precision of a Wheel's timers.
	Resolution = time.Millisecond
	// wheelSlots covers 4 s; a timer further away goes round.
	wheelSlots = 4096
	// coarseFrom is the delay from which a timer may be late by coarseness,
	// so that the timers of many idle sessions share few wake-ups.
	coarseFrom = 2 * time.Second
	coarseness = 100 * time.Millisecond
	// farthest is more than a lifetime, and no sum with it overflows.
	farthest = 1 << 61
)

// A Wheel is one timer for very many: setting, moving and stopping is cheap
// and needs no goroutine each. Its own goroutine exists only while a timer is
// set.
type Wheel struct {
	r     *Reactor
	start time.Time

	mu      sync.Mutex
	slots   []*Timer // heads of circular lists
	now     int64    // the last tick that was served
	count   int
	running bool
	wakeAt  int64         // the tick until which the goroutine sleeps
	wake    chan struct{} // cuts its sleep short
}

// A Timer belongs to one Wheel. The zero value of it is not set. F is called
// on the wheel's goroutine and must not block; it must be set before Set.
type Timer struct {
	F          func()
	next, prev *Timer
	at         int64 // in ticks; 0: not set
}

// NewWheel returns a wheel whose goroutine r waits for.
func NewWheel(r *Reactor) *Wheel {
	return &Wheel{r: r, start: time.Now(), wake: make(chan struct{}, 1)}
}

// Now returns the wheel's time, which SetAt takes.
func (w *Wheel) Now() time.Duration { return time.Since(w.start) }

// Set makes t due in d, whether it was set before or not.
func (w *Wheel) Set(t *Timer, d time.Duration) { w.SetAt(t, w.Now()+min(d, farthest)) }

// SetAt makes t due at a time of the wheel. It is never early, and late by the
// resolution or, where it is far away, by coarseness.
func (w *Wheel) SetAt(t *Timer, due time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.remove(t)
	if w.slots == nil {
		w.slots = make([]*Timer, wheelSlots)
	}
	now := w.Now()
	if !w.running {
		w.now = int64(now / Resolution)
		w.wakeAt = w.now
		w.running = true
		w.r.work.add()
		go w.run()
	}
	at := max(int64((due+Resolution-1)/Resolution), w.now+1)
	if due-now >= coarseFrom {
		const step = int64(coarseness / Resolution)
		at = (at + step - 1) / step * step
	}
	t.at = at
	head := &w.slots[at%wheelSlots]
	if *head == nil {
		t.next, t.prev = t, t
		*head = t
	} else {
		t.next, t.prev = *head, (*head).prev
		t.prev.next, t.next.prev = t, t
	}
	w.count++
	if t.at < w.wakeAt {
		w.wakeAt = t.at
		w.kick()
	}
}

// Stop unsets t. Its F may be running already.
func (w *Wheel) Stop(t *Timer) {
	w.mu.Lock()
	w.remove(t)
	if w.count == 0 && w.running {
		w.kick() // so that the goroutine ends
	}
	w.mu.Unlock()
}

func (w *Wheel) kick() {
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

func (w *Wheel) remove(t *Timer) {
	if t.at == 0 {
		return
	}
	head := &w.slots[t.at%wheelSlots]
	if t.next == t {
		*head = nil
	} else {
		t.prev.next, t.next.prev = t.next, t.prev
		if *head == t {
			*head = t.next
		}
	}
	t.next, t.prev, t.at = nil, nil, 0
	w.count--
}

type call func()

func (f call) Run() { f() }

func (w *Wheel) run() {
	defer w.r.work.done()
	sleep := time.NewTimer(0)
	defer sleep.Stop()
	for {
		select {
		case <-sleep.C:
		case <-w.wake:
		}
		due, next, ok := w.advance()
		for _, f := range due {
			w.r.guarded(call(f))
		}
		if !ok {
			return
		}
		sleep.Reset(time.Until(w.start.Add(time.Duration(next) * Resolution)))
	}
}

// advance takes out what is due and returns the tick to look at next; ok is
// false when no timer is left and the goroutine must end.
func (w *Wheel) advance() (due []func(), next int64, ok bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	until := int64(time.Since(w.start) / Resolution)
	from := w.now + 1
	if until-from >= wheelSlots {
		from = until - wheelSlots + 1
	}
	for tick := from; tick <= until; tick++ {
		due = w.expire(due, tick%wheelSlots, until)
	}
	w.now = max(w.now, until)
	if w.count == 0 && len(due) == 0 {
		w.running = false
		return nil, 0, false
	}
	for next = w.now + 1; next < w.now+wheelSlots && w.slots[next%wheelSlots] == nil; next++ {
	}
	if w.count == 0 {
		next = w.now + 1
	}
	w.wakeAt = next
	return due, next, true
}

// expire takes the timers of one slot that are due at tick until.
func (w *Wheel) expire(due []func(), slot, until int64) []func() {
	t := w.slots[slot]
	if t == nil {
		return due
	}
	for last := t.prev; ; {
		next, end := t.next, t == last
		if t.at <= until {
			w.remove(t)
			due = append(due, t.F)
		}
		if end {
			return due
		}
		t = next
	}
}
