package redispubsub

import (
	"sync"
	"time"

	"parley/adapters/redisconn"
)

// rooms are the channels of the rooms that local sockets are in. One that nobody needs
// any more is kept for a while: rooms come and go.
type rooms struct {
	subscribe func(room string) *redisconn.Subscription
	linger    time.Duration

	mu      sync.Mutex // guards what follows
	byName  map[string]*room
	leaving []departure // in the order of time
	timer   *time.Timer // nil while none is leaving
	closed  bool
}

type room struct {
	sub  *redisconn.Subscription
	uses int // as a socket's own id, and as a room that others may join
}

type departure struct {
	name string
	room *room
	at   time.Time
}

func (r *rooms) created(name string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return
	}
	one := r.byName[name]
	if one == nil {
		one = &room{sub: r.subscribe(name)}
		r.byName[name] = one
	}
	one.uses++
}

// removed undoes created; at once where nobody else will have the name.
func (r *rooms) removed(name string, own bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	one := r.byName[name]
	if one == nil {
		return
	}
	if one.uses--; one.uses > 0 {
		return
	}
	if own {
		r.drop(name, one)
		return
	}
	r.leaving = append(r.leaving, departure{name, one, time.Now().Add(r.linger)})
	if r.timer == nil {
		r.timer = time.AfterFunc(r.linger, r.sweep)
	}
}

func (r *rooms) drop(name string, one *room) {
	one.sub.Close()
	delete(r.byName, name)
	if len(r.byName) == 0 {
		r.byName = make(map[string]*room) // a map does not shrink
	}
}

// sweep drops the rooms whose time is over.
func (r *rooms) sweep() {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := time.Now()
	for len(r.leaving) > 0 && !r.closed {
		d := r.leaving[0]
		if wait := d.at.Sub(now); wait > 0 {
			r.timer.Reset(wait)
			return
		}
		r.leaving = r.leaving[1:]
		if d.room.uses == 0 && r.byName[d.name] == d.room {
			r.drop(d.name, d.room)
		}
	}
	r.leaving, r.timer = nil, nil
}

// subscriptions returns those of the rooms that have one; all without names.
func (r *rooms) subscriptions(names []string) []*redisconn.Subscription {
	r.mu.Lock()
	defer r.mu.Unlock()
	var subs []*redisconn.Subscription
	if len(names) == 0 {
		for _, one := range r.byName {
			subs = append(subs, one.sub)
		}
	}
	for _, name := range names {
		if one := r.byName[name]; one != nil {
			subs = append(subs, one.sub)
		}
	}
	return subs
}

func (r *rooms) close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closed = true
	if r.timer != nil {
		r.timer.Stop()
	}
	for _, one := range r.byName {
		one.sub.Close()
	}
	r.byName, r.leaving = nil, nil
}
