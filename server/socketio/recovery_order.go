package socketio

import (
	"slices"
	"sync"
	"sync/atomic"

	"parley/server/adapter"
)

// A pending has the events that this server has appended to a log of all servers and that have
// not come back with their place in it, and what is sent behind them. The log bounds the events.
type pending struct {
	count atomic.Int64 // of events, changed under mu: for a look without it

	mu     sync.Mutex // guards what follows; the namespace's may be taken within
	events []*pendingEvent
	queued map[*Socket]*queued // by whom alone it is for; nil: for several
}

// A pendingEvent is one that is on its way. In the list an event stands behind those that were there when it was
// appended.
type pendingEvent struct {
	to     adapter.Selection
	placed bool // it has been delivered, but not yet all that is behind it
	behind []late
}

// late is what comes behind an event. Deliver is as in adapter.Recovery.
type late struct {
	s       *Socket // it is for; nil if for several
	size    int
	deliver func(offset string) (after func())
}

// queued is what waits for one socket, or for several.
type queued struct {
	packets, bytes int
	last           *pendingEvent // behind which the latest is
}

// append is Append of the log.
func (r *recovery) append(e adapter.Event, deliver func(offset string) (after func())) (delivered bool) {
	if !r.shared {
		return r.log.Append(e, deliver)
	}
	p := &r.pending
	own := &pendingEvent{to: e.Selection}
	p.mu.Lock()
	p.events = append(p.events, own)
	p.count.Add(1)
	p.mu.Unlock()
	return r.log.Append(e, func(offset string) func() {
		afters := []func(){deliver(offset)}
		p.place(own)
		for due := p.next(nil); due != nil; due = p.next(due) {
			for _, l := range due {
				afters = append(afters, l.deliver(offset))
			}
		}
		return allOf(afters)
	})
}

// allOf returns what calls all of some functions that may be nil; nil if all are.
func allOf(list []func()) func() {
	list = slices.DeleteFunc(list, func(f func()) bool { return f == nil })
	switch len(list) {
	case 0:
		return nil
	case 1:
		return list[0]
	}
	return func() {
		for _, f := range list {
			f()
		}
	}
}

// place notes that an event was delivered.
func (p *pending) place(e *pendingEvent) {
	p.mu.Lock()
	defer p.mu.Unlock()
	e.placed = true
}

// next returns what can be delivered now, nil if nothing can, once what it has returned before was delivered. An
// event is pending until all behind it was: what is sent meanwhile must not overtake that. The caller holds the log's lock.
func (p *pending) next(delivered []late) (due []late) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.unqueue(delivered)
	for len(p.events) > 0 && p.events[0].placed {
		first := p.events[0]
		if due, first.behind = first.behind, nil; due != nil {
			return due
		}
		p.events[0] = nil
		p.events = p.events[1:]
		p.count.Add(-1)
	}
	if len(p.events) == 0 {
		p.events, p.queued = nil, nil
	}
	return nil
}

// unqueue counts what does not wait any more. The caller holds p.mu.
func (p *pending) unqueue(list []late) {
	for _, l := range list {
		q := p.queued[l.s]
		q.bytes -= l.size
		if q.packets--; q.packets == 0 {
			delete(p.queued, l.s)
		}
	}
}

// maxLook is how many pending events are looked through for one that may be for a socket. Any before those
// counts as one.
const maxLook = 64

// newestFor returns the newest pending event that may be for a socket, or with nil for anybody; nil if there is none.
// The caller holds p.mu.
func (p *pending) newestFor(s *Socket) *pendingEvent {
	last := len(p.events) - 1
	switch {
	case last < 0:
		return nil
	case s == nil:
		return p.events[last]
	}
	s.ns.mu.RLock()
	defer s.ns.mu.RUnlock()
	for i := last; i >= 0; i-- {
		if e := p.events[i]; last-i >= maxLook || s.among(e.to) {
			return e
		}
	}
	return nil
}

// among reports whether a socket is one of a selection. The caller holds ns.mu.
func (s *Socket) among(to adapter.Selection) bool {
	there := func(room string) bool { return room == s.id || s.in(room) }
	return !slices.ContainsFunc(to.Except, there) && (len(to.Rooms) == 0 || slices.ContainsFunc(to.Rooms, there))
}

// latest returns the later of two pending events, of which either may be nil or past. The caller holds p.mu.
func (p *pending) latest(a, b *pendingEvent) *pendingEvent {
	for i := len(p.events) - 1; i >= 0; i-- {
		if e := p.events[i]; e == a || e == b {
			return e
		}
	}
	return nil
}

// A verdict says what becomes of something that is sent.
type verdict int

const (
	atOnce   verdict = iota // nothing is pending that it would overtake
	waits                   // it has been queued
	overfull                // too much waits
)

// postpone has deliver called behind the events that are pending and that may be for a socket, or with nil for anybody.
// Nothing else is done with what is not queued.
func (r *recovery) postpone(s *Socket, size int, deliver func(offset string) (after func())) verdict {
	p := &r.pending
	if p.count.Load() == 0 {
		return atOnce
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	behind := p.newestFor(s)
	for _, to := range []*Socket{s, nil} {
		if q := p.queued[to]; q != nil {
			behind = p.latest(behind, q.last)
		}
	}
	if behind == nil {
		return atOnce
	}
	q := p.queued[s]
	if o := &r.ns.server.opts; q == nil {
		if p.queued == nil {
			p.queued = make(map[*Socket]*queued)
		}
		q = new(queued)
		p.queued[s] = q
	} else if q.packets >= o.SendQueuePackets || q.bytes+size > o.SendQueueBytes {
		return overfull
	}
	q.packets++
	q.bytes += size
	q.last = behind
	behind.behind = append(behind.behind, late{s, size, deliver})
	return waits
}

// inTurn delivers an event that is not kept, behind those that are pending and that may be for s, or with nil for anybody.
func (r *recovery) inTurn(s *Socket, size int, deliver func(offset string) (after func())) verdict {
	v := r.postpone(s, size, deliver)
	if v == atOnce {
		r.pass(deliver)
	}
	return v
}

// deliverLate delivers a packet without a place in the log behind what is pending for s. It reports false if nothing is,
// and has done nothing then.
func (r *recovery) deliverLate(s *Socket, p *packet, f flags) (done bool, err error) {
	if r.pending.count.Load() == 0 {
		return false, nil
	}
	if s.client.codec == codecMessagePack {
		if _, err := p.messagePack(s.ns); err != nil {
			return true, err
		}
	}
	sent := *p
	verdict := r.postpone(s, p.size(), func(string) func() {
		if queued, _ := s.enqueue(&sent, f); !queued {
			return nil
		}
		return func() { s.announce(&sent) }
	})
	if verdict == overfull && !f.volatile {
		s.client.session.Close(ReasonSlow)
		return true, ErrSlow
	}
	return verdict != atOnce, nil
}
