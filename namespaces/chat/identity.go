package chat

import (
	"context"

	"parley/namespaces/event"
	"parley/namespaces/identity"
	"parley/server/socketio"
)

// userRoom begins the room of all of a user's sockets.
const userRoom = event.UserRoom

// handshakeUser returns who the token says, or in open mode the client, when it connects.
func (c *Chat) handshakeUser(s *socketio.Socket) (User, bool) {
	p, known := identity.Of(s)
	u := User(p.User)
	return u, known && (p.Verified || c.name("userId", u.UserID) == nil && c.name("username", u.Username) == nil)
}

// sessionUser binds what a client leaves behind to who the handshake says it is; nobody, if that is left to join.
func (c *Chat) sessionUser(s *socketio.Socket) string {
	u, _ := c.handshakeUser(s)
	return u.UserID
}

// identify returns who joins: the user of the handshake, whatever the payload says, else the one in the payload, else who joined before.
func (c *Chat) identify(v *visitor, said User) (User, error) {
	if p, _ := identity.Of(v.socket); p.Verified {
		return User(p.User), nil // a newer token may have brought another name
	}
	u, known := v.identity()
	if v.fixed && !known { // the store was not there
		u, known = c.handshakeUser(v.socket)
	}
	if v.fixed || known && said == (User{}) {
		return u, nil
	}
	if known && said.UserID == u.UserID && said.Username == "" {
		return u, nil
	}
	if err := c.name("userId", said.UserID); err != nil {
		return User{}, err
	}
	if err := c.name("username", said.Username); err != nil {
		return User{}, err
	}
	if known && said.UserID != u.UserID && len(v.joined()) > 0 {
		return User{}, errOther
	}
	return said, nil
}

// become gives the visitor a user.
func (c *Chat) become(ctx context.Context, v *visitor, u User) error {
	was, known := v.identity()
	if known && was.UserID == u.UserID {
		v.setUser(u)
		return nil
	}
	// Whom Arrive makes known must get what is sent to them.
	if err := v.socket.Join(userRoom + u.UserID); err != nil {
		return err
	}
	event.Subscribed(ctx, c.ns, userRoom+u.UserID)
	if err := c.store.Arrive(ctx, u.UserID, v.socket.ID()); err != nil {
		v.socket.Leave(userRoom + u.UserID)
		return err
	}
	v.setUser(u)
	if known {
		v.socket.Leave(userRoom + was.UserID)
		return c.store.Depart(ctx, was.UserID, v.socket.ID())
	}
	return nil
}
