// Package cluster is what all adapters share: requests to the other servers of a
// namespace and their answers, over a [Bus] that only carries messages.
//
// A [Link] is an adapter.Adapter. It turns calls into Messages for its Bus, and what
// the Bus gives to [Link.Receive] into calls of adapter.Local.
package cluster

import "context"

// A Bus carries the messages of one namespace of one server to the same namespace of
// the others, and their messages to Link.Receive, from one goroutine and in the order
// in which each of them has sent. All methods may be called from any goroutine, and
// only those with a context wait. None keeps its Message.
type Bus interface {
	// ID is this server's id, the From of what it sends. It does not change.
	ID() string
	// Send queues a message for all others. The error says that none, or with an
	// *UnsentError that some, will not have it.
	Send(m *Message) error
	// Reply queues an answer for the server with that id, after what was sent
	// before.
	Reply(to string, m *Message) error
	// Peers returns the other servers that take part now.
	Peers(ctx context.Context) (Peers, error)
	// RoomCreated and RoomRemoved are those of adapter.Adapter.
	RoomCreated(name string, own bool)
	RoomRemoved(name string, own bool)
	// Close ends the Bus. When it has returned nil, nothing more is received.
	// It is called once.
	Close(ctx context.Context) error
}

// Peers are the other servers of a namespace.
type Peers struct {
	// Count is how many answers each request gets.
	Count int
	// IDs are those of the servers, where the Bus knows them: Count of them. It is
	// nil where it does not, and then servers are only counted.
	IDs []string
}

// An UnsentError tells that a message did not go to some of the servers.
type UnsentError struct {
	To  []string // their ids
	Err error    // why
}

func (e *UnsentError) Error() string { return e.Err.Error() }

func (e *UnsentError) Unwrap() error { return e.Err }
