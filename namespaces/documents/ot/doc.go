// Package ot is operational transformation of plain text, done by a server
// alone: an edit that was made on an older version of a text is carried over
// the edits accepted since, so that every copy to which the results are applied
// in their order is the server's text.
//
// Positions and lengths are UTF-16 code units, as in JavaScript strings. The
// package is pure: no I/O, no state, no goroutine.
package ot

import "errors"

// Why an operation is refused.
var (
	// ErrForm: the fields do not fit the type, or a range ends before it begins.
	ErrForm = errors.New("malformed operation")
	// ErrRange: a position outside of the text.
	ErrRange = errors.New("position outside of the text")
	// ErrSurrogate: a position between the two halves of a character.
	ErrSurrogate = errors.New("position inside of a character")
)
