package socketio

import (
	"context"

	"parley/server/adapter"
)

// An arrival is a client that claims a session, until it has the session or has put it
// back; several if a client comes twice. Other servers that look for the session meanwhile
// wait for what comes of it.
type arrival struct {
	clients int
	waiting []func()
}

// arrive notes that a client is about to claim a session. The caller holds ns.mu.
func (r *recovery) arrive(back *comeback) {
	if r.finder == nil || back.arriving {
		return
	}
	back.arriving = true
	a := r.arrivals[back.pid]
	if a == nil {
		a = new(arrival)
		r.arrivals[back.pid] = a
	}
	a.clients++
}

// arrived notes that a client has the session, or does not get it.
func (r *recovery) arrived(back *comeback) {
	if back == nil || !back.arriving {
		return
	}
	back.arriving = false
	r.ns.mu.Lock()
	a := r.arrivals[back.pid]
	var waiting []func()
	if a.clients--; a.clients == 0 {
		waiting = a.waiting
		delete(r.arrivals, back.pid)
	}
	r.ns.mu.Unlock()
	for _, look := range waiting {
		look()
	}
}

// find looks for a server that has the socket of a session, because it has not noticed
// that the client is gone.
func (r *recovery) find(s *Socket, back *comeback) (found bool) {
	ctx, cancel := context.WithTimeout(s.lifetime(), r.opts.MaxWait)
	defer cancel()
	var err error
	if back.elsewhere, found, err = r.finder.Find(ctx, back.pid); err != nil {
		s.log().Debug("cannot look for a session on other servers", "error", err)
	}
	return found && back.elsewhere.Socket != ""
}

// takeOver ends a socket whose client is here already, and claims what it leaves
// behind when its disconnect hooks have run.
func (r *recovery) takeOver(s *Socket, back *comeback) bool {
	switch {
	case back.old == nil:
		if err := r.finder.Release(s.lifetime(), back.pid, s.lease.user, back.elsewhere); err != nil {
			s.log().Debug("cannot take a session over from another server", "error", err)
			return false
		}
	case back.old.lease.user != s.lease.user:
		return false
	default:
		freed := make(chan struct{})
		r.free(back.old, func() { close(freed) })
		select {
		case <-freed:
		case <-s.lifetime().Done():
			return false
		}
	}
	found, _ := r.claim(s, back)
	return found
}

// free ends a socket whose client is somewhere else, and calls done when its disconnect
// hooks have run and its session is saved.
func (r *recovery) free(old *Socket, done func()) {
	if old.end(nil, ReasonTransportClose) == stateConnected {
		old.client.forget(old, true)
		if old.client.deserted() {
			old.client.session.Close(ReasonTransportClose)
		}
	}
	r.ns.mu.Lock()
	left := old.lease.left
	if !left {
		old.lease.freed = append(old.lease.freed, done)
	}
	r.ns.mu.Unlock()
	if left {
		done()
	}
}

func (l local) Holding(pid string, answer func(adapter.Holding, bool)) {
	r := l.peers.ns.recovery.Load()
	if r == nil {
		answer(adapter.Holding{}, false)
		return
	}
	r.ns.mu.Lock()
	old := r.owners[pid]
	held := old != nil && !old.lease.left // else it is saved
	if a := r.arrivals[pid]; !held && a != nil {
		a.waiting = append(a.waiting, func() { l.Holding(pid, answer) })
		r.ns.mu.Unlock()
		return
	}
	var h adapter.Holding
	if held {
		h = adapter.Holding{Socket: old.id, Saved: old.lease.saved}
	}
	r.ns.mu.Unlock()
	answer(h, held)
}

func (l local) Release(pid, user, saved string, done func()) {
	r := l.peers.ns.recovery.Load()
	if r == nil {
		done()
		return
	}
	r.ns.mu.RLock()
	old := r.owners[pid]
	same := old != nil && old.lease.saved == saved && old.lease.user == user
	r.ns.mu.RUnlock()
	if !same {
		done()
		return
	}
	r.free(old, done)
}
