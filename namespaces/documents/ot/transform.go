package ot

// Over carries e over another edit of the same text that was accepted first: the
// result does to the text after that edit what e meant to do before it. Where
// both insert at one place the accepted text stands first. What both remove is
// removed once, and what one inserts the other does not remove.
func (e Edit) Over(accepted Edit) Edit {
	result := Edit{before: accepted.After(), steps: make([]step, 0, len(e.steps)+1)}
	mine, theirs := walk{steps: e.steps}, walk{steps: accepted.steps}
	for {
		m, t := mine.peek(), theirs.peek()
		switch {
		case len(t.insert) > 0:
			result.keep(len(t.insert))
			theirs.advance(0)
		case len(m.insert) > 0:
			result.insert(m.insert)
			mine.advance(0)
		case m.length() == 0:
			return result
		default:
			n := min(m.length(), t.length())
			if t.remove == 0 {
				if m.remove > 0 {
					result.remove(n)
				} else {
					result.keep(n)
				}
			}
			mine.advance(n)
			theirs.advance(n)
		}
	}
}

// A walk goes through the steps of an edit piece by piece.
type walk struct {
	steps []step
	done  int // code units of the first step that are behind
}

// peek returns what is left of the step at hand, or nothing at the end.
func (w *walk) peek() step {
	if len(w.steps) == 0 {
		return step{}
	}
	s := w.steps[0]
	switch {
	case s.keep > 0:
		s.keep -= w.done
	case s.remove > 0:
		s.remove -= w.done
	}
	return s
}

// advance goes n code units of the text further, and behind an insert with 0.
func (w *walk) advance(n int) {
	w.done += n
	if w.done == w.steps[0].length() {
		w.steps, w.done = w.steps[1:], 0
	}
}

// length is how many code units of the text a step covers.
func (s step) length() int { return s.keep + s.remove }
