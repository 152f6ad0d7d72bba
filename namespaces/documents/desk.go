package documents

import (
	"context"
	"slices"
	"strings"
	"sync"

	"parley/namespaces/identity"
	"parley/server/socketio"
)

// A desk is who is behind a socket, and the documents that they have open.
type desk struct {
	user identity.User

	mu        sync.Mutex // guards documents
	documents []string
}

var desks = socketio.NewKey[*desk]("open documents")

// open returns the documents on the desk.
func (d *desk) open() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.documents)
}

// connected gives a socket its desk. In open mode a client need not say who it is:
// it is somebody without a name then. Who comes back has one, or had it on another
// server, from which the rooms have come along.
func (d *Documents) connected(ctx context.Context, s *socketio.Socket) {
	if _, back := desks.Get(s); !back {
		user := identity.User{UserID: s.ID(), Username: "Anonymous"}
		if p, ok := identity.Of(s); ok {
			user = p.User
		}
		fresh := &desk{user: user}
		if s.Recovered() {
			for _, name := range s.Rooms() {
				if document, is := strings.CutPrefix(name, roomPrefix); is {
					fresh.documents = append(fresh.documents, document)
				}
			}
		}
		desks.Set(s, fresh)
	}
	if s.Recovered() {
		d.rejoin(ctx, s)
	}
}

// sessionUser binds what a client leaves behind to its user, or to nobody.
func sessionUser(s *socketio.Socket) string {
	p, _ := identity.Of(s)
	return p.UserID
}

// author returns the id of the user behind a socket that has the document open.
func author(s *socketio.Socket, document string) (userID string, open bool) {
	d, ok := desks.Get(s)
	if !ok {
		return "", false
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.user.UserID, slices.Contains(d.documents, document)
}

// take notes a document as open on a socket, and returns who opens it.
func (d *Documents) take(s *socketio.Socket, document string) (identity.User, error) {
	desk, ok := desks.Get(s)
	if !ok {
		return identity.User{}, socketio.ErrClosed
	}
	desk.mu.Lock()
	defer desk.mu.Unlock()
	if slices.Contains(desk.documents, document) {
		return desk.user, nil
	}
	if len(desk.documents) >= d.opts.PerSocket {
		return identity.User{}, errTooMany
	}
	desk.documents = append(desk.documents, document)
	return desk.user, nil
}

// put undoes take.
func (d *Documents) put(s *socketio.Socket, document string) {
	if desk, ok := desks.Get(s); ok {
		desk.mu.Lock()
		defer desk.mu.Unlock()
		desk.documents = slices.DeleteFunc(desk.documents, func(id string) bool { return id == document })
	}
}
