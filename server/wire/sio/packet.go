package sio

// Type is the kind of a packet. On the wire it is the digit '0'+Type.
type Type uint8

// The packet types of the protocol.
const (
	Connect Type = iota
	Disconnect
	Event
	Ack
	ConnectError
	BinaryEvent
	BinaryAck
)

var typeNames = [...]string{"CONNECT", "DISCONNECT", "EVENT", "ACK", "CONNECT_ERROR", "BINARY_EVENT", "BINARY_ACK"}

// String returns the protocol's word for t.
func (t Type) String() string {
	if int(t) < len(typeNames) {
		return typeNames[t]
	}
	return "UNKNOWN"
}

// Binary reports whether attachments follow packets of this type.
func (t Type) Binary() bool { return t == BinaryEvent || t == BinaryAck }

// NoID is the ID of a packet that neither asks for an acknowledgement nor is one.
const NoID = -1

// MainNamespace is the namespace that packets leave out.
const MainNamespace = "/"

// A Packet is a Socket.IO packet without its attachments.
type Packet struct {
	Type        Type
	Namespace   string // "/" when left out; starts with '/'
	ID          int64  // NoID when there is none; at most MaxID
	Attachments int    // announced count, binary types only
	Data        []byte // JSON payload, aliases the parsed text; nil when there is none
}

// Reserved reports whether no event may have this name, because clients and servers
// use it for events of their own.
func Reserved(name string) bool {
	switch name {
	case "connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener":
		return true
	}
	return false
}

// longestReserved spares Parse the conversion of longer names, which would be allocated.
const longestReserved = len("removeListener")
