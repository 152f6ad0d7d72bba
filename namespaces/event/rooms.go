package event

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"parley/server/socketio"
)

// UserRoom begins the name of the room of all of a user's sockets, which the user's
// id ends. No client joins a room of this prefix by its name.
const UserRoom = "user:"

// ErrPrivate is the error of a client that asks for a room that is not everybody's.
var ErrPrivate = &socketio.Error{Code: "forbidden", Message: "This room cannot be joined."}

// Room checks the name of a room that a client asks for, which a field of the
// payload gives: the rooms of users, and those of single sockets, which are named
// by their ids, are private.
func Room(field, room string, maxBytes int, isSocket func(id string) bool) error {
	if err := Name(field, room, maxBytes); err != nil {
		return err
	}
	if strings.HasPrefix(room, UserRoom) || isSocket(room) {
		return ErrPrivate
	}
	return nil
}

// SocketOf returns for Room what tells the ids of a namespace's sockets on this
// server.
func SocketOf(ns *socketio.Namespace) func(id string) bool {
	return func(id string) bool { return ns.Socket(id) != nil }
}

// socketID is what the ids of sockets look like.
var socketID = regexp.MustCompile(`^[A-Za-z0-9_-]{20}$`)

// Joinable is Room for a client that wants to hear what is sent to the room: it asks the
// other servers, too, whether it is a socket's where the name looks like that. If they do
// not all answer the error is ErrNotAll.
func Joinable(ctx context.Context, ns *socketio.Namespace, field, room string, maxBytes int) error {
	if err := Room(field, room, maxBytes, SocketOf(ns)); err != nil || !socketID.MatchString(room) {
		return err
	}
	sockets, err := ns.In(room).FetchSockets(ctx)
	if slices.ContainsFunc(sockets, func(s socketio.RemoteSocket) bool { return s.ID == room }) {
		return ErrPrivate
	}
	if err != nil {
		return fmt.Errorf("%w: %w", ErrNotAll, err)
	}
	return nil
}

// subscribeTime bounds the waiting of a client that joins a room for what other servers send to it. Where
// that cannot be had the client is in the room nevertheless, and gets it later.
const subscribeTime = 500 * time.Millisecond

// Subscribed returns when what other servers send to a room that a socket has joined reaches it, or
// when that takes too long. A client that is told before that it is in the room may miss something.
func Subscribed(ctx context.Context, ns *socketio.Namespace, room string) {
	ctx, cancel := context.WithTimeout(ctx, subscribeTime)
	defer cancel()
	_ = ns.Subscribed(ctx, room)
}
