package notifications

import (
	"container/list"
	"context"
	"slices"
	"sync"
	"time"

	"parley/namespaces/event"
)

// memory is the Store of one server. Without a Keeper it keeps nothing over a restart.
type memory struct {
	opts  Options
	now   func() time.Time
	ids   *event.IDs
	turns turns // that wait for mu

	mu    sync.Mutex // guards what follows, and gives the changes their order
	inbox map[string]*inbox
	away  list.List // of *inbox: those without sockets, least recently used in front
	bytes int       // of all inboxes
	// What everybody gets is put into an inbox when somebody looks. The last of
	// these notifications has the number counted-1.
	everyone []Notification
	counted  int

	loaded bool     // what is kept
	change Change   // on its way to the Keeper
	undo   []func() // in the order of what they undo, if the change is lost
}

var _ Store = (*memory)(nil)

// NewMemory returns a Store in memory with the limits of opts. What cannot be loaded
// from the Keeper is tried again with each call, which fails.
func NewMemory(opts *Options) Store {
	m := newMemory(opts.WithDefaults(), time.Now)
	_ = m.do(func() {}, func() {})
	return m
}

func newMemory(opts Options, now func() time.Time) *memory {
	return &memory{opts: opts, now: now, ids: event.NewIDs(now), inbox: make(map[string]*inbox)}
}

func (m *memory) Arrive(_ context.Context, user, _ string, publish func(unread int)) error {
	var unread int
	return m.do(func() {
		b := m.open(user)
		if b.sockets++; b.place != nil {
			m.away.Remove(b.place)
			b.place = nil
		}
		m.whenLost(func() { m.depart(b) })
		unread = b.unread
	}, func() { publish(unread) })
}

// Depart does not wait for the Keeper: what it changes is kept with the next change.
func (m *memory) Depart(_ context.Context, user, _ string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	b := m.inbox[user]
	if b == nil || b.sockets == 0 {
		return nil
	}
	m.changeOf(b)
	if m.depart(b); b.sockets == 0 {
		m.shrink(b)
	}
	return nil
}

func (m *memory) depart(b *inbox) {
	if b.sockets--; b.sockets == 0 {
		b.place = m.away.PushBack(b)
	}
}

func (m *memory) Add(_ context.Context, users []string, c Content, publish func(Notification, []Unread)) error {
	var n Notification
	var counts []Unread
	return m.do(func() {
		n, counts = m.stamp(c), make([]Unread, 0, len(users))
		for _, user := range users {
			counts = append(counts, m.give(user, n))
		}
	}, func() { publish(n, counts) })
}

func (m *memory) AddEach(_ context.Context, users []string, c Content, publish func(Notification, Unread)) error {
	var list []Notification
	var counts []Unread
	return m.do(func() {
		list, counts = make([]Notification, 0, len(users)), make([]Unread, 0, len(users))
		for _, user := range users {
			n := m.stamp(c)
			n.RecipientID = user
			list, counts = append(list, n), append(counts, m.give(user, n))
		}
	}, func() {
		for i, n := range list {
			publish(n, counts[i])
		}
	})
}

// give adds a notification to what a user has.
func (m *memory) give(user string, n Notification) Unread {
	b := m.open(user)
	m.put(b, n)
	if c := m.changeOf(b); c != nil {
		c.Add = append(c.Add, n)
	}
	m.shrink(b)
	return Unread{user, b.unread}
}

func (m *memory) AddForAll(_ context.Context, c Content, publish func(Notification, []Unread)) error {
	var n Notification
	var counts []Unread
	return m.do(func() {
		n, counts = m.stamp(c), nil
		m.push(n)
		if m.opts.Keeper != nil {
			m.change.Everyone = append(m.change.Everyone, n)
		}
		for _, b := range m.inbox {
			if b.sockets > 0 {
				m.catchUp(b)
				counts = append(counts, Unread{b.user, b.unread})
			}
		}
	}, func() { publish(n, counts) })
}

func (m *memory) List(_ context.Context, user, before string, limit int, unreadOnly bool) (p Page, err error) {
	err = m.do(func() {
		b := m.open(user)
		end := len(b.kept)
		if before != "" {
			end, _ = b.find(before)
		}
		p = b.page(end, limit, unreadOnly)
	}, func() {})
	if err != nil {
		return Page{}, err
	}
	return p, nil
}

// page returns the newest notifications of an inbox before a place.
func (b *inbox) page(end, limit int, unreadOnly bool) Page {
	p := Page{Notifications: []Notification{}}
	for _, n := range slices.Backward(b.kept[:end]) {
		if n.Read && unreadOnly {
			continue
		}
		if len(p.Notifications) == limit {
			p.More = true
			break
		}
		p.Notifications = append(p.Notifications, n)
	}
	return p
}

func (m *memory) MarkRead(_ context.Context, user string, ids []string, publish func(unread int)) (count int, err error) {
	var unread int
	err = m.do(func() {
		b := m.open(user)
		was := b.unread
		if ids == nil {
			for i := range b.kept {
				m.read(b, i)
			}
		}
		for _, id := range ids {
			if i, there := b.find(id); there {
				m.read(b, i)
			}
		}
		count, unread = was-b.unread, b.unread
	}, func() {
		if count > 0 {
			publish(unread)
		}
	})
	if err != nil {
		return 0, err
	}
	return count, nil
}

// stamp makes a notification of what it says.
func (m *memory) stamp(c Content) Notification {
	n := Notification{Type: c.Type, Data: c.Data}
	n.ID, n.Timestamp = m.ids.Next()
	return n
}

// push adds a notification for everyone, of which the newest are kept.
func (m *memory) push(n Notification) {
	all := m.everyone
	m.counted++
	if len(all) < m.opts.Kept {
		m.everyone = append(all, n)
		m.whenLost(func() { m.everyone, m.counted = all, m.counted-1 })
		return
	}
	oldest := all[0]
	all[0] = Notification{}
	m.everyone = append(all[1:], n)
	if m.opts.Keeper != nil {
		m.change.DropEveryone = append(m.change.DropEveryone, oldest.ID)
	}
	m.whenLost(func() {
		all[0] = oldest
		m.everyone, m.counted = all, m.counted-1
	})
}
