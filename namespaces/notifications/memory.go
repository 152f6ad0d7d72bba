package notifications

import (
	"cmp"
	"container/list"
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

	mu    sync.Mutex // guards what follows, and gives the changes their order
	inbox map[string]*inbox
	away  list.List // of *inbox: those without sockets, least recently used in front
	bytes int       // of all inboxes
	// What everybody gets is put into an inbox when somebody looks. The last of
	// these notifications has the number counted-1.
	everyone []Notification
	counted  int
}

var _ Store = (*memory)(nil)

// NewMemory returns a Store in memory with the limits of opts.
func NewMemory(opts *Options) Store { return newMemory(opts.withDefaults(), time.Now) }

func newMemory(opts Options, now func() time.Time) *memory {
	return &memory{opts: opts, ids: event.NewIDs(now), inbox: make(map[string]*inbox)}
}

// An inbox is what one user has been told.
type inbox struct {
	user    string
	sockets int
	place   *list.Element // in memory.away; nil while there are sockets
	kept    []Notification
	unread  int
	next    int // the number of the first notification for everyone that is not here
}

func (m *memory) Arrive(_ context.Context, user, _ string, publish func(unread int)) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	b := m.open(user)
	if b.sockets++; b.place != nil {
		m.away.Remove(b.place)
		b.place = nil
	}
	publish(b.unread)
	return nil
}

func (m *memory) Depart(_ context.Context, user, _ string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	b := m.inbox[user]
	if b == nil || b.sockets == 0 {
		return nil
	}
	if b.sockets--; b.sockets == 0 {
		b.place = m.away.PushBack(b)
		m.shrink(b)
	}
	return nil
}

func (m *memory) Add(_ context.Context, users []string, recipient string, c Content, publish func(Notification, []Unread)) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	n := m.stamp(c)
	n.RecipientID = recipient
	counts := make([]Unread, 0, len(users))
	for _, user := range users {
		b := m.open(user)
		m.put(b, n)
		m.shrink(b)
		counts = append(counts, Unread{user, b.unread})
	}
	publish(n, counts)
	return nil
}

func (m *memory) AddForAll(_ context.Context, c Content, publish func(Notification, []Unread)) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	n := m.stamp(c)
	m.everyone = push(m.everyone, n, m.opts.Kept)
	m.counted++
	var counts []Unread
	for _, b := range m.inbox {
		if b.sockets > 0 {
			m.catchUp(b)
			counts = append(counts, Unread{b.user, b.unread})
		}
	}
	publish(n, counts)
	return nil
}

func (m *memory) List(_ context.Context, user, before string, limit int, unreadOnly bool) (Page, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	b := m.open(user)
	end := len(b.kept)
	if before != "" {
		end, _ = b.find(before)
	}
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
	return p, nil
}

func (m *memory) MarkRead(_ context.Context, user string, ids []string, publish func(unread int)) (int, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	b := m.open(user)
	was := b.unread
	if ids == nil {
		for i := range b.kept {
			b.kept[i].Read = true
		}
		b.unread = 0
	}
	for _, id := range ids {
		if i, there := b.find(id); there && !b.kept[i].Read {
			b.kept[i].Read = true
			b.unread--
		}
	}
	if b.unread != was {
		publish(b.unread)
	}
	return was - b.unread, nil
}

// stamp makes a notification of what it says.
func (m *memory) stamp(c Content) Notification {
	n := Notification{Type: c.Type, Data: c.Data}
	n.ID, n.Timestamp = m.ids.Next()
	return n
}

// open returns a user's inbox, with all in it that there is for the user.
func (m *memory) open(user string) *inbox {
	b := m.inbox[user]
	if b == nil {
		b = &inbox{user: user, next: m.counted}
		b.place = m.away.PushBack(b)
		m.inbox[user] = b
	} else if b.place != nil {
		m.away.MoveToBack(b.place)
	}
	m.catchUp(b)
	return b
}

// catchUp gives an inbox what everybody has got since it was looked into.
func (m *memory) catchUp(b *inbox) {
	missed := min(m.counted-b.next, len(m.everyone))
	for _, n := range m.everyone[len(m.everyone)-missed:] {
		m.put(b, n)
	}
	b.next = m.counted
	m.shrink(b)
}

// put adds a notification to an inbox, which keeps the newest.
func (m *memory) put(b *inbox, n Notification) {
	if len(b.kept) == m.opts.Kept {
		m.dropOldest(b)
	}
	b.kept = append(b.kept, n)
	b.unread++
	m.bytes += n.size()
}

func (m *memory) dropOldest(b *inbox) {
	oldest := b.kept[0]
	if !oldest.Read {
		b.unread--
	}
	m.bytes -= oldest.size()
	b.kept[0] = Notification{} // the array behind the slice lives on for a while
	b.kept = b.kept[1:]
}

// shrink keeps to the limits: users without sockets are forgotten, and if none is
// left but the owner of b, b loses its oldest notifications.
func (m *memory) shrink(b *inbox) {
	for len(m.inbox) > m.opts.Users || m.bytes > m.opts.Bytes {
		front := m.away.Front()
		if front == nil || front.Value.(*inbox) == b {
			break
		}
		m.forget(front.Value.(*inbox))
	}
	for m.bytes > m.opts.Bytes && len(b.kept) > 1 {
		m.dropOldest(b)
	}
}

func (m *memory) forget(b *inbox) {
	for _, n := range b.kept {
		m.bytes -= n.size()
	}
	m.away.Remove(b.place)
	delete(m.inbox, b.user)
}

// find returns the place of a notification, or that of the first one after it.
func (b *inbox) find(id string) (int, bool) {
	return slices.BinarySearchFunc(b.kept, id, func(n Notification, id string) int { return cmp.Compare(n.ID, id) })
}

// size is about what a notification costs in memory, in bytes.
func (n *Notification) size() int {
	const fixed = 256
	return fixed + len(n.Data) + len(n.RecipientID)
}

// push appends to a list that keeps the newest.
func push(list []Notification, n Notification, keep int) []Notification {
	if len(list) == keep {
		list[0] = Notification{}
		list = list[1:]
	}
	return append(list, n)
}
