package socketio

import (
	"sync"

	"parley/server/engineio"
)

// A room is a list of its members, so that a broadcast walks over a slice. It
// exists while it has members.
type room struct {
	name    string
	members []*Socket
}

// A membership is a room of a socket, and the socket's place in it.
type membership struct {
	room  *room
	index int
}

// add makes s one of the namespace's sockets and sends its client the reply.
// Under one lock: no broadcast comes before the reply, which some clients would
// drop, and none that somebody sends who knows of the reply misses the socket.
func (ns *Namespace) add(s *Socket, reply engineio.Message) {
	ns.mu.Lock()
	queued, _ := s.client.session.Enqueue(false, reply) // a client that is gone needs none
	ns.insert(s)
	ns.mu.Unlock()
	if queued {
		s.client.session.Report(reply)
	}
}

// insert makes s one of the namespace's sockets. The caller holds ns.mu.
func (ns *Namespace) insert(s *Socket) {
	s.index = len(ns.members)
	ns.members = append(ns.members, s)
	ns.sockets[s.id] = s
	if ns.peers != nil {
		ns.peers.roomCreated(s.id, true)
	}
}

// remove takes s out of the namespace and all its rooms, for good. It is called once
// for each socket.
func (ns *Namespace) remove(s *Socket) {
	defer ns.release()
	defer ns.unlockRooms(ns.lockRooms())
	ns.detach(s)
}

// detach is remove for a caller that has locked the rooms. It leaves the namespace
// held for the socket.
func (ns *Namespace) detach(s *Socket) {
	s.gone = true
	for len(s.rooms) > 0 {
		ns.leave(s, len(s.rooms)-1)
	}
	s.rooms = nil
	if ns.sockets[s.id] != s {
		return
	}
	delete(ns.sockets, s.id)
	if ns.peers != nil {
		ns.peers.roomRemoved(s.id, true)
	}
	last := len(ns.members) - 1
	moved := ns.members[last]
	ns.members[s.index], moved.index = moved, s.index
	ns.members[last] = nil
	ns.members = ns.members[:last]
	// A map keeps the memory of its largest size.
	if last == 0 {
		ns.members, ns.sockets = nil, make(map[string]*Socket)
	}
}

// join puts s into a room. The caller holds ns.mu.
func (ns *Namespace) join(s *Socket, name string) error {
	if s.gone {
		return ErrClosed
	}
	if name == s.id || s.in(name) {
		return nil
	}
	if err := ns.checkRoom(len(s.rooms), name); err != nil {
		return err
	}
	ns.enter(s, name)
	return nil
}

// checkRoom reports whether a socket in so many rooms may join one more.
func (ns *Namespace) checkRoom(rooms int, name string) error {
	if limit := ns.server.opts.MaxName; len(name) > limit {
		return overLimit(ErrNameTooLong, "MaxName", limit)
	}
	if limit := ns.server.opts.MaxRooms; rooms >= limit {
		return overLimit(ErrTooManyRooms, "MaxRooms", limit)
	}
	return nil
}

// enter makes s a member of a room that it is not in. The caller holds ns.mu.
func (ns *Namespace) enter(s *Socket, name string) {
	r := ns.rooms[name]
	if r == nil {
		r = &room{name: name}
		ns.rooms[name] = r
		if ns.peers != nil {
			ns.peers.roomCreated(name, false)
		}
		ns.note(RoomCreated, name, s)
	}
	ns.note(RoomJoined, name, s)
	s.rooms = append(s.rooms, membership{r, len(r.members)})
	r.members = append(r.members, s)
}

func (s *Socket) in(name string) bool {
	for _, m := range s.rooms {
		if m.room.name == name {
			return true
		}
	}
	return false
}

// leave ends the i-th membership of s. The caller holds ns.mu.
func (ns *Namespace) leave(s *Socket, i int) {
	r, place := s.rooms[i].room, s.rooms[i].index
	s.rooms[i] = s.rooms[len(s.rooms)-1]
	s.rooms[len(s.rooms)-1] = membership{}
	s.rooms = s.rooms[:len(s.rooms)-1]

	last := len(r.members) - 1
	moved := r.members[last]
	r.members[place] = moved
	r.members[last] = nil
	r.members = r.members[:last]
	if moved != s {
		moved.moved(r, place)
	}
	ns.note(RoomLeft, r.name, s)
	if last == 0 {
		ns.note(RoomDeleted, r.name, s)
		delete(ns.rooms, r.name)
		if ns.peers != nil {
			ns.peers.roomRemoved(r.name, false)
		}
		if len(ns.rooms) == 0 {
			ns.rooms = make(map[string]*room)
		}
	}
}

// moved notes the new place of s in r.
func (s *Socket) moved(r *room, place int) {
	for i := range s.rooms {
		if s.rooms[i].room == r {
			s.rooms[i].index = place
			return
		}
	}
}

// A crowd is the receivers of one broadcast. It is collected under the
// namespace's lock and sent to without it.
type crowd struct {
	sockets []*Socket
	seen    map[*Socket]struct{} // empty where no socket could be met twice
}

var crowds = sync.Pool{New: func() any { return &crowd{seen: make(map[*Socket]struct{})} }}

// gather returns the sockets of t that are here, t.self among them, to be released
// after use.
func (t Target) gather() *crowd { return t.ns.gather(t.rooms, t.except) }

// gather returns the sockets in one of the rooms, or of all without rooms, that are
// in none of except.
func (ns *Namespace) gather(rooms, except []string) *crowd {
	c := crowds.Get().(*crowd)
	ns.mu.RLock()
	defer ns.mu.RUnlock()
	for _, name := range except {
		ns.each(name, func(s *Socket) { c.seen[s] = struct{}{} })
	}
	switch {
	case len(rooms) == 0:
		c.add(ns.members, len(except) > 0)
	case len(rooms) == 1:
		c.addRoom(ns, rooms[0], len(except) > 0)
	default:
		for _, name := range rooms {
			c.addRoom(ns, name, true)
		}
	}
	return c
}

// each calls f for the members of a room.
func (ns *Namespace) each(name string, f func(*Socket)) {
	if r := ns.rooms[name]; r != nil {
		for _, s := range r.members {
			f(s)
		}
	}
	if s := ns.sockets[name]; s != nil {
		f(s)
	}
}

func (c *crowd) addRoom(ns *Namespace, name string, once bool) {
	if r := ns.rooms[name]; r != nil {
		c.add(r.members, once)
	}
	if s := ns.sockets[name]; s != nil {
		c.add([]*Socket{s}, once)
	}
}

// add takes members in; with once only those that have not been seen yet.
func (c *crowd) add(members []*Socket, once bool) {
	if !once {
		c.sockets = append(c.sockets, members...)
		return
	}
	for _, s := range members {
		if _, met := c.seen[s]; !met {
			c.seen[s] = struct{}{}
			c.sockets = append(c.sockets, s)
		}
	}
}

func (c *crowd) release() {
	clear(c.sockets)
	clear(c.seen)
	c.sockets = c.sockets[:0]
	crowds.Put(c)
}
