package plain

import (
	"errors"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"parley/namespaces/event"
	"parley/server/socketio"
)

// The types of messages.
const (
	typeConnected    = "connected"
	typeDisconnected = "disconnected"
	typeMessage      = "message"
	typePing         = "ping"
	typePong         = "pong"
	typeError        = "error"
)

// An outgoing message is what clients get.
type outgoing struct {
	Type      string `json:"type"`
	UserID    string `json:"userId,omitzero"`
	Content   string `json:"content,omitzero"`
	Code      string `json:"code,omitzero"`
	Message   string `json:"message,omitzero"`
	Timestamp string `json:"timestamp,omitzero"`
}

// encode returns the text. It panics on what is not UTF-8, which the identity's
// names and JSON's strings are.
func (m outgoing) encode() []byte {
	text, err := json.Marshal(m)
	if err != nil {
		panic(err)
	}
	return text
}

// An incoming message is what clients send.
type incoming struct {
	Type    string `json:"type"`
	Content string `json:"content"`
}

// parse reads a message. Its error is a *socketio.Error.
func parse(text []byte) (incoming, error) {
	var m incoming
	if jsontext.Value(text).Kind() != '{' || json.Unmarshal(text, &m) != nil {
		return m, event.Invalid("A message must be a JSON object whose type and content are strings.")
	}
	if m.Type != typeMessage && m.Type != typePong {
		return m, event.Invalid("The type of a message must be message or pong.")
	}
	return m, nil
}

// refusal is what a client hears of an error: nothing but its kind if it is not meant
// for clients, which known says.
func refusal(err error) (m outgoing, known bool) {
	var e *socketio.Error
	if known = errors.As(err, &e); !known {
		e = &socketio.Error{Code: "internal", Message: "Internal error"}
	}
	return outgoing{Type: typeError, Code: e.Code, Message: e.Message}, known
}
