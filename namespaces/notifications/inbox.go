package notifications

import (
	"cmp"
	"container/list"
	"slices"
	"time"
)

// An inbox is what one user has been told.
type inbox struct {
	user    string
	sockets int
	place   *list.Element // in memory.away; nil while there are sockets
	kept    []Notification
	unread  int
	next    int       // the number of the first notification for everyone that is not here
	after   string    // nothing up to this id belongs here
	seen    time.Time // the latest change that is kept
}

// open returns a user's inbox, with all in it that there is for the user.
func (m *memory) open(user string) *inbox {
	b := m.inbox[user]
	if b == nil {
		b = m.make(user)
	} else if b.place != nil {
		m.away.MoveToBack(b.place)
	}
	m.catchUp(b)
	return b
}

func (m *memory) make(user string) *inbox {
	b := &inbox{user: user, next: m.counted}
	if n := len(m.everyone); n > 0 {
		b.after = m.everyone[n-1].ID
	}
	b.place = m.away.PushBack(b)
	m.inbox[user] = b
	if c := m.changeOf(b); c != nil {
		c.Clear = true
	}
	m.whenLost(func() {
		delete(m.inbox, user)
		if b.place != nil {
			m.away.Remove(b.place)
		}
	})
	return b
}

// catchUp gives an inbox what everybody has got since it was looked into.
func (m *memory) catchUp(b *inbox) {
	next := b.next
	missed := min(m.counted-next, len(m.everyone))
	for _, n := range m.everyone[len(m.everyone)-missed:] {
		m.put(b, n)
	}
	b.next = m.counted
	m.whenLost(func() { b.next = next })
	m.shrink(b)
}

// put adds a notification to an inbox, which keeps the newest.
func (m *memory) put(b *inbox, n Notification) {
	if len(b.kept) == m.opts.Kept {
		m.dropOldest(b)
	}
	kept, unread := b.kept, b.unread
	b.kept = append(b.kept, n)
	if !n.Read {
		b.unread++
	}
	m.bytes += n.size()
	m.whenLost(func() {
		b.kept, b.unread = kept, unread
		m.bytes -= n.size()
	})
}

func (m *memory) dropOldest(b *inbox) {
	kept, unread, after, oldest := b.kept, b.unread, b.after, b.kept[0]
	if !oldest.Read {
		b.unread--
	}
	m.bytes -= oldest.size()
	b.kept[0] = Notification{} // the array behind the slice lives on for a while
	b.kept = b.kept[1:]
	b.after = oldest.ID
	if c := m.changeOf(b); c != nil {
		c.Drop = append(c.Drop, oldest.ID)
	}
	m.whenLost(func() {
		kept[0] = oldest
		b.kept, b.unread, b.after = kept, unread, after
		m.bytes += oldest.size()
	})
}

// read marks a notification of an inbox as read.
func (m *memory) read(b *inbox, i int) {
	n := &b.kept[i]
	if n.Read {
		return
	}
	n.Read = true
	b.unread--
	if c := m.changeOf(b); c != nil {
		c.Read = append(c.Read, n.ID)
	}
	m.whenLost(func() {
		n.Read = false
		b.unread++
	})
}

// shrink keeps to the limits: users without sockets are forgotten, and if none is
// left but the owner of b, b loses its oldest notifications. B may be nil.
func (m *memory) shrink(b *inbox) {
	for len(m.inbox) > m.opts.Users || m.bytes > m.opts.Bytes {
		front := m.away.Front()
		if front == nil || front.Value.(*inbox) == b {
			break
		}
		m.forget(front.Value.(*inbox))
	}
	for b != nil && m.bytes > m.opts.Bytes && len(b.kept) > 1 {
		m.dropOldest(b)
	}
}

func (m *memory) forget(b *inbox) {
	size := 0
	for _, n := range b.kept {
		size += n.size()
	}
	m.bytes -= size
	m.away.Remove(b.place)
	delete(m.inbox, b.user)
	if c := m.changeOf(b); c != nil {
		*c = UserChange{Clear: true}
	}
	m.whenLost(func() {
		m.bytes += size
		b.place = m.away.PushFront(b)
		m.inbox[b.user] = b
	})
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
