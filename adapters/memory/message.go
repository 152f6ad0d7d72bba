package memory

import (
	"encoding/json"

	"parley/server/adapter"
)

// A kind says what a message is.
type kind string

const (
	kindBroadcast  kind = "broadcast"
	kindJoin       kind = "join"
	kindLeave      kind = "leave"
	kindDisconnect kind = "disconnect"
	kindFetch      kind = "fetch"       // answered with sockets
	kindServerSide kind = "server side" // answered with reply if it has a request
	kindCancel     kind = "cancel"      // nobody waits for a request any more
	kindBye        kind = "bye"         // the sender has left

	kindExpect  kind = "expect" // how many will answer a broadcast with a request
	kindAnswer  kind = "answer"
	kindGone    kind = "gone"
	kindSockets kind = "sockets"
	kindReply   kind = "reply"
)

// A message is what one server tells others. Those with a request want answers, or
// are one.
type message struct {
	Kind    kind
	From    string
	Request int64 `json:",omitempty"`

	Payload   adapter.Payload
	Selection adapter.Selection
	Flags     adapter.Flags
	Rooms     []string         `json:",omitempty"`
	Transport bool             `json:",omitempty"` // disconnect closes it
	Count     int              `json:",omitempty"` // of expect
	Sockets   []adapter.Socket `json:",omitempty"`
	Reason    string           `json:",omitempty"` // of gone
}

func (m message) encode() ([]byte, error) { return json.Marshal(m) }

func decode(text []byte) (m message, err error) {
	err = json.Unmarshal(text, &m)
	return m, err
}
