package cluster

import "parley/server/adapter"

// A Kind says what a Message is.
type Kind uint8

// What one server tells all others. Those with a Request want answers.
const (
	// Broadcast is Payload for Selection with Flags. Asked, each server answers
	// with Expect, and then Answer or Gone for each receiver.
	Broadcast Kind = iota + 1
	// Join puts Selection into Rooms. Asked, as the classic wire's old form is,
	// Done answers it, from a server that has such a socket.
	Join
	// Leave takes Selection out of Rooms. Done as in Join.
	Leave
	// Disconnect ends Selection, with Transport the connections too. Done as in
	// Join.
	Disconnect
	// Fetch asks for the description of Selection, which SocketList answers.
	Fetch
	// ServerSide is the event Payload for the servers themselves. Asked, Reply
	// answers it, or Gone.
	ServerSide
	// ListRooms asks for the names of all rooms, which RoomList answers. Only
	// peers of the classic wire ask.
	ListRooms
	// ListIDs asks for the ids of Selection's sockets, which IDList answers. Only
	// peers of the classic wire ask.
	ListIDs
	// Cancel tells that nobody waits for the answers of Request any more. Not on
	// the wires of Node.
	Cancel
	// Bye tells that From has left. Not on the wires of Node.
	Bye
)

// Answers to one server. All have the Request that they answer.
const (
	// Expect is how many receivers of a Broadcast will answer: Count.
	Expect Kind = iota + 32
	// Answer is one acknowledgement: Payload, an array of the arguments.
	Answer
	// Gone tells that one receiver of a Broadcast, or the server itself, will not
	// answer, and Reason why. Not on the wires of Node.
	Gone
	// SocketList is Sockets, none included.
	SocketList
	// Reply is Payload, an array of the one value that answers a ServerSide. An
	// empty array is JavaScript's undefined.
	Reply
	// RoomList is Rooms.
	RoomList
	// IDList is the ids of sockets, as Rooms.
	IDList
	// Done has nothing but the Request.
	Done
)

// IsAnswer reports whether messages of the kind answer a request.
func (k Kind) IsAnswer() bool { return k >= Expect }

// A Message is what one server of a namespace tells others. Which fields are used the
// Kind says; the others are zero. Slices are shared and must not be changed.
type Message struct {
	Kind      Kind
	Namespace string // with the leading slash
	// From is the id of the server that sent it, unique for server and namespace;
	// "emitter" where none did. In answers it is empty where the wire does not
	// tell.
	From string
	// To is, in answers, the id of the server that has asked, if the wire tells.
	To string
	// Request is the id of a question and of its answers; none means that no
	// answer is wanted.
	Request string

	Payload   adapter.Payload
	Selection adapter.Selection
	Flags     adapter.Flags
	Rooms     []string
	Transport bool
	Count     int
	Sockets   []adapter.Socket
	Reason    string
	// Offset is the place of a Broadcast in a log that all servers share; none
	// where it has none.
	Offset string
}
