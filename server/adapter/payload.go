package adapter

import "time"

// A Payload is the array of arguments of a packet, the event's name first where
// it is an event. It is shared and must not be changed.
type Payload struct {
	// Data is a JSON array, in which objects such as
	// {"_placeholder":true,"num":0} stand for attachments.
	Data []byte
	// Attachments are the binary parts, in the order of their numbers.
	Attachments [][]byte
}

// A Selection names sockets by their rooms. The id of a socket, 20 characters
// where it is one of this implementation's, is a room with that socket in it.
type Selection struct {
	// Rooms are those of which a socket must be in one. None means all sockets.
	Rooms []string
	// Except are those of which a socket must be in none.
	Except []string
}

// Flags are what the sender of a broadcast asked for besides its receivers.
type Flags struct {
	// Volatile lets each receiver miss the packet that cannot be written to now.
	Volatile bool
	// Uncompressed keeps the packet from being compressed on its way to clients.
	Uncompressed bool
	// Timeout is how long acknowledgements are waited for, from the sending on;
	// 0 where the sender set no time or wants none.
	Timeout time.Duration
	// Single tells that one client at most is to answer.
	Single bool
}
