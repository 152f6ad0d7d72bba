package chat

import (
	"slices"
	"sync"
	"time"

	"parley/server/socketio"
)

// A visitor is one connected client. When it has lost its connection and recovers, it has another socket.
type visitor struct {
	socket *socketio.Socket // for others than its own handlers and hooks, guarded by mu
	fixed  bool             // the handshake has said who it is

	presence sync.Mutex // held while the client comes back or its place is given up; guards absent
	absent   bool       // in its rooms for itself, not for the others

	mu      sync.Mutex // guards what is below: another user may delete a room the visitor is in
	user    User
	rooms   []string    // in the order they were joined; the last one is the current room
	leaving *time.Timer // set while the client may come back unnoticed
}

func (v *visitor) identity() (u User, known bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.user, v.user.UserID != ""
}

func (v *visitor) setUser(u User) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.user = u
}

func (v *visitor) joined() []string {
	v.mu.Lock()
	defer v.mu.Unlock()
	return slices.Clone(v.rooms)
}

// enter makes room the current one.
func (v *visitor) enter(room string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.rooms = append(slices.DeleteFunc(v.rooms, func(r string) bool { return r == room }), room)
}

func (v *visitor) leave(room string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if !slices.Contains(v.rooms, room) {
		return
	}
	v.socket.Leave(room)
	v.rooms = slices.DeleteFunc(v.rooms, func(r string) bool { return r == room })
}

// outside reports whether the visitor has joined a room that its socket is not in, or no more than as one that is away.
func (v *visitor) outside(room string) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	return slices.Contains(v.rooms, room) && (!v.socket.Connected() || !slices.Contains(v.socket.Rooms(), room))
}

// room returns the room that a client means, the current one if it names none, and who the visitor is there.
func (v *visitor) room(named string) (room string, u User, err error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	switch {
	case named != "" && slices.Contains(v.rooms, named):
		return named, v.user, nil
	case named == "" && len(v.rooms) > 0:
		return v.rooms[len(v.rooms)-1], v.user, nil
	}
	return "", User{}, errNotInRoom
}

// back gives the visitor the socket with which the client has come back. A room may have been deleted on the way.
func (v *visitor) back(s *socketio.Socket) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.socket = s
	for _, room := range s.Rooms() {
		if room != userRoom+v.user.UserID && !slices.Contains(v.rooms, room) {
			s.Leave(room)
		}
	}
}
