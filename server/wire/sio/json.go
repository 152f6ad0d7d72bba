package sio

// A scanner checks JSON text (RFC 8259) without building values. It recurses once for each
// level of nesting and never deeper than levels.
type scanner struct {
	text   []byte // valid UTF-8
	pos    int
	levels int // arrays and objects that may still be opened inside the present one

	// attachments is the number of attachments that placeholders may refer to. With 0 placeholders
	// are not looked for: in a packet without attachments they are data like any other.
	attachments int
	// foreign tells that others wrote the text. They have no reason for an escape in the key of a
	// placeholder, by which AppendKey says that there is none.
	foreign bool
	// found counts the placeholders so far, last is the one that the latest object to be closed is.
	found int
	last  placeholder
	// first and end are the range of attachments that they name.
	first, end int
	// renumber and disarm, unless nil, copy the text with changes.
	renumber *renumbering
	disarm   *edit
}

// CheckJSON checks that raw, which must be valid UTF-8, is one JSON value with no more arrays and objects
// inside each other than depth. Placeholders are data like any other.
func CheckJSON(raw []byte, depth int) error {
	s := scanner{text: raw, levels: min(depth, MaxDepth)}
	if err := s.document(); err != nil {
		return err
	}
	return nil
}

// document checks that the text is one value and nothing else.
func (s *scanner) document() *ParseError {
	s.space()
	if err := s.value(); err != nil {
		return err
	}
	s.space()
	if s.pos < len(s.text) {
		return errSyntax
	}
	return nil
}

func (s *scanner) value() *ParseError {
	if s.pos >= len(s.text) {
		return errSyntax
	}
	switch c := s.text[s.pos]; c {
	case '"':
		return s.string()
	case '{':
		return s.object()
	case '[':
		return s.array()
	case 't':
		return s.literal("true")
	case 'f':
		return s.literal("false")
	case 'n':
		return s.literal("null")
	default:
		return s.number()
	}
}

func (s *scanner) array() *ParseError {
	if s.levels == 0 {
		return errDepth
	}
	s.levels--
	s.pos++
	s.space()
	if !s.accept(']') {
		for {
			if err := s.value(); err != nil {
				return err
			}
			s.space()
			if s.accept(']') {
				break
			}
			if !s.accept(',') {
				return errSyntax
			}
			s.space()
		}
	}
	s.levels++
	return nil
}

func (s *scanner) object() *ParseError {
	if s.levels == 0 {
		return errDepth
	}
	s.levels--
	s.pos++
	s.space()
	var self placeholder
	foundBefore := s.found
	if !s.accept('}') {
		for {
			if err := s.member(&self); err != nil {
				return err
			}
			s.space()
			if s.accept('}') {
				break
			}
			if !s.accept(',') {
				return errSyntax
			}
			s.space()
		}
	}
	s.levels++
	if s.attachments == 0 {
		return nil
	}
	return s.closeObject(self, s.found > foundBefore)
}

// member checks one key and its value, and notes in self what they tell about a placeholder.
func (s *scanner) member(self *placeholder) *ParseError {
	start := s.pos
	if err := s.string(); err != nil {
		return err
	}
	key := s.text[start:s.pos]
	s.space()
	if !s.accept(':') {
		return errSyntax
	}
	s.space()
	start = s.pos
	if err := s.value(); err != nil {
		return err
	}
	if s.attachments == 0 {
		return nil
	}
	return s.note(self, key, start)
}

func (s *scanner) string() *ParseError {
	if !s.accept('"') {
		return errSyntax
	}
	text, i := s.text, s.pos
	for i < len(text) {
		switch c := text[i]; {
		case c == '"':
			s.pos = i + 1
			return nil
		case c == '\\':
			n := escapeLen(text[i:])
			if n == 0 {
				return errSyntax
			}
			i += n
		case c < ' ':
			return errSyntax
		default:
			i++
		}
	}
	return errSyntax
}

// escapeLen returns the length of the escape sequence that text begins with, 0 if there is no such sequence.
// A surrogate need not be part of a pair, as for JSON.parse.
func escapeLen(text []byte) int {
	if len(text) < 2 || text[0] != '\\' {
		return 0
	}
	switch text[1] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return 2
	case 'u':
		if len(text) < 6 {
			return 0
		}
		for _, c := range text[2:6] {
			if hexValue(c) < 0 {
				return 0
			}
		}
		return 6
	}
	return 0
}

func (s *scanner) number() *ParseError {
	s.accept('-')
	if !s.accept('0') && !s.digits() {
		return errSyntax
	}
	if s.accept('.') && !s.digits() {
		return errSyntax
	}
	if s.accept('e') || s.accept('E') {
		if !s.accept('+') {
			s.accept('-')
		}
		if !s.digits() {
			return errSyntax
		}
	}
	return nil
}

// digits skips digits and reports whether there were any.
func (s *scanner) digits() bool {
	start := s.pos
	for s.pos < len(s.text) && isDigit(s.text[s.pos]) {
		s.pos++
	}
	return s.pos > start
}

func (s *scanner) literal(word string) *ParseError {
	end := s.pos + len(word)
	if end > len(s.text) || string(s.text[s.pos:end]) != word {
		return errSyntax
	}
	s.pos = end
	return nil
}

func (s *scanner) accept(c byte) bool {
	if s.pos < len(s.text) && s.text[s.pos] == c {
		s.pos++
		return true
	}
	return false
}

func (s *scanner) space() {
	for s.pos < len(s.text) && isSpace(s.text[s.pos]) {
		s.pos++
	}
}

func isSpace(c byte) bool { return c == ' ' || c == '\n' || c == '\r' || c == '\t' }
