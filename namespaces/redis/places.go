package redis

import (
	"context"
	"sync"
)

// places are who is somewhere through this node: sockets, each with a value, at places
// of one kind: rooms, documents, users. Redis has a list of the places, so that
// other nodes find them when this one is dead.
type places[V any] struct {
	db   *DB
	kind string
	do   placeHooks[V]

	listing sync.RWMutex // held alone while places are taken off the list

	mu   sync.Mutex // guards what follows
	node string     // on whose list the places are
	all  map[string]*spot[V]
	busy map[sitting]*change
}

// sitting is a socket at a place.
type sitting struct{ place, socket string }

// A change is held by who changes what Redis knows of one sitting, where no turn sees to that.
type change struct {
	sync.Mutex
	users int // guarded by places.mu
}

// placeHooks are what a store does with a place by itself. All may be called again after
// an error.
type placeHooks[V any] struct {
	// restore puts a socket in that lags, or back in because this node was taken for dead.
	restore func(ctx context.Context, place, socket string, v V) error
	// leave takes a socket out that is owed, and removes it.
	leave func(ctx context.Context, place, socket string) error
	// evict takes all out who are there through a node that is dead.
	evict func(ctx context.Context, place, node string) error
	// mended, if not nil, is called after the others when all is well.
	mended func(ctx context.Context) error
}

// A spot is one place on this node.
type spot[V any] struct {
	listed  bool
	unsure  bool // whether it is listed, because no answer came
	sockets map[string]seat[V]
}

type seat[V any] struct {
	v      V
	node   string // with which it is marked in Redis
	behind bool   // Redis could not be told that it is there
	owed   bool   // nor that it is to be taken out
}

// newPlaces returns places of a kind. It is called while a store is made.
func newPlaces[V any](db *DB, kind string, do placeHooks[V]) *places[V] {
	p := &places[V]{db: db, kind: kind, do: do, all: make(map[string]*spot[V]), busy: make(map[sitting]*change)}
	db.node.mu.Lock()
	defer db.node.mu.Unlock()
	db.node.kinds = append(db.node.kinds, p)
	return p
}

// add notes a socket before it is put in in Redis, where it is to be marked with the node
// that add returns. The error is fit for clients.
func (p *places[V]) add(ctx context.Context, place, socket string, v V) (node string, err error) {
	p.listing.RLock()
	defer p.listing.RUnlock()
	node = p.db.node.current()
	p.mu.Lock()
	if p.node != node {
		for _, s := range p.all {
			s.listed, s.unsure = false, false
		}
		p.node = node
	}
	s := p.all[place]
	if s == nil {
		s = &spot[V]{sockets: make(map[string]seat[V])}
		p.all[place] = s
	}
	before, was := s.sockets[socket]
	s.sockets[socket] = seat[V]{v: v, node: node}
	listed := s.listed
	p.mu.Unlock()
	if listed {
		return node, nil
	}
	err = p.db.node.list(ctx, node, p.kind, place)
	p.mu.Lock()
	defer p.mu.Unlock()
	if err == nil {
		s.listed = p.node == node
		return node, nil
	}
	s.unsure = p.node == node
	if was {
		s.sockets[socket] = before
	} else {
		delete(s.sockets, socket)
	}
	return node, err
}

// alone calls f while no other call of it has the same socket at the same place.
func (p *places[V]) alone(place, socket string, f func() error) error {
	at := sitting{place, socket}
	p.mu.Lock()
	c := p.busy[at]
	if c == nil {
		c = new(change)
		p.busy[at] = c
	}
	c.users++
	p.mu.Unlock()
	c.Lock()
	defer func() {
		c.Unlock()
		p.mu.Lock()
		defer p.mu.Unlock()
		if c.users--; c.users == 0 {
			delete(p.busy, at)
		}
	}()
	return f()
}

// mark returns the node with which a socket is marked in Redis, and whether it is there
// through this node at all.
func (p *places[V]) mark(place, socket string) (node string, there bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := p.all[place]
	if s == nil {
		return "", false
	}
	seat, there := s.sockets[socket]
	return seat.node, there
}

// remove undoes add, once the socket has been taken out in Redis.
func (p *places[V]) remove(place, socket string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if s := p.all[place]; s != nil {
		delete(s.sockets, socket)
	}
}

// drop removes all sockets of a place that is gone.
func (p *places[V]) drop(place string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if s := p.all[place]; s != nil {
		clear(s.sockets)
	}
}

// owe notes that a socket is to be taken out, because Redis could not be told.
func (p *places[V]) owe(place, socket string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if s := p.all[place]; s != nil {
		if seat, there := s.sockets[socket]; there {
			seat.owed = true
			s.sockets[socket] = seat
		}
	}
}

// lag notes that a socket is still to be put in, because Redis could not be told. It need not
// have been added.
func (p *places[V]) lag(place, socket string, v V) {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := p.all[place]
	if s == nil {
		s = &spot[V]{sockets: make(map[string]seat[V])}
		p.all[place] = s
	}
	s.sockets[socket] = seat[V]{v: v, node: s.sockets[socket].node, behind: true}
}

// unmark notes that a socket is on no node's list any more, and still to be put in.
func (p *places[V]) unmark(place, socket string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if s := p.all[place]; s != nil {
		if seat, there := s.sockets[socket]; there {
			seat.node, seat.behind = "", true
			s.sockets[socket] = seat
		}
	}
}

// owed reports whether a socket is still to be taken out.
func (p *places[V]) owed(place, socket string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := p.all[place]
	return s != nil && s.sockets[socket].owed
}

func (p *places[V]) name() string { return p.kind }

func (p *places[V]) evict(ctx context.Context, place, node string) error {
	return p.do.evict(ctx, place, node)
}

// mend takes out who is to be taken out, puts back who was taken out, and takes places
// off the list where nobody is.
func (p *places[V]) mend(ctx context.Context) {
	err := each(p.unsettled(), func(u unsettled[V]) error {
		if u.owed {
			return p.do.leave(ctx, u.place, u.socket)
		}
		return p.do.restore(ctx, u.place, u.socket, u.v)
	})
	if err == nil && p.do.mended != nil {
		err = p.do.mended(ctx)
	}
	for more := true; err == nil && more; {
		more, err = p.unlist(ctx)
	}
	if err != nil {
		p.db.trouble("presence is behind: "+p.kind, err)
	}
}

type unsettled[V any] struct {
	place, socket string
	seat[V]
}

func (p *places[V]) unsettled() []unsettled[V] {
	current := p.db.node.current()
	p.mu.Lock()
	defer p.mu.Unlock()
	var list []unsettled[V]
	for place, s := range p.all {
		for socket, seat := range s.sockets {
			if seat.owed || seat.behind || seat.node != current {
				list = append(list, unsettled[V]{place, socket, seat})
			}
		}
	}
	return list
}

// unlist takes empty places off the list. It reports whether there may be more.
func (p *places[V]) unlist(ctx context.Context) (more bool, err error) {
	const most = 1000
	p.listing.Lock()
	defer p.listing.Unlock()
	var empty []string
	var listed []any
	p.mu.Lock()
	node := p.node
	for place, s := range p.all {
		if len(s.sockets) > 0 {
			continue
		}
		if empty = append(empty, place); s.listed || s.unsure {
			listed = append(listed, place)
		}
		if len(empty) == most {
			break
		}
	}
	p.mu.Unlock()
	if len(empty) == 0 {
		return false, nil
	}
	if len(listed) > 0 {
		if err := p.db.node.unlist(ctx, node, p.kind, listed); err != nil {
			return false, err
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, place := range empty {
		delete(p.all, place)
	}
	if len(p.all) == 0 {
		p.all = make(map[string]*spot[V]) // a map does not shrink
	}
	return len(empty) == most, nil
}
