package event

import (
	"fmt"
	"unicode/utf8"

	"parley/server/socketio"
)

// ErrNotAll is the error of a question that not all servers have answered in time.
var ErrNotAll = &socketio.Error{Code: "unavailable", Message: "Not all servers have answered. Please try again."}

// Invalid is the error of a payload that cannot be understood.
func Invalid(message string) error { return &socketio.Error{Code: "invalid", Message: message} }

// TooLong is the error of a text of more than so many characters.
func TooLong(characters int) error {
	return &socketio.Error{Code: "too_long", Message: fmt.Sprintf("Message too long. Maximum %d characters.", characters)}
}

// TooLarge is the error of an event of more than so many bytes.
func TooLarge(bytes int) error {
	size := fmt.Sprintf("%d bytes", bytes)
	if bytes%1024 == 0 {
		size = fmt.Sprintf("%dKB", bytes/1024)
	}
	return &socketio.Error{Code: "too_large", Message: "Message too large. Maximum " + size + "."}
}

// Name checks a field that must be there and is a name or an id of at most
// maxBytes bytes.
func Name(field, value string, maxBytes int) error {
	if value == "" {
		return Invalid(field + " is missing.")
	}
	return Short(field, value, maxBytes)
}

// Short checks the length of a name or an id that may be left out.
func Short(field, value string, maxBytes int) error {
	if len(value) > maxBytes {
		return Invalid(fmt.Sprintf("%s is too long. Maximum %d bytes.", field, maxBytes))
	}
	return nil
}

// UTF16Len is the length of s in JavaScript.
func UTF16Len(s string) int {
	n := utf8.RuneCountInString(s)
	for _, r := range s {
		if r > 0xFFFF {
			n++
		}
	}
	return n
}

// Content checks what a user has written: it must be there, and have at most so
// many UTF-16 code units.
func Content(text string, characters int) error {
	if text == "" {
		return Invalid("content is missing.")
	}
	if len(text) > characters && UTF16Len(text) > characters {
		return TooLong(characters)
	}
	return nil
}
