package ot

import (
	"errors"
	"slices"
	"unicode/utf16"
)

// Why a History refuses an operation, besides what is wrong with the operation.
var (
	// ErrVersion: a version that the text has not had yet.
	ErrVersion = errors.New("unknown version")
	// ErrStale: the edits since that version are not all kept.
	ErrStale = errors.New("version too old")
	// ErrLength: the text would become too long.
	ErrLength = errors.New("text too long")
)

// ErrGap: edits that do not follow on the text, so something of them is missing.
var ErrGap = errors.New("edits do not follow on the text")

// A History is a text with its newest edits, of which the last one made its version.
type History struct {
	text    []uint16
	version int
	edits   []Edit
}

// NewHistory returns a text without edits.
func NewHistory(content string, version int) *History {
	return &History{text: utf16.Encode([]rune(content)), version: version}
}

// Restore returns the text that edits make of one of their versions. The first of them
// made the version first; those up to the text's own version are only kept. ErrGap.
func Restore(content string, version int, edits []Edit, first int) (*History, error) {
	h := NewHistory(content, version)
	if len(edits) > 0 && first > version+1 {
		return nil, ErrGap
	}
	for i, e := range edits {
		if first+i <= version {
			continue
		}
		if err := h.Append(e); err != nil {
			return nil, err
		}
	}
	h.edits = edits
	return h, nil
}

// Fork returns a copy, so that what becomes of it does not change h.
func (h *History) Fork() *History {
	next := *h
	next.edits = slices.Clip(next.edits)
	return &next
}

// Content returns the text.
func (h *History) Content() string { return string(utf16.Decode(h.text)) }

// Version returns the number of the text's newest edit.
func (h *History) Version() int { return h.version }

// Kept returns the number of edits that are kept.
func (h *History) Kept() int { return len(h.edits) }

// Newest returns the newest n edits, oldest first, which must be kept.
func (h *History) Newest(n int) []Edit { return h.edits[len(h.edits)-n:] }

// Submit accepts an operation that was made on the given version, unless it makes the
// text both longer than so many code units and longer than it is, and returns it as it
// is applied.
func (h *History) Submit(o Operation, version, length int) (Operation, error) {
	oldest := h.version - len(h.edits)
	switch {
	case version > h.version || version < 0:
		return Operation{}, ErrVersion
	case version < oldest:
		return Operation{}, ErrStale
	}
	missed := h.edits[version-oldest:]
	before := len(h.text)
	if len(missed) > 0 {
		before = missed[0].Before()
	}
	e, err := o.Edit(before)
	if err != nil {
		return Operation{}, err
	}
	for _, accepted := range missed {
		e = e.Over(accepted)
	}
	if err := e.Check(h.text); err != nil {
		return Operation{}, err
	}
	if e.After() > length && e.After() > len(h.text) {
		return Operation{}, ErrLength
	}
	applied := e.Operation(h.text)
	return applied, h.Append(e)
}

// Append applies an edit as it was accepted elsewhere. ErrGap.
func (h *History) Append(e Edit) error {
	if e.Before() != len(h.text) {
		return ErrGap
	}
	h.text = e.Apply(h.text)
	h.version++
	h.edits = append(h.edits, e)
	return nil
}

// Trim keeps the newest edits only.
func (h *History) Trim(limit int) {
	if over := len(h.edits) - limit; over > 0 {
		h.edits = slices.Delete(h.edits, 0, over)
	}
}
