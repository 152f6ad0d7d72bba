package notifications

import (
	"slices"
	"time"
)

// A Keeper keeps notifications over a restart, for the Store in memory, whose limits are also those of what is kept.
// Keep returns when the change is safe; the Store publishes it, and shows it to anybody, only then. Calls come one at
// a time.
type Keeper interface {
	// Load returns all that is kept.
	Load() (Kept, error)
	// Keep makes one change, all of it or nothing.
	Keep(c Change) error
}

// Kept is what a Keeper has.
type Kept struct {
	Everyone []Notification // for everyone, oldest first
	Users    []KeptUser
}

// A KeptUser is a user's list without what everyone got.
type KeptUser struct {
	ID   string
	Head Head
	Own  []Notification // oldest first; Read says nothing
	Read []string       // ids of what has been read, also of what everyone got; in order
}

// A Head is what is kept of a user besides notifications.
type Head struct {
	After string    `json:"after"` // the user's list has nothing with this id or an earlier one
	Seen  time.Time `json:"seen"`  // the latest change
}

// A Change is what follows on what is kept.
type Change struct {
	Everyone     []Notification // more of these
	DropEveryone []string       // ids of those that are not needed any more
	Users        map[string]*UserChange
}

// A UserChange is the part of a Change that is about one user. Its fields are to be
// applied in this order.
type UserChange struct {
	Clear bool  // drop all of before
	Head  *Head // nil: the user is forgotten
	Add   []Notification
	Read  []string // ids of those that have been read
	Drop  []string // ids of those to drop
}

// load fills the memory with what is kept, once.
func (m *memory) load() error {
	if m.opts.Keeper == nil || m.loaded {
		return nil
	}
	kept, err := m.opts.Keeper.Load()
	if err != nil {
		return err
	}
	m.loaded = true
	for _, n := range kept.Everyone {
		m.push(n)
		m.ids.Past(n.ID)
	}
	slices.SortFunc(kept.Users, func(a, b KeptUser) int { return a.Head.Seen.Compare(b.Head.Seen) })
	for i := range kept.Users {
		m.restore(&kept.Users[i])
		kept.Users[i] = KeptUser{}
	}
	m.shrink(nil)
	m.undo = nil
	return nil
}

// restore puts a user into memory, with what everyone got up to the last notification that is the user's own or read.
func (m *memory) restore(k *KeptUser) {
	b := &inbox{user: k.ID, after: k.Head.After, seen: k.Head.Seen}
	b.place = m.away.PushBack(b)
	m.inbox[b.user] = b
	var last string
	if n := len(k.Own); n > 0 {
		last = k.Own[n-1].ID
	}
	if n := len(k.Read); n > 0 {
		last = max(last, k.Read[n-1])
	}
	add := func(n Notification) {
		_, n.Read = slices.BinarySearch(k.Read, n.ID)
		m.put(b, n)
	}
	own := k.Own
	b.next = m.counted - len(m.everyone)
	for _, n := range m.everyone {
		if n.ID > max(last, b.after) {
			break
		}
		b.next++
		if n.ID <= k.Head.After {
			continue
		}
		for len(own) > 0 && own[0].ID < n.ID {
			add(own[0])
			own = own[1:]
		}
		add(n)
	}
	for _, n := range own {
		add(n)
	}
	m.ids.Past(max(last, b.after))
}

// changeOf returns the part of the change on its way that is about a user, or nil if nothing is kept.
func (m *memory) changeOf(b *inbox) *UserChange {
	if m.opts.Keeper == nil {
		return nil
	}
	b.seen = m.now()
	if m.change.Users == nil {
		m.change.Users = make(map[string]*UserChange)
	}
	c := m.change.Users[b.user]
	if c == nil {
		c = new(UserChange)
		m.change.Users[b.user] = c
	}
	return c
}

// whenLost has undo called if the change on its way cannot be kept.
func (m *memory) whenLost(undo func()) {
	if m.opts.Keeper != nil {
		m.undo = append(m.undo, undo)
	}
}

// keep makes the change on its way safe, or undoes it.
func (m *memory) keep() error {
	c, undo := m.change, m.undo
	m.change, m.undo = Change{}, nil
	if len(c.Users) == 0 && len(c.Everyone) == 0 && len(c.DropEveryone) == 0 {
		return nil
	}
	for user, u := range c.Users {
		if b := m.inbox[user]; b != nil {
			u.Head = &Head{b.after, b.seen}
		}
	}
	err := m.opts.Keeper.Keep(c)
	if err != nil {
		for _, f := range slices.Backward(undo) {
			f()
		}
	}
	return err
}
