package chat

import (
	"cmp"
	"container/list"
	"context"
	"slices"
	"sync"
	"time"

	"parley/namespaces/event"
)

// memory is the Store of one server. Without a Keeper it keeps nothing over a restart.
type memory struct {
	opts Options
	ids  *event.IDs

	// mu guards what is below. A room's own lock may be held when taking it, never the other way round.
	mu     sync.Mutex
	rooms  table[string, *room]
	vacant list.List          // of *room: nobody is in them, and they may be evicted; who went first in front
	made   table[string, int] // by user id: the rooms they have made and not deleted
	online table[string, int] // by user id: sockets
}

var _ Store = (*memory)(nil)

// NewMemory returns a Store in memory with the limits of opts.
func NewMemory(opts *Options) Store { return newMemory(opts.WithDefaults(), time.Now) }

func newMemory(opts Options, now func() time.Time) *memory {
	m := &memory{opts: opts, ids: event.NewIDs(now)}
	if opts.Keeper != nil {
		for user, n := range opts.Keeper.Made() {
			m.made.put(user, n)
		}
	}
	return m
}

func (m *memory) Enter(_ context.Context, id, socket string, u User, publish func(Entered)) (Entered, error) {
	r, err := m.lockOrLoad(id, &u)
	if err != nil {
		return Entered{}, err
	}
	defer r.mu.Unlock()
	m.occupy(r)
	e := Entered{First: r.enter(socket, u)}
	e.Room = r.info()
	e.Users = r.list(m.opts.ListedUsers, socket)
	e.Messages = r.page("", m.opts.JoinHistory).Messages
	publish(e)
	return e, nil
}

func (m *memory) Leave(_ context.Context, id, socket string, publish func(User)) error {
	r, ok := m.lock(id)
	if !ok {
		return nil
	}
	defer r.mu.Unlock()
	if u, last := r.leave(socket); last {
		publish(u)
	}
	switch {
	case r.idle():
		m.forget(r)
	case r.sockets.len() == 0:
		m.vacate(r)
	}
	return nil
}

func (m *memory) History(_ context.Context, id, before string, limit int) (Page, error) {
	r, ok := m.lock(id)
	if !ok {
		return Page{}, ErrNoRoom
	}
	defer r.mu.Unlock()
	return r.page(before, limit), nil
}

func (m *memory) Create(_ context.Context, name string, creator User) (Room, error) {
	id, at := m.ids.Next()
	r := &room{id: "room_" + id, name: name, creator: creator.UserID, createdAt: at, made: true}
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := m.addMade(r); err != nil {
		return Room{}, err
	}
	if k := m.opts.Keeper; k != nil {
		if err := k.Make(KeptRoom{ID: r.id, Name: name, Creator: r.creator, CreatedAt: at, Made: true}); err != nil {
			m.forget(r)
			return Room{}, err
		}
		r.kept = true
		m.vacate(r)
	}
	return r.info(), nil
}

// addMade is add for a room of Create.
func (m *memory) addMade(r *room) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if n, _ := m.made.get(r.creator); n >= m.opts.RoomsPerUser {
		return &LimitError{"Too many rooms made by this user", m.opts.RoomsPerUser}
	}
	if err := m.add(r); err != nil {
		return err
	}
	count(&m.made, r.creator, 1)
	return nil
}

func (m *memory) Delete(_ context.Context, id, userID string, publish func(sockets []string)) error {
	r, err := m.lockOrLoad(id, nil)
	if err != nil {
		return err
	}
	defer r.mu.Unlock()
	if r.creator != userID {
		return ErrNotCreator
	}
	if r.kept {
		if err := m.opts.Keeper.Delete(id); err != nil {
			return err
		}
	}
	m.forget(r)
	sockets := make([]string, 0, r.sockets.len())
	for s := range r.sockets.m {
		sockets = append(sockets, s)
	}
	publish(sockets)
	return nil
}

func (m *memory) Rooms(_ context.Context, limit int) ([]Room, bool, error) {
	m.mu.Lock()
	all := make([]*room, 0, m.rooms.len())
	for _, r := range m.rooms.m {
		all = append(all, r)
	}
	m.mu.Unlock()

	list := make([]Room, 0, len(all))
	for _, r := range all {
		r.mu.Lock()
		if !r.gone {
			list = append(list, r.info())
		}
		r.mu.Unlock()
	}
	more := false
	if m.opts.Keeper != nil && len(list) <= limit {
		var err error
		if list, more, err = m.listKept(list, limit); err != nil {
			return nil, false, err
		}
	}
	slices.SortFunc(list, func(a, b Room) int {
		return cmp.Or(cmp.Compare(b.UserCount, a.UserCount), cmp.Compare(a.CreatedAt, b.CreatedAt), cmp.Compare(a.ID, b.ID))
	})
	if len(list) > limit {
		return list[:limit], true, nil
	}
	return list, more, nil
}

func (m *memory) Arrive(_ context.Context, userID, _ string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	count(&m.online, userID, 1)
	return nil
}

func (m *memory) Depart(_ context.Context, userID, _ string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	count(&m.online, userID, -1)
	return nil
}

func (m *memory) Online(_ context.Context, userID string) (bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	_, ok := m.online.get(userID)
	return ok, nil
}

// count adds to a counter and drops it at zero.
func count(t *table[string, int], key string, by int) {
	n, _ := t.get(key)
	if n+by > 0 {
		t.put(key, n+by)
		return
	}
	t.delete(key)
}
