package redisconn

import (
	"slices"
	"sync"
	"time"
)

// routes says which channels are wanted, and which connection has each. One goroutine finds connections for the channels that have none.
type routes struct {
	c *Conn

	mu       sync.Mutex
	topics   map[string]*topic
	links    map[string]*link     // by the address of the node
	retry    map[string]time.Time // nodes that are not to be tried before
	homeless []*topic             // to be routed now
	waiting  []*topic             // to be routed when due
	due      time.Time
	tries    int // attempts in a row that came to nothing
	healthy  int // links whose last probe came back
	on       int // topics that are subscribed
	running  bool
	closed   bool
	wake     chan struct{} // has one element when there is something to do
}

func (r *routes) init(c *Conn) {
	r.c = c
	r.topics, r.links, r.retry = make(map[string]*topic), make(map[string]*link), make(map[string]time.Time)
	r.wake = make(chan struct{}, 1)
}

func (r *routes) add(s *Subscription) {
	r.mu.Lock()
	defer r.mu.Unlock()
	key := s.opts.Channel
	if s.opts.Pattern {
		key = patternKey(key)
	}
	t := r.topics[key]
	if t == nil {
		t = &topic{
			key: key, channel: s.opts.Channel, pin: s.opts.Pin, sharded: s.opts.Sharded, pattern: s.opts.Pattern, ready: make(chan struct{}),
		}
		t.subs.Store(&[]*Subscription{})
		r.topics[t.key] = t
		r.place(t)
	}
	if t.sharded != s.opts.Sharded {
		panic("redisconn: channel " + t.channel + " cannot be sharded and not")
	}
	s.topic = t
	subs := append(slices.Clone(*t.subs.Load()), s)
	t.subs.Store(&subs)
}

func (r *routes) remove(s *Subscription) {
	r.mu.Lock()
	defer r.mu.Unlock()
	t := s.topic
	subs := slices.DeleteFunc(slices.Clone(*t.subs.Load()), func(other *Subscription) bool { return other == s })
	if len(subs) == len(*t.subs.Load()) {
		return
	}
	t.subs.Store(&subs)
	if len(subs) > 0 {
		return
	}
	delete(r.topics, t.key)
	r.off(t)
	if t.link != nil {
		delete(t.link.topics, t)
		t.link.enqueue(t, false)
		t.link = nil
	}
}

// place gives a topic to the connection that can only be the one, or leaves it to the goroutine.
func (r *routes) place(t *topic) {
	if l := r.links[""]; r.c.cluster == nil && l != nil {
		r.give(t, l)
		return
	}
	r.homeless = append(r.homeless, t)
	r.stir()
}

func (r *routes) give(t *topic, l *link) {
	t.link = l
	l.topics[t] = true
	l.enqueue(t, true)
}

// stir wakes the goroutine, which starts with the first subscription.
func (r *routes) stir() {
	if r.closed {
		return
	}
	if !r.running {
		r.running = true
		r.c.work.Add(1)
		go r.run()
	}
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// wait puts topics off until the next attempt.
func (r *routes) wait(d time.Duration, topics ...*topic) {
	due := time.Now().Add(d)
	if len(r.waiting) == 0 || due.Before(r.due) {
		r.due = due
	}
	r.waiting = append(r.waiting, topics...)
	r.stir()
}

func (r *routes) run() {
	defer r.c.work.Done()
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		select {
		case <-r.wake:
		case <-timer.C:
		case <-r.c.ctx.Done():
			return
		}
		r.mu.Lock()
		if len(r.waiting) > 0 && !time.Now().Before(r.due) {
			r.homeless, r.waiting = append(r.homeless, r.waiting...), nil
		}
		moving := r.homeless
		r.homeless = nil
		r.mu.Unlock()
		for _, t := range moving {
			r.route(t)
		}
		r.mu.Lock()
		if len(r.waiting) > 0 {
			timer.Reset(time.Until(r.due))
		}
		r.mu.Unlock()
	}
}

// route finds the node for a topic, and its connection, which it makes if need be.
func (r *routes) route(t *topic) {
	node, addr, err := r.c.node(r.c.ctx, t.pin)
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed || r.topics[t.key] != t || t.link != nil {
		return
	}
	if err != nil {
		r.tries++
		r.c.reload()
		r.wait(r.c.backoff(r.tries), t)
		return
	}
	l := r.links[addr]
	if l == nil {
		if wait := time.Until(r.retry[addr]); wait > 0 {
			r.wait(wait, t)
			return
		}
		l = newLink(r.c, node, addr)
		r.links[addr] = l
		r.c.work.Add(1)
		go l.run()
	}
	r.give(t, l)
}

// confirmed notes that Redis has a subscription.
func (r *routes) confirmed(l *link, key string) {
	r.mu.Lock()
	t := r.topics[key]
	if t == nil || t.link != l || t.on {
		r.mu.Unlock()
		return
	}
	t.on = true
	r.on++
	close(t.ready)
	gap := t.had
	t.had = true
	all := r.on == len(r.topics)
	r.mu.Unlock()
	if gap {
		r.c.inbox.push(event{topic: t, gap: true})
	}
	if all {
		r.c.changed(nil)
	}
}

// topic returns a wanted channel, or nil.
func (r *routes) topic(key string) *topic {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.topics[key]
}

// health notes whether a connection's last probe came back.
func (r *routes) health(l *link, healthy bool) {
	r.mu.Lock()
	if l.healthy == healthy {
		r.mu.Unlock()
		return
	}
	l.healthy = healthy
	if healthy {
		r.healthy++
		r.tries = 0
		delete(r.retry, l.addr)
		if !l.was {
			l.was = true
			r.c.opts.Logger.Info("redis: subscribed", "addr", l.name(), "channels", len(l.topics))
		}
	} else {
		r.healthy--
	}
	r.mu.Unlock()
	r.c.changed(nil)
}

// moved notes that a node has given a sharded channel away, unless the channel was given up.
func (r *routes) moved(l *link, channel string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	t := r.topics[channel]
	if t == nil || t.link != l {
		return
	}
	r.lose(t)
	delete(l.topics, t)
	r.c.reload()
	r.wait(r.c.opts.MinBackoff, t)
}

// refused notes that a node has refused something that it was asked: whatever it has not confirmed is asked for anew.
func (r *routes) refused(l *link, err error) {
	r.c.opts.Logger.Warn("redis: refused", "addr", l.name(), "err", err)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.tries++
	r.c.reload()
	for t := range l.topics {
		if !t.on {
			delete(l.topics, t)
			t.link = nil
			r.wait(r.c.backoff(r.tries), t)
		}
	}
}

// ended takes back what a connection had.
func (r *routes) ended(l *link, err error) {
	r.health(l, false)
	r.mu.Lock()
	delete(r.links, l.addr)
	topics := make([]*topic, 0, len(l.topics))
	for t := range l.topics {
		r.lose(t)
		topics = append(topics, t)
	}
	clear(l.topics)
	if !r.closed {
		r.tries++
		d := r.c.backoff(r.tries)
		r.retry[l.addr] = time.Now().Add(d)
		for addr, at := range r.retry {
			if time.Since(at) > time.Minute {
				delete(r.retry, addr)
			}
		}
		if len(topics) > 0 {
			r.wait(d, topics...)
		}
	}
	closed := r.closed
	r.mu.Unlock()
	if closed {
		return
	}
	r.c.reload()
	if l.was {
		r.c.stats.lost.Add(1)
		r.c.opts.Logger.Warn("redis: subscribed connection lost", "addr", l.name(), "err", err)
	}
	r.c.changed(err)
}

// lose takes a topic from its connection.
func (r *routes) lose(t *topic) {
	t.link = nil
	if t.on {
		r.c.inbox.push(event{topic: t, gap: true})
	}
	r.off(t)
}

// off notes that Redis no longer has a subscription.
func (r *routes) off(t *topic) {
	if t.on {
		t.on = false
		r.on--
		t.ready = make(chan struct{})
	}
}

func (r *routes) ready(t *topic) (bool, <-chan struct{}) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return t.on, t.ready
}

func (r *routes) linkOf(t *topic) *link {
	r.mu.Lock()
	defer r.mu.Unlock()
	return t.link
}

// state reports whether all is subscribed, and how many channels are wanted.
func (r *routes) state() (subscribed bool, channels int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.on == len(r.topics) && r.healthy == len(r.links), len(r.topics)
}

// gapEverywhere tells all listeners that messages may have been lost.
func (r *routes) gapEverywhere() {
	r.mu.Lock()
	topics := make([]*topic, 0, len(r.topics))
	for _, t := range r.topics {
		topics = append(topics, t)
	}
	r.mu.Unlock()
	for _, t := range topics {
		t.gap(r.c)
	}
}

// spawn runs a function that Close waits for, unless that has been called.
func (r *routes) spawn(f func()) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.closed {
		r.c.work.Go(f)
	}
	return !r.closed
}

func (r *routes) close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closed = true
}
