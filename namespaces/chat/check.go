package chat

import (
	"fmt"
	"unicode/utf8"
)

// name checks a field that must be there and is a name or an id.
func (c *Chat) name(field, value string) error {
	if value == "" {
		return invalid(field + " is missing.")
	}
	return c.short(field, value)
}

// short checks the length of a name or an id that may be left out.
func (c *Chat) short(field, value string) error {
	if len(value) > c.opts.NameBytes {
		return invalid(fmt.Sprintf("%s is too long. Maximum %d bytes.", field, c.opts.NameBytes))
	}
	return nil
}

// content checks what a user has written.
func (c *Chat) content(text string) error {
	if text == "" {
		return invalid("content is missing.")
	}
	if len(text) > c.opts.Content && utf16Len(text) > c.opts.Content {
		return tooLong(c.opts.Content)
	}
	return nil
}

// utf16Len is the length of s in JavaScript.
func utf16Len(s string) int {
	n := utf8.RuneCountInString(s)
	for _, r := range s {
		if r > 0xFFFF {
			n++
		}
	}
	return n
}
