package ot

// An Edit turns a text of one length into another. It is a walk over the text
// from its beginning to its end. Edits are not changed once made.
type Edit struct {
	before int // length of the text that it is for
	steps  []step
}

// A step keeps or removes code units of the text, or inserts others. Exactly one
// of its fields is set.
type step struct {
	keep   int
	remove int
	insert []uint16
}

// Before returns the length of the text that the edit is for, in code units.
func (e Edit) Before() int { return e.before }

// After returns the length of the text that the edit makes.
func (e Edit) After() int {
	n := e.before
	for _, s := range e.steps {
		n += len(s.insert) - s.remove
	}
	return n
}

// Inserted returns how many code units the edit inserts.
func (e Edit) Inserted() int {
	n := 0
	for _, s := range e.steps {
		n += len(s.insert)
	}
	return n
}

func (e *Edit) keep(n int) {
	if n == 0 {
		return
	}
	if last := len(e.steps) - 1; last >= 0 && e.steps[last].keep > 0 {
		e.steps[last].keep += n
		return
	}
	e.steps = append(e.steps, step{keep: n})
}

func (e *Edit) remove(n int) {
	if n == 0 {
		return
	}
	if last := len(e.steps) - 1; last >= 0 && e.steps[last].remove > 0 {
		e.steps[last].remove += n
		return
	}
	e.steps = append(e.steps, step{remove: n})
}

func (e *Edit) insert(text []uint16) {
	if len(text) > 0 {
		e.steps = append(e.steps, step{insert: text})
	}
}

// Apply returns the text that the edit makes of text, which must have the length
// that the edit is for and stays as it is.
func (e Edit) Apply(text []uint16) []uint16 {
	result := make([]uint16, 0, e.After())
	for _, s := range e.steps {
		result = append(result, text[:s.keep]...)
		result = append(result, s.insert...)
		text = text[s.keep+s.remove:]
	}
	return result
}

// Check returns ErrSurrogate if the edit cuts a character of text in two.
func (e Edit) Check(text []uint16) error {
	at := 0
	for _, s := range e.steps {
		if s.keep == 0 && splits(text, at) || s.remove > 0 && splits(text, at+s.remove) {
			return ErrSurrogate
		}
		at += s.keep + s.remove
	}
	return nil
}

// splits reports whether a position lies between the halves of a surrogate pair.
func splits(text []uint16, at int) bool {
	return 0 < at && at < len(text) && text[at-1]>>10 == 0xd800>>10 && text[at]>>10 == 0xdc00>>10
}

// span returns the part of text that the edit changes, and what it becomes.
func (e Edit) span(text []uint16) (from, to int, replacement []uint16) {
	steps := e.steps
	if len(steps) > 0 && steps[0].keep > 0 {
		from, steps = steps[0].keep, steps[1:]
	}
	if last := len(steps) - 1; last >= 0 && steps[last].keep > 0 {
		steps = steps[:last]
	}
	if len(steps) == 0 {
		return 0, 0, nil
	}
	to = from
	for _, s := range steps {
		replacement = append(replacement, text[to:to+s.keep]...)
		replacement = append(replacement, s.insert...)
		to += s.keep + s.remove
	}
	return from, to, replacement
}
