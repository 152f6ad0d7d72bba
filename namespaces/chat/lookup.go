package chat

// lock finds a room and locks it.
func (m *memory) lock(id string) (*room, bool) {
	for {
		m.mu.Lock()
		r, ok := m.rooms.get(id)
		m.mu.Unlock()
		if !ok {
			return nil, false
		}
		if r.mu.Lock(); !r.gone {
			return r, true
		}
		r.mu.Unlock()
	}
}

// lockOrLoad is lock for a room that may be with the Keeper, or need not exist: then creator makes it, or if nil the
// error is ErrNoRoom.
func (m *memory) lockOrLoad(id string, creator *User) (*room, error) {
	for {
		if r, ok := m.lock(id); ok {
			return r, nil
		}
		if creator == nil && m.opts.Keeper == nil {
			return nil, ErrNoRoom
		}
		r := &room{id: id, name: id}
		r.mu.Lock() // nobody sees it before it is complete, or enters and leaves it before its creator is in
		m.mu.Lock()
		_, taken := m.rooms.get(id)
		var err error
		if !taken {
			err = m.add(r)
		}
		m.mu.Unlock()
		if err == nil && !taken {
			err = m.fill(r, creator)
		}
		if err != nil {
			r.mu.Unlock()
			return nil, err
		}
		if !taken {
			return r, nil
		}
	}
}

// fill makes a room that is new in memory the one that is kept, or a new one.
func (m *memory) fill(r *room, creator *User) error {
	if m.opts.Keeper != nil {
		kept, err := m.opts.Keeper.Load(r.id)
		if err != nil {
			m.forget(r)
			return err
		}
		if kept != nil {
			m.restore(r, kept)
			m.vacate(r)
			return nil
		}
	}
	if creator == nil {
		m.forget(r)
		return ErrNoRoom
	}
	_, r.createdAt = m.ids.Next()
	r.creator = creator.UserID
	return nil
}

// add puts a room into the store. m.mu is held.
func (m *memory) add(r *room) error {
	if m.rooms.len() >= m.opts.Rooms && !m.evict() {
		return &LimitError{"Too many rooms on this server", m.opts.Rooms}
	}
	m.rooms.put(r.id, r)
	return nil
}

// evict takes the room out of memory that nobody has been in for longest, and reports whether there is one. m.mu is held.
func (m *memory) evict() bool {
	for e := m.vacant.Front(); e != nil; e = e.Next() {
		r := e.Value.(*room)
		if !r.mu.TryLock() { // whoever has it may be waiting for m.mu
			continue
		}
		r.gone = true
		m.drop(r)
		r.mu.Unlock()
		return true
	}
	return false
}

// vacate notes that nobody is in a room any more. Its lock is held.
func (m *memory) vacate(r *room) {
	if r.made && !r.kept || r.vacant != nil {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	r.vacant = m.vacant.PushBack(r)
}

// occupy notes that somebody is in a room. Its lock is held.
func (m *memory) occupy(r *room) {
	if r.vacant == nil {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.vacant.Remove(r.vacant)
	r.vacant = nil
}

// forget takes a room out of the store for good. Its lock is held.
func (m *memory) forget(r *room) {
	r.gone = true
	m.mu.Lock()
	defer m.mu.Unlock()
	m.drop(r)
	if r.made {
		count(&m.made, r.creator, -1)
	}
}

// drop takes a room out of memory. Its lock and m.mu are held.
func (m *memory) drop(r *room) {
	m.rooms.delete(r.id)
	if r.vacant != nil {
		m.vacant.Remove(r.vacant)
		r.vacant = nil
	}
}
