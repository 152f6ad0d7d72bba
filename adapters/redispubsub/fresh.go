package redispubsub

import (
	"sync"
	"sync/atomic"
	"time"
)

// freshFor is how long a server may take to subscribe to a room that its sockets were
// made to join, and maxFresh how many such rooms are remembered.
const (
	freshFor = 5 * time.Second
	maxFresh = 10_000
)

// fresh are the rooms into which this server has just put sockets of others. These are
// about to subscribe to the rooms' channels, so what follows at once must come on the
// one that they have.
type fresh struct {
	some atomic.Bool // there is something in what follows

	mu    sync.Mutex // guards what follows
	until map[string]time.Time
	queue []string  // the names, in the order of time
	all   time.Time // until then all rooms are; there were too many
}

func (f *fresh) add(names []string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	now := time.Now()
	f.forget(now)
	if f.until == nil {
		f.until = make(map[string]time.Time)
	}
	for _, name := range names {
		if len(f.queue) >= maxFresh {
			f.all = now.Add(freshFor)
			break
		}
		f.until[name] = now.Add(freshFor)
		f.queue = append(f.queue, name)
	}
	f.some.Store(true)
}

// has reports whether a room is fresh.
func (f *fresh) has(name string) bool {
	if !f.some.Load() {
		return false
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	now := time.Now()
	f.forget(now)
	_, ok := f.until[name]
	return ok || now.Before(f.all)
}

// forget drops those whose time is over. A room that was added again is in the queue
// again.
func (f *fresh) forget(now time.Time) {
	for len(f.queue) > 0 {
		name := f.queue[0]
		if until, ok := f.until[name]; ok && now.Before(until) {
			// Older entries of a name that was added again wait here a little longer.
			return
		}
		delete(f.until, name)
		f.queue = f.queue[1:]
	}
	f.queue, f.until = nil, nil
	f.some.Store(now.Before(f.all))
}
