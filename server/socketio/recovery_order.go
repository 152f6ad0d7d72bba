package socketio

import (
	"slices"
	"sync"

	"parley/server/adapter"
)

// A pending counts the events that this server has appended to a log of all servers and that
// have not come back with their place in it.
type pending struct {
	mu        sync.Mutex // guards what follows
	appended  uint64
	delivered uint64
	behind    []behind // in order
	left      []leaver // in order
}

// behind is what comes after the delivery of so many events.
type behind struct {
	events uint64
	do     func()
}

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
	p := &r.pending
	p.mu.Lock()
	p.appended++
	p.mu.Unlock()
	return r.log.Append(e, func(offset string) func() {
		after := deliver(offset)
		due := p.count()
		if due == nil {
			return after
		}
		return func() {
			if after != nil {
				after()
			}
			for _, d := range due {
				d.do()
			}
		}
	})
}

// count notes that an event was delivered, and returns what was behind it.
func (p *pending) count() (due []behind) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.delivered++
	n := 0
	for n < len(p.behind) && p.behind[n].events <= p.delivered {
		n++
	}
	if n > 0 {
		due, p.behind = p.behind[:n:n], p.behind[n:]
	}
	for len(p.left) > 0 && p.left[0].events <= p.delivered {
		p.left = p.left[1:]
	}
	if len(p.left) == 0 {
		p.left = nil
	}
	return due
}

// leaves notes that a socket is about to leave a room.
func (p *pending) leaves(s *Socket, room string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.appended == p.delivered {
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
	if len(p.left) == 0 {
		return
	}
	for _, s := range c.sockets {
		c.seen[s] = struct{}{}
	}
	for _, l := range p.left {
		if slices.Contains(rooms, l.room) {
			c.add([]*Socket{l.socket}, true)
		}
	}
}

// postpone has f called, with no lock held, when all is delivered that has been appended. It reports
// false if it is, and does not call f then.
func (r *recovery) postpone(f func()) bool {
	p := &r.pending
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.appended == p.delivered {
		return false
	}
	p.behind = append(p.behind, behind{p.appended, f})
	return true
}
