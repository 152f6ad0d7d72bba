// Package adapter is the contract between a namespace of one server and what
// connects it with the same namespace of the others.
//
// A namespace acts on its own sockets itself, at once, and tells its [Adapter],
// which tells the other servers; there the adapter of the namespace acts through
// [Local]. Neither side waits for the other: what the adapter cannot pass on is lost
// for the other servers and for nobody else.
//
// Beside it stands [Recovery], on which connection state recovery rests: what keeps
// the events of the recent past, and the sessions of clients that are away.
//
// # Order
//
// What one server publishes by Broadcast, BroadcastAck, Join, Leave, Disconnect and
// ServerSide takes effect on each other server in the order of the calls. Between
// servers there is no order.
//
// # Goroutines
//
// All methods of both sides may be called from any goroutine. Methods with a context
// wait, until it ends at the latest; no other one blocks. An adapter may call Local
// as soon as it is made, and no more once Close has returned; no goroutine of the
// adapter is left then.
package adapter

import "context"

// Local is what a namespace offers to its adapter: the sockets of this server.
type Local interface {
	// Namespace returns the name of the namespace, with its leading slash.
	Namespace() string
	// HasRoom reports whether a room has been created here and not removed: see
	// RoomCreated. A socket's id is a room too. What is for other rooms only need not be decoded.
	HasRoom(name string) bool
	// Rooms returns the rooms that local sockets are in, their own included.
	Rooms() []string
	// Deliver sends an event to the sockets of a selection. A payload that is
	// not an event is an error, and nothing is sent.
	Deliver(p Payload, to Selection, f Flags) error
	// DeliverAt is Deliver for an event that another server has appended to the
	// log of a Recoverer. What it returns is called as that of deliver in Append.
	DeliverAt(e Event, offset string) (after func(), err error)
	// DeliverAck sends an event that wants acknowledgements, which come through
	// acks; the number of receivers before it returns, also if that is 0 and
	// if there is an error. Stop ends the waiting; it must be called when the
	// time is over and may be called at any time after.
	DeliverAck(p Payload, to Selection, f Flags, acks Acks) (stop func(), err error)
	// Together calls f, in which events are delivered, and returns when what they cause is
	// written, as far as that does not have to wait. It is for an adapter that has nothing
	// else to do then: to leave the writing to others, as Deliver does by itself, wakes a thread.
	Together(f func())
	// Join puts the sockets of a selection into rooms. Where a limit forbids it
	// for some of the sockets, the others join, and the error names the limit.
	Join(to Selection, rooms []string) error
	// Leave takes the sockets of a selection out of rooms.
	Leave(to Selection, rooms []string)
	// Disconnect ends the sockets of a selection, with closeTransport their
	// clients' connections too.
	Disconnect(to Selection, closeTransport bool)
	// Sockets describes the sockets of a selection.
	Sockets(to Selection) []Socket
	// ServerSide queues an event for the handlers that the application has
	// registered for events of other servers. Reply, if it is not nil, is called
	// once with the answer, an array of one value, from another goroutine; not if
	// there is an error, or if the server shuts down before.
	ServerSide(p Payload, reply func(Payload)) error
	// Holding calls answer once, which must not block, with the socket that holds the session of a pid, if there is one here: at
	// once, or when a client that is just coming back to the session has done so, or has failed to.
	Holding(pid string, answer func(h Holding, held bool))
	// Release ends the socket that holds a session as if its connection were lost, if it is this user's and Saved is that of its
	// Holding. It calls done once, which must not block, when the disconnect hooks have run and the session has been given to
	// Recovery.Save; at once where nothing is ended.
	Release(pid, user, saved string, done func())
	// Missed tells that messages of other servers may have been lost: those that
	// were sent before the next one that the adapter brings. It does not block.
	Missed()
	// Unsent tells that another server may not have sent something. It does not block.
	Unsent()
}

// Acks takes in what becomes of a broadcast that wants acknowledgements. The
// methods may be called from any goroutine, do not block, and call neither Local
// nor Adapter.
type Acks interface {
	// Expect adds the receivers of one server, 0 included. It comes before
	// the answers of that server.
	Expect(receivers int)
	// Answer is the acknowledgement of one receiver.
	Answer(p Payload)
	// Gone tells that one receiver will not answer, and why.
	Gone(why error)
}

// A Syncer is an Adapter whose messages may be late, or lost unnoticed.
type Syncer interface {
	Adapter
	// Sync returns when what other servers have published for all sockets, and for
	// those in the rooms, has taken effect here, or Local.Missed has been called.
	// An error says that neither is known.
	Sync(ctx context.Context, rooms ...string) error
}

// A Subscriber is an Adapter to which others bring what is for a room only while a socket of this
// server is in it.
type Subscriber interface {
	Adapter
	// Subscribed returns when what other servers publish from then on for the rooms comes here:
	// after RoomCreated that takes a moment. An error says that it may not.
	Subscribed(ctx context.Context, rooms ...string) error
}

// An Adapter connects a namespace with the same namespace of other servers. None
// of its methods acts on the sockets of this server.
//
// An error says that others may not have been told. Methods without a context
// queue; where the queue, which is bounded, is full they return an error.
type Adapter interface {
	// Broadcast sends an event to the sockets of a selection.
	Broadcast(p Payload, to Selection, f Flags) error
	// BroadcastAck sends an event that wants acknowledgements. Each other server
	// adds the number of its receivers to acks, and their answers. It returns
	// when all have answered or are gone, or when ctx ends. The error, a
	// *PartialError, is about servers that did not tell how many receivers they
	// have; clients that do not answer are none.
	BroadcastAck(ctx context.Context, p Payload, to Selection, f Flags, acks Acks) error
	// Join puts the sockets of a selection into rooms.
	Join(to Selection, rooms []string) error
	// Leave takes the sockets of a selection out of rooms.
	Leave(to Selection, rooms []string) error
	// Disconnect ends the sockets of a selection, with closeTransport their
	// clients' connections too.
	Disconnect(to Selection, closeTransport bool) error
	// Sockets describes the sockets of a selection. Where servers do not answer
	// it returns what there is and a *PartialError.
	Sockets(ctx context.Context, to Selection) ([]Socket, error)
	// ServerSide sends an event to the handlers of the other servers.
	ServerSide(p Payload) error
	// ServerSideCall is ServerSide, and waits for the answer of each server. Where
	// servers do not answer it returns what there is and a *PartialError.
	ServerSideCall(ctx context.Context, p Payload) ([]Payload, error)
	// ServerCount returns the number of servers with this namespace, this one
	// included.
	ServerCount(ctx context.Context) (int, error)

	// RoomCreated tells that a first local socket is in a room, and RoomRemoved
	// that none is any more, and no client that is away and may come back to
	// it, unless a Recovery of the adapter's keeps what is for these. Own is set where the room is that of a socket's own
	// id. Both are called in the order of the events under the namespace's lock,
	// so they must return at once and must not call Local.
	RoomCreated(name string, own bool)
	RoomRemoved(name string, own bool)

	// Close leaves the other servers. Later calls of the other methods return
	// an error that is net.ErrClosed; a second Close returns nil.
	Close(ctx context.Context) error
}
