package chat

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"time"

	"parley/namespaces/event"
)

// memory is the Store of one server that keeps nothing over a restart.
type memory struct {
	opts Options
	ids  *event.IDs

	// mu guards what is below. A room's own lock may be held when taking it, never the other way round.
	mu     sync.Mutex
	rooms  table[string, *room]
	made   table[string, int] // by user id: the rooms they have made and not deleted
	online table[string, int] // by user id: sockets
}

var _ Store = (*memory)(nil)

// NewMemory returns a Store in memory with the limits of opts.
func NewMemory(opts *Options) Store { return newMemory(opts.withDefaults(), time.Now) }

func newMemory(opts Options, now func() time.Time) *memory {
	return &memory{opts: opts, ids: event.NewIDs(now)}
}

func (m *memory) Enter(_ context.Context, id, socket string, u User, publish func(Entered)) (Entered, error) {
	r, err := m.lockOrMake(id, u)
	if err != nil {
		return Entered{}, err
	}
	defer r.mu.Unlock()
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
	if r.idle() {
		m.forget(r)
	}
	return nil
}

func (m *memory) Append(_ context.Context, id string, d Draft, publish func(Message)) (Message, error) {
	r, ok := m.lock(id)
	if !ok {
		return Message{}, ErrNoRoom
	}
	defer r.mu.Unlock()
	if first, ok := r.sent(d.From.UserID, d.ClientID); ok {
		return first, nil
	}
	msg := Message{RoomID: id, UserID: d.From.UserID, Username: d.From.Username, Content: d.Content, ClientID: d.ClientID}
	msg.ID, msg.Timestamp = m.ids.Next()
	r.remember(msg, m.opts.History)
	publish(msg)
	return msg, nil
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
	info := r.info()
	m.mu.Lock()
	defer m.mu.Unlock()
	if n, _ := m.made.get(creator.UserID); n >= m.opts.RoomsPerUser {
		return Room{}, &LimitError{"Too many rooms made by this user", m.opts.RoomsPerUser}
	}
	if err := m.add(r); err != nil {
		return Room{}, err
	}
	count(&m.made, creator.UserID, 1)
	return info, nil
}

func (m *memory) Delete(_ context.Context, id, userID string, publish func(sockets []string)) error {
	r, ok := m.lock(id)
	if !ok {
		return ErrNoRoom
	}
	defer r.mu.Unlock()
	if r.creator != userID {
		return ErrNotCreator
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
	slices.SortFunc(list, func(a, b Room) int {
		return cmp.Or(cmp.Compare(b.UserCount, a.UserCount), cmp.Compare(a.CreatedAt, b.CreatedAt), cmp.Compare(a.ID, b.ID))
	})
	if len(list) > limit {
		return list[:limit], true, nil
	}
	return list, false, nil
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

// lockOrMake is lock for a room that need not exist.
func (m *memory) lockOrMake(id string, creator User) (*room, error) {
	for {
		if r, ok := m.lock(id); ok {
			return r, nil
		}
		_, at := m.ids.Next()
		r := &room{id: id, name: id, creator: creator.UserID, createdAt: at}
		r.mu.Lock() // nobody enters and leaves it before its creator is in
		m.mu.Lock()
		_, taken := m.rooms.get(id)
		var err error
		if !taken {
			err = m.add(r)
		}
		m.mu.Unlock()
		if err != nil {
			return nil, err
		}
		if !taken {
			return r, nil
		}
	}
}

// add puts a room into the store. m.mu is held.
func (m *memory) add(r *room) error {
	if m.rooms.len() >= m.opts.Rooms {
		return &LimitError{"Too many rooms on this server", m.opts.Rooms}
	}
	m.rooms.put(r.id, r)
	return nil
}

// forget takes a room out of the store. Its lock is held.
func (m *memory) forget(r *room) {
	r.gone = true
	m.mu.Lock()
	defer m.mu.Unlock()
	m.rooms.delete(r.id)
	if r.made {
		count(&m.made, r.creator, -1)
	}
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
