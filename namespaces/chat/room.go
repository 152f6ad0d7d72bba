package chat

import (
	"container/list"
	"slices"
	"strings"
	"sync"
)

// A room is one room of the memory store.
type room struct {
	id, name  string
	creator   string // user id
	createdAt string
	made      bool // by Create: stays when empty, until deleted

	posts posts // that wait for mu

	// mu is held while a change is published, which is what gives the room its order.
	mu      sync.Mutex
	gone    bool // out of the store: whoever still holds it must look the room up again
	users   []*present
	byUser  table[string, *present]
	sockets table[string, *present]
	history []Message
	kept    bool          // by the store's Keeper
	vacant  *list.Element // in the store's list of rooms that may be evicted; to be changed with the store's mu held too
}

// present is a user in a room, with any number of sockets.
type present struct {
	User
	sockets int
}

func (r *room) info() Room {
	return Room{ID: r.id, Name: r.name, UserCount: len(r.users), CreatedAt: r.createdAt}
}

// enter says whether u was not there before.
func (r *room) enter(socket string, u User) (first bool) {
	if p, ok := r.sockets.get(socket); ok {
		p.Username = u.Username
		return false
	}
	p, ok := r.byUser.get(u.UserID)
	if !ok {
		p = &present{}
		r.byUser.put(u.UserID, p)
		r.users = append(r.users, p)
	}
	p.User = u
	p.sockets++
	r.sockets.put(socket, p)
	return !ok
}

// leave says whose last socket went.
func (r *room) leave(socket string) (who User, last bool) {
	p, ok := r.sockets.get(socket)
	if !ok {
		return User{}, false
	}
	r.sockets.delete(socket)
	p.sockets--
	if p.sockets > 0 {
		return User{}, false
	}
	r.byUser.delete(p.UserID)
	i := slices.Index(r.users, p)
	r.users = slices.Delete(r.users, i, i+1)
	if len(r.users) < cap(r.users)/4 {
		r.users = slices.Clone(r.users)
	}
	return p.User, true
}

// list returns up to limit users. The user of socket is among them, if need be in the place of the last.
func (r *room) list(limit int, socket string) []User {
	users := make([]User, 0, min(limit, len(r.users)))
	self, _ := r.sockets.get(socket)
	listed := false
	for _, p := range r.users[:cap(users)] {
		users = append(users, p.User)
		listed = listed || p == self
	}
	if !listed && len(users) > 0 {
		users[len(users)-1] = self.User
	}
	return users
}

// remember adds m to the history, which keeps the newest.
func (r *room) remember(m Message, keep int) {
	for len(r.history) >= keep { // more than one over after a start with a lower limit
		r.history[0] = Message{} // the array behind the slice lives on for a while
		r.history = r.history[1:]
	}
	r.history = append(r.history, m)
}

// page returns the newest messages, of those before an id if it is not empty.
func (r *room) page(before string, limit int) Page {
	end := len(r.history)
	if before != "" {
		end, _ = slices.BinarySearchFunc(r.history, before, func(m Message, id string) int { return strings.Compare(m.ID, id) })
	}
	start := max(0, end-limit)
	return Page{Messages: append([]Message{}, r.history[start:end]...), More: start > 0}
}

// idle says whether nothing would be lost with the room.
func (r *room) idle() bool { return r.sockets.len() == 0 && len(r.history) == 0 && !r.made }
