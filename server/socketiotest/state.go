package socketiotest

import (
	"encoding/json"

	"parley/server/wire/sio"
)

// A State is what a client has to show when it comes back after its connection was
// lost: as Options.Auth, or as a part of it, it makes the new client recover the old
// one's state. It is empty if the namespace has no recovery.
type State struct {
	PID string `json:"pid,omitempty"`
	// Offset is the last argument of the latest event, if that is a string: so the
	// official clients understand it.
	Offset string `json:"offset,omitempty"`
}

// State returns the client's state of now. A client of the same PID has recovered.
func (c *Client) State() State {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.state
}

// note remembers the offset of an event. The arguments of one that wants to be
// acknowledged end with a function there.
func (s *State) note(e Event) {
	if s.PID == "" || e.id != sio.NoID || len(e.Args) == 0 {
		return
	}
	var offset string
	if json.Unmarshal(e.Args[len(e.Args)-1], &offset) == nil {
		s.Offset = offset
	}
}
