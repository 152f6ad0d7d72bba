package ot

import "unicode/utf16"

// Kind is the type of an Operation.
type Kind string

// The kinds of operations.
const (
	Insert  Kind = "insert"
	Delete  Kind = "delete"
	Replace Kind = "replace"
)

// An Operation is an edit as clients send and get it. A pointer is nil where the
// field was left out.
type Operation struct {
	Type     Kind    `json:"type"`
	Position *int    `json:"position,omitzero"` // of an insert
	From     *int    `json:"from,omitzero"`     // of a delete or replace
	To       *int    `json:"to,omitzero"`       // the first code unit that stays
	Text     *string `json:"text,omitzero"`     // of an insert or replace
}

// Edit returns the operation as an edit of a text of length code units.
func (o Operation) Edit(length int) (Edit, error) {
	var from, to int
	switch {
	case o.Type == Insert && o.Position != nil && o.Text != nil && o.From == nil && o.To == nil:
		from, to = *o.Position, *o.Position
	case o.Type == Delete && o.From != nil && o.To != nil && o.Position == nil && o.Text == nil:
		from, to = *o.From, *o.To
	case o.Type == Replace && o.From != nil && o.To != nil && o.Text != nil && o.Position == nil:
		from, to = *o.From, *o.To
	default:
		return Edit{}, ErrForm
	}
	switch {
	case from > to:
		return Edit{}, ErrForm
	case from < 0 || to > length:
		return Edit{}, ErrRange
	}
	var text []uint16
	if o.Text != nil {
		text = utf16.Encode([]rune(*o.Text))
	}
	e := Edit{before: length}
	e.keep(from)
	e.insert(text)
	e.remove(to - from)
	e.keep(length - to)
	return e, nil
}

// Operation returns the edit as one operation with the same effect on text, which
// must be the text that the edit is for. Where an edit has several places what
// stays between them is part of the replacement.
func (e Edit) Operation(text []uint16) Operation {
	from, to, replacement := e.span(text)
	s := string(utf16.Decode(replacement))
	switch {
	case from == to:
		return Operation{Type: Insert, Position: &from, Text: &s}
	case len(replacement) == 0:
		return Operation{Type: Delete, From: &from, To: &to}
	default:
		return Operation{Type: Replace, From: &from, To: &to, Text: &s}
	}
}
