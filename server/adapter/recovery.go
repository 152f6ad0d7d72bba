package adapter

import (
	"context"
	"encoding/json"
	"errors"
	"time"
)

// An Event is what a namespace has sent, as its clients may have missed it.
type Event struct {
	Payload
	// Selection says to whom. It leaves out the sender, whose id is a room, by
	// Except.
	Selection
	// Uncompressed is as in Flags.
	Uncompressed bool
}

// A Session is what a client leaves behind that may come back.
type Session struct {
	ID   string // of its socket
	PID  string // a secret between server and client
	User string // whose the session is, in the words of the application
	// Rooms are those that the socket was in at its end, or has been put into
	// since, without the one of its own id.
	Rooms []Stay
	// Data are values of the socket that other servers understand, by name.
	Data map[string]json.RawMessage
	// Since is the offset after which the client has received all that was for
	// it, however little that was; Came is the one that the client brought
	// when it connected, which it brings again where it has received nothing.
	Since, Came string
	// Saved tells one Save of a session from another, so that a server knows the one that
	// it has kept the socket of. Empty in a session of a Node server.
	Saved string
	// Until is when the session ends.
	Until time.Time
}

// A Stay is a room of a session. Where others have changed the rooms of a client
// that was away, only the events after From and up to To were for it, which are
// offsets; otherwise they are empty. With To set it is in the room no more.
type Stay struct{ Room, From, To string }

// ErrLost is the error of Replay where events that were for the session are no
// longer there, or its offset is not one of this log.
var ErrLost = errors.New("adapter: missed events are lost, or the offset is unknown")

// A Recovery is what connection state recovery of one namespace rests on: a log of
// the events of the recent past, and the sessions of clients that are away.
//
// The log has one order. The functions deliver, of Append and Pass, f, of Sync, and join, of
// Replay, are called one at a time, in that order and with the events of other
// servers between, so that an offset that a client has received means that nothing
// before it is missing. They do not block and call no method of the Recovery.
// Methods with a context may block; the others do not. All may be called from any
// goroutine.
type Recovery interface {
	// Append adds an event, and calls deliver with its offset: before it
	// returns, or later if giving the event its place takes long. It reports
	// which. Where the event cannot be kept it is delivered nevertheless. What
	// deliver returns, if it is not nil, is called afterwards, with no lock held:
	// it runs code of the application. The event must not be changed any more.
	Append(e Event, deliver func(offset string) (after func())) (delivered bool)
	// Pass calls deliver, as Append does, for what has no place in the log: behind all that was given to
	// Append and Pass before, with the offset of the newest event that was delivered.
	Pass(deliver func(offset string) (after func()))
	// Sync calls f, before it returns, with the offset of the newest event that
	// was delivered.
	Sync(f func(newest string))
	// Save keeps a session until it is claimed or discarded.
	Save(s Session)
	// Claim takes a session out, so that of several callers one has it.
	Claim(ctx context.Context, pid string) (s Session, found bool, err error)
	// Discard is Claim for a session that nobody came back to. It leaves one that has been saved anew, since the client has been at
	// another server, which Saved tells.
	Discard(ctx context.Context, pid, saved string) (found bool, err error)
	// Replay calls take for each event after the offset that was for the
	// session, oldest first, and then join: at that moment take has had all
	// that was delivered so far. An error of take ends it. With any error,
	// which is ErrLost if there would be a gap, join is not called.
	Replay(ctx context.Context, s Session, offset string, take func(e Event, offset string) error, join func()) error
	// Close forgets everything. Appended events are still delivered. A second
	// Close does nothing.
	Close()
}

// A Holding is a session that is not saved because its socket is still there: its server has not noticed that the client has lost the
// connection, or is not done with that.
type Holding struct {
	// Server is the server's id, in the words of the Recovery.
	Server string
	// Socket is the id of the socket.
	Socket string
	// Saved is that of the Session that the socket will leave behind, by which a server knows whether it is still the same socket.
	Saved string
}

// A Finder is a Recovery of several servers that finds the sessions which others of them hold, so that clients recover whose old
// server has not noticed yet that they are gone.
type Finder interface {
	Recovery
	// Find asks the servers of the namespace, through Local.Holding, for who holds a session. One that does not answer until ctx ends
	// does not hold it; the error says that nobody could be asked.
	Find(ctx context.Context, pid string) (h Holding, found bool, err error)
	// Release has that server end the socket, if it is the user's, through Local.Release. It returns when the session is saved, if it will be:
	// Claim tells.
	Release(ctx context.Context, pid, user string, h Holding) error
}

// A Recoverer is an Adapter that brings a Recovery, shared by all servers: their events
// have one order and clients may come back to any of them.
//
// Its Append passes the event on, so it is not given to Broadcast too; on each other
// server the adapter calls Local.DeliverAt, as one of the calls that come one at a
// time. Broadcast gets what has no place in the log: volatile events.
type Recoverer interface {
	Adapter
	// Recovery returns the log of the namespace, in which events are kept for that
	// long at least, unless they are too many. It is called when the application
	// enables recovery, does not block, and returns nil to leave recovery to the
	// memory of each server. The namespace closes the Recovery before the Adapter,
	// which ends this server's part in it: sessions stay until their time is over.
	Recovery(keep time.Duration) Recovery
}
