package socketio

import (
	"slices"
	"sync"
	"sync/atomic"

	"parley/server/adapter"
)

// A pending knows what this server has appended to a log of all servers that has not come back with its place in it,
// and what waits behind that. The log bounds the events.
type pending struct {
	count atomic.Int64 // of events and of what is queued, changed under mu: for a look without it

	mu        sync.Mutex            // guards what follows; may be taken within the namespace's
	events    []*adapter.Selection  // about in the order of the log
	queued    map[*Socket]backQueue // by the socket that it is for; nil: for several
	appended  uint64                // events so far
	delivered uint64
	left      []leaver // in order
}

// A backQueue is what waits behind events.
type backQueue struct{ packets, bytes int }

// A leaver has left a room when so many events had been appended, of which not all were delivered: it
// gets those still that it was in the room for.
type leaver struct {
	events uint64
	socket *Socket
	room   string
}

// maxLeavers bounds the memory of a server that hears nothing from its log. Of more leavers the first get
// nothing any more.
const maxLeavers = 1000

// append is Append of the log.
func (r *recovery) append(e adapter.Event, deliver func(offset string) (after func())) (delivered bool) {
	if !r.shared {
		return r.log.Append(e, deliver)
	}
	p, to := &r.pending, &e.Selection
	p.begin(to)
	return r.log.Append(e, func(offset string) func() {
		after := deliver(offset)
		p.end(to)
		return after
	})
}

func (p *pending) begin(to *adapter.Selection) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.events = append(p.events, to)
	p.appended++
	p.count.Add(1)
}

// leaves notes that a socket is about to leave a room.
func (p *pending) leaves(s *Socket, room string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.events) == 0 {
		return
	}
	if len(p.left) == maxLeavers {
		p.left = p.left[1:]
	}
	p.left = append(p.left, leaver{p.appended, s, room})
}

// addLeavers adds to the receivers of an event that has got its place those who have left one of its rooms meanwhile.
func (p *pending) addLeavers(c *crowd, rooms []string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	noted := false
	for _, l := range p.left {
		if !slices.Contains(rooms, l.room) {
			continue
		}
		if !noted {
			noted = true
			for _, s := range c.sockets {
				c.seen[s] = struct{}{}
			}
		}
		c.add([]*Socket{l.socket}, true)
	}
}

func (p *pending) end(to *adapter.Selection) {
	p.mu.Lock()
	defer p.mu.Unlock()
	i := slices.Index(p.events, to) // mostly the first
	if i == 0 {
		p.events[0] = nil
		p.events = p.events[1:]
	} else {
		p.events = slices.Delete(p.events, i, i+1)
	}
	if len(p.events) == 0 {
		p.events = nil
	}
	p.count.Add(-1)
	p.delivered++
	for len(p.left) > 0 && p.left[0].events <= p.delivered {
		p.left = p.left[1:]
	}
	if len(p.left) == 0 {
		p.left = nil
	}
}

// maxLook bounds the looking for an event that is for a socket, in names of rooms compared. Where there are more the socket
// counts as concerned.
const maxLook = 1000

// concerns reports whether something waits that is for a socket, or with nil for anybody. The caller holds ns.mu and p.mu.
func (p *pending) concerns(s *Socket) bool {
	if p.queued[s].packets+p.queued[nil].packets > 0 {
		return true
	}
	if s == nil {
		return len(p.events) > 0
	}
	if slices.ContainsFunc(p.left, func(l leaver) bool { return l.socket == s }) {
		return true
	}
	looks := 0
	return slices.ContainsFunc(p.events, func(to *adapter.Selection) bool {
		looks += (1 + len(to.Rooms) + len(to.Except)) * (1 + len(s.rooms))
		return looks > maxLook || s.among(to)
	})
}

// among reports whether a socket is one of a selection. The caller holds ns.mu.
func (s *Socket) among(to *adapter.Selection) bool {
	there := func(room string) bool { return room == s.id || s.in(room) }
	return !slices.ContainsFunc(to.Except, there) && (len(to.Rooms) == 0 || slices.ContainsFunc(to.Rooms, there))
}

// A verdict says what becomes of something that is sent.
type verdict int

const (
	atOnce   verdict = iota // nothing waits that it would overtake
	waits                   // it comes in its turn
	overfull                // too much waits
)

// admit lets something wait behind what is for the same socket, or with nil for anybody, if there is such.
func (r *recovery) admit(s *Socket, size int) verdict {
	p := &r.pending
	if p.count.Load() == 0 {
		return atOnce
	}
	r.ns.mu.RLock()
	defer r.ns.mu.RUnlock()
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.concerns(s) {
		return atOnce
	}
	q, o := p.queued[s], &r.ns.server.opts
	if q.packets >= o.SendQueuePackets || q.packets > 0 && q.bytes+size > o.SendQueueBytes {
		return overfull
	}
	if p.queued == nil {
		p.queued = make(map[*Socket]backQueue)
	}
	p.queued[s] = backQueue{q.packets + 1, q.bytes + size}
	p.count.Add(1)
	return waits
}

// leave undoes admit.
func (p *pending) leave(s *Socket, size int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if q := p.queued[s]; q.packets > 1 {
		p.queued[s] = backQueue{q.packets - 1, q.bytes - size}
	} else if delete(p.queued, s); len(p.queued) == 0 {
		p.queued = nil // a map does not shrink
	}
	p.count.Add(-1)
}

// postpone has deliver called behind the events that are on their way, if one of them is for s, or with nil for
// anybody. Nothing is done with what is not to wait.
func (r *recovery) postpone(s *Socket, size int, deliver func(offset string) (after func())) verdict {
	v := r.admit(s, size)
	if v == waits {
		r.log.Pass(func(offset string) func() {
			after := deliver(offset)
			r.pending.leave(s, size)
			return after
		})
	}
	return v
}

// inTurn delivers an event that is not kept, behind those that are on their way and that may be for s, or with nil for anybody.
func (r *recovery) inTurn(s *Socket, size int, deliver func(offset string) (after func())) verdict {
	v := r.postpone(s, size, deliver)
	if v == atOnce {
		r.pass(deliver)
	}
	return v
}

// deliverLate delivers a packet without a place in the log behind what is on its way to s. It reports false if nothing is,
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
	v := r.postpone(s, p.size(), func(string) func() {
		if queued, _ := s.enqueue(&sent, f); !queued {
			return nil
		}
		return func() { s.announce(&sent) }
	})
	if v == overfull && !f.volatile {
		s.client.session.Close(ReasonSlow)
		return true, ErrSlow
	}
	return v != atOnce, nil
}
