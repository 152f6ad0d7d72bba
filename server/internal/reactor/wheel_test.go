package reactor

import (
	"log/slog"
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// inBubble runs a test of a wheel in fake time. All timers must be done or
// stopped when it returns: the wheel's goroutine must then end by itself.
func inBubble(t *testing.T, test func(t *testing.T, w *Wheel)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		r := New(slog.New(slog.DiscardHandler), 2)
		w := NewWheel(r)
		test(t, w)
		r.Wait()
		if w.running || w.count != 0 {
			t.Errorf("the wheel thinks it runs with %d timers", w.count)
		}
	})
}

// pass lets time pass, and all that it causes happen.
func pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// lateness is how late a timer with delay d may be.
func lateness(d time.Duration) time.Duration {
	if d >= coarseFrom {
		return coarseness + Resolution
	}
	return Resolution
}

func TestTimerIsNeverEarlyAndHardlyLate(t *testing.T) {
	for _, d := range []time.Duration{
		0, -time.Hour, 1, Resolution - 1, Resolution, Resolution + 1, 17 * time.Millisecond,
		coarseFrom - 1, coarseFrom, coarseFrom + 1, 4 * time.Second,
		(wheelSlots - 1) * Resolution, wheelSlots * Resolution, (wheelSlots + 1) * Resolution,
		25 * time.Second, time.Hour,
	} {
		inBubble(t, func(t *testing.T, w *Wheel) {
			pass(1234567 * time.Nanosecond) // not on a tick
			began := time.Now()
			fired := make(chan time.Duration, 2)
			w.Set(&Timer{F: func() { fired <- time.Since(began) }}, d)
			after, want := <-fired, max(d, 0)
			if after < want || after > want+lateness(d) {
				t.Errorf("a timer of %v came after %v", d, after)
			}
			pass(time.Minute)
			if len(fired) > 0 {
				t.Errorf("a timer of %v came twice", d)
			}
		})
	}
}

func TestTimersComeInTheOrderOfTheirTimes(t *testing.T) {
	inBubble(t, func(t *testing.T, w *Wheel) {
		var order []int
		for _, ms := range rand.Perm(1500) {
			w.Set(&Timer{F: func() { order = append(order, ms) }}, time.Duration(ms+1)*time.Millisecond)
		}
		pass(2 * time.Second)
		if len(order) != 1500 || !slices.IsSorted(order) {
			t.Errorf("%d timers came, in order: %v", len(order), slices.IsSorted(order))
		}
	})
}

func TestSetMovesATimer(t *testing.T) {
	inBubble(t, func(t *testing.T, w *Wheel) {
		began := time.Now()
		var fired []time.Duration
		timer := &Timer{F: func() { fired = append(fired, time.Since(began)) }}
		for range 20 { // always later
			w.Set(timer, time.Second)
			pass(900 * time.Millisecond)
		}
		if len(fired) > 0 {
			t.Error("a timer came though it had been moved")
		}
		w.Set(timer, 30*time.Second)
		w.Set(timer, time.Millisecond) // and earlier
		pass(time.Minute)
		if len(fired) != 1 || fired[0] > 18*time.Second+2*time.Millisecond {
			t.Errorf("fired at %v", fired)
		}
	})
}

func TestTimerMaySetAndStopTimersFromF(t *testing.T) {
	inBubble(t, func(t *testing.T, w *Wheel) {
		rounds, stopped := 0, false
		victim := &Timer{F: func() { stopped = true }}
		w.Set(victim, time.Second)
		var again Timer
		again.F = func() {
			if rounds++; rounds < 500 {
				w.Set(&again, time.Millisecond)
			}
			w.Stop(victim)
		}
		w.Set(&again, 0)
		pass(2 * time.Second)
		if rounds != 500 || stopped {
			t.Errorf("%d rounds; the stopped timer came: %v", rounds, stopped)
		}
	})
}

func TestPanicInATimerEndsNothing(t *testing.T) {
	inBubble(t, func(t *testing.T, w *Wheel) {
		came := false
		w.Set(&Timer{F: func() { panic("a mistake") }}, time.Millisecond)
		w.Set(&Timer{F: func() { came = true }}, 2*time.Millisecond)
		pass(time.Second)
		if !came {
			t.Error("the next timer did not come")
		}
	})
}

func TestStopOfATimerThatIsNotSetDoesNothing(t *testing.T) {
	inBubble(t, func(t *testing.T, w *Wheel) {
		var timer Timer
		w.Stop(&timer)
		timer.F = func() {}
		w.Set(&timer, time.Millisecond)
		pass(time.Second)
		w.Stop(&timer)
		w.Stop(&timer)
	})
}

func TestWheelHasAGoroutineOnlyWhileATimerIsSet(t *testing.T) {
	inBubble(t, func(t *testing.T, w *Wheel) {
		goroutines := func() int {
			synctest.Wait()
			w.r.work.mu.Lock()
			defer w.r.work.mu.Unlock()
			return w.r.work.n
		}
		for range 3 {
			timers := make([]Timer, 10)
			for i := range timers {
				timers[i].F = func() {}
				w.Set(&timers[i], time.Hour)
			}
			if n := goroutines(); n != 1 {
				t.Errorf("%d goroutines for ten timers", n)
			}
			for i := range timers {
				w.Stop(&timers[i])
			}
			if n := goroutines(); n != 0 {
				t.Errorf("%d goroutines for no timer", n)
			}
		}
	})
}

func TestTimerOfALifetimeDoesNotComeAtOnce(t *testing.T) {
	inBubble(t, func(t *testing.T, w *Wheel) {
		for _, d := range []time.Duration{math.MaxInt64, math.MaxInt64 - 1, math.MaxInt64 / 2} {
			timer := &Timer{F: func() { t.Errorf("a timer of %v came", d) }}
			w.Set(timer, d)
			pass(10 * time.Second)
			w.Stop(timer)
		}
	})
}

// A model timer knows when its wheel timer must come.
type modelTimer struct {
	timer Timer
	due   time.Time // zero: not set
	slack time.Duration
}

func TestThousandsOfTimersAgreeWithAModel(t *testing.T) {
	inBubble(t, func(t *testing.T, w *Wheel) {
		random := rand.New(rand.NewPCG(1, 2))
		timers := make([]modelTimer, 3000)
		fired := 0
		for i := range timers {
			m := &timers[i]
			m.timer.F = func() {
				now := time.Now()
				if m.due.IsZero() || now.Before(m.due) || now.Sub(m.due) > m.slack {
					t.Errorf("timer %d came at %v, due %v", i, now, m.due)
				}
				m.due = time.Time{}
				fired++
			}
		}
		for range 30_000 {
			m := &timers[random.IntN(len(timers))]
			if random.IntN(4) == 0 {
				w.Stop(&m.timer)
				m.due = time.Time{}
			} else {
				d := time.Duration(random.Int64N(int64(100 * time.Millisecond)))
				switch random.IntN(3) {
				case 0:
					d *= 10
				case 1:
					d *= 300
				}
				m.due, m.slack = time.Now().Add(d), lateness(d)
				w.Set(&m.timer, d)
			}
			if random.IntN(3) == 0 {
				pass(time.Duration(random.Int64N(int64(3 * time.Millisecond))))
			}
		}
		pass(time.Minute)
		for i := range timers {
			if !timers[i].due.IsZero() {
				t.Errorf("timer %d never came", i)
			}
		}
		t.Logf("%d timers came", fired)
	})
}

func TestWheelServesManyGoroutines(t *testing.T) {
	r := newReactor(t)
	w := NewWheel(r)
	var all sync.WaitGroup
	var set, came, stopped atomic.Int64
	for range 8 {
		all.Go(func() {
			for i := range 500 {
				var once atomic.Bool
				timer := &Timer{F: func() {
					if once.Swap(true) {
						t.Error("a timer came twice")
					}
					came.Add(1)
				}}
				set.Add(1)
				w.Set(timer, time.Duration(rand.IntN(20_000))*time.Microsecond)
				if i%3 == 0 {
					w.Stop(timer)
					stopped.Add(1)
				}
			}
		})
	}
	within(t, "the goroutines", all.Wait)
	within(t, "all timers", r.Wait)
	if n := came.Load(); n > set.Load() || n < set.Load()-stopped.Load() {
		t.Errorf("%d of %d timers came, %d were stopped", n, set.Load(), stopped.Load())
	}
}
