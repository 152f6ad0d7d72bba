package notifications

import (
	"slices"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"parley/namespaces/event"
)

// A Type is what a notification is about.
type Type string

// All types.
const (
	Message Type = "message"
	Mention Type = "mention"
	Like    Type = "like"
	Comment Type = "comment"
	Follow  Type = "follow"
	System  Type = "system"
)

var types = []Type{Message, Mention, Like, Comment, Follow, System}

// A Draft is a notification before it is sent.
type Draft struct {
	Type Type
	// Data becomes a JSON object, whose members stand beside those of the
	// Notification. Of a name that both have, the Notification's counts. Nil is an
	// object without members.
	Data any
}

// A Notification is what clients get.
type Notification struct {
	ID          string         `json:"id"` // sorts by time
	Type        Type           `json:"type"`
	RecipientID string         `json:"recipientId,omitzero"` // only of one that was sent to single users
	Timestamp   string         `json:"timestamp"`
	Read        bool           `json:"read"`
	Data        jsontext.Value `json:",embed"` // an object without the names above
}

// Content is what a Draft says, checked: its Data is an object that has no member
// of the names that are a Notification's own, or nil.
type Content struct {
	Type Type
	Data jsontext.Value
}

// content checks a draft whose data may have so many bytes.
func (d Draft) content(maxBytes int) (Content, error) {
	if !slices.Contains(types, d.Type) {
		return Content{}, event.Invalid("type must be one of message, mention, like, comment, follow and system.")
	}
	if d.Data == nil {
		return Content{Type: d.Type}, nil
	}
	raw, err := json.Marshal(d.Data)
	if err != nil || jsontext.Value(raw).Kind() != '{' {
		return Content{}, event.Invalid("data must be an object.")
	}
	if len(raw) > maxBytes {
		return Content{}, event.TooLarge(maxBytes)
	}
	var own struct {
		ID          jsontext.Value `json:"id"`
		Type        jsontext.Value `json:"type"`
		RecipientID jsontext.Value `json:"recipientId"`
		Timestamp   jsontext.Value `json:"timestamp"`
		Read        jsontext.Value `json:"read"`
		Others      jsontext.Value `json:",embed"`
	}
	if err := json.Unmarshal(raw, &own); err != nil {
		return Content{}, event.Invalid("data must be an object.")
	}
	return Content{d.Type, own.Others}, nil
}
