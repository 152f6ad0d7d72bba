package socketio

// A heldRoom is one of a client that is away and may come back to this server: a room,
// or the id of its socket. What others send there goes to the log, so the adapter is
// told of its removal only when nobody holds it.
type heldRoom struct {
	name string
	own  bool
}

// roomCreated and roomRemoved tell the adapter of a room, unless it has not heard that
// it was removed, or is not to. The caller holds ns.mu.
func (p *peers) roomCreated(name string, own bool) {
	if p.held[heldRoom{name, own}] == 0 {
		p.RoomCreated(name, own)
	}
}

func (p *peers) roomRemoved(name string, own bool) {
	if p.held[heldRoom{name, own}] == 0 {
		p.RoomRemoved(name, own)
	}
}

// isHeld reports whether somebody holds a room. The caller holds ns.mu.
func (p *peers) isHeld(name string) bool {
	return len(p.held) > 0 && (p.held[heldRoom{name, true}] > 0 || p.held[heldRoom{name, false}] > 0)
}

// there reports whether a local socket is in the room.
func (p *peers) there(r heldRoom) bool {
	if r.own {
		return p.ns.sockets[r.name] != nil
	}
	return p.ns.rooms[r.name] != nil
}

func (p *peers) holdRoom(r heldRoom) {
	if p.held[r] == 0 && !p.there(r) {
		p.RoomCreated(r.name, r.own)
	}
	if p.held == nil {
		p.held = make(map[heldRoom]int)
	}
	p.held[r]++
}

func (p *peers) unholdRoom(r heldRoom) {
	if p.held[r]--; p.held[r] > 0 {
		return
	}
	delete(p.held, r)
	if len(p.held) == 0 {
		p.held = nil // a map does not shrink
	}
	if !p.there(r) {
		p.RoomRemoved(r.name, r.own)
	}
}

// hold keeps the rooms of a socket whose client is away. The caller holds ns.mu.
func (ns *Namespace) hold(s *Socket) {
	if ns.peers == nil {
		return
	}
	s.lease.holds = true
	ns.peers.holdRoom(heldRoom{s.id, true})
	for _, stay := range s.lease.rooms {
		ns.peers.holdRoom(heldRoom{stay.Room, false})
	}
}

// unhold undoes hold. The caller holds ns.mu.
func (ns *Namespace) unhold(s *Socket) {
	if !s.lease.holds {
		return
	}
	s.lease.holds = false
	ns.peers.unholdRoom(heldRoom{s.id, true})
	for _, stay := range s.lease.rooms {
		ns.peers.unholdRoom(heldRoom{stay.Room, false})
	}
}
