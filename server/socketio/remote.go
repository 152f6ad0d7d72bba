package socketio

import (
	"context"
	stdjson "encoding/json"
	"slices"

	"parley/server/adapter"
)

// A RemoteSocket describes a socket that may be on any server, as it was when it was
// fetched. Its methods reach it wherever it is, and do nothing once it is gone.
type RemoteSocket struct {
	// ID is the id of the socket, and a room with that socket in it.
	ID        string
	Handshake adapter.Handshake
	// Rooms are those that the socket had joined.
	Rooms []string
	// Data is a JSON object with the values of shared keys.
	Data stdjson.RawMessage

	ns *Namespace
}

func (r RemoteSocket) target() Target { return r.ns.To(r.ID) }

// Emit sends an event to the socket.
func (r RemoteSocket) Emit(event string, args ...any) error { return r.target().Emit(event, args...) }

// Join puts the socket into rooms.
func (r RemoteSocket) Join(rooms ...string) error { return r.target().Join(rooms...) }

// Leave takes the socket out of rooms.
func (r RemoteSocket) Leave(rooms ...string) error { return r.target().Leave(rooms...) }

// Disconnect ends the socket, as Socket.Disconnect does.
func (r RemoteSocket) Disconnect(closeTransport bool) error {
	return r.target().Disconnect(closeTransport)
}

// FetchSockets returns the sockets of the target, in no order. Where servers do not
// answer before ctx ends it returns what there is and a *PartialError, which counts
// the other servers; of a parent, those of each child that some did not answer for.
func (t Target) FetchSockets(ctx context.Context) ([]RemoteSocket, error) {
	if t.ns.server.closed.Load() {
		return nil, ErrClosed
	}
	if t.ns.matcher == nil {
		return t.fetch(ctx)
	}
	return concurrently(t.each(), func(one Target) ([]RemoteSocket, error) { return one.fetch(ctx) })
}

func (t Target) fetch(ctx context.Context) ([]RemoteSocket, error) {
	found := t.ns.describe(t.here())
	var err error
	if peers := t.remote(); peers != nil {
		var others []adapter.Socket
		others, err = peers.Sockets(ctx, t.selection())
		found = append(found, others...)
	}
	all := make([]RemoteSocket, len(found))
	for i, s := range found {
		rooms := slices.DeleteFunc(s.Rooms, func(name string) bool { return name == s.ID })
		all[i] = RemoteSocket{s.ID, s.Handshake, rooms, s.Data, t.ns}
	}
	return all, err
}

// Join puts all sockets of the target into rooms, on every server. The error is the
// first of a socket of this server, and names the limit that was reached; the others
// join.
func (t Target) Join(rooms ...string) error {
	if t.ns.server.closed.Load() {
		return ErrClosed
	}
	var first error
	for _, t := range t.each() {
		if err := t.ns.joinAll(t.here(), rooms); first == nil {
			first = err
		}
		if peers := t.remote(); peers != nil {
			peers.failed(opJoin, peers.Join(t.selection(), rooms))
		}
	}
	return first
}

// Subscribed returns when what other servers send to the rooms reaches the sockets that have
// joined them here. Neither Join waits for that, which takes a moment where servers listen to the
// rooms of their sockets only. An error says that something may be missed.
func (ns *Namespace) Subscribed(ctx context.Context, rooms ...string) error {
	if ns.peers == nil {
		return nil
	}
	if others, ok := ns.peers.Adapter.(adapter.Subscriber); ok {
		return others.Subscribed(ctx, rooms...)
	}
	return nil
}

// Leave takes all sockets of the target out of rooms, on every server.
func (t Target) Leave(rooms ...string) error {
	if t.ns.server.closed.Load() {
		return ErrClosed
	}
	for _, t := range t.each() {
		t.ns.leaveAll(t.here(), rooms)
		if peers := t.remote(); peers != nil {
			peers.failed(opLeave, peers.Leave(t.selection(), rooms))
		}
	}
	return nil
}

// Disconnect ends all sockets of the target, on every server, as Socket.Disconnect
// does.
func (t Target) Disconnect(closeTransport bool) error {
	if t.ns.server.closed.Load() {
		return ErrClosed
	}
	for _, t := range t.each() {
		if peers := t.remote(); peers != nil { // first: with its last socket a child goes
			peers.failed(opDisconnect, peers.Disconnect(t.selection(), closeTransport))
		}
		t.ns.disconnectAll(t.here(), closeTransport)
	}
	return nil
}

// here is the target as a selection of this server's sockets.
func (t Target) here() adapter.Selection {
	if t.direct {
		return adapter.Selection{Rooms: []string{t.self.id}}
	}
	return t.selection()
}
