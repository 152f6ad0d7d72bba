package sio

// Args iterates over the elements of a payload. It relies on the payload being valid JSON, as Parse makes sure.
type Args struct {
	rest []byte // begins with an element, empty at the end
}

// Args returns the elements of the payload: for an event those behind its name, for an acknowledgement all.
func (p Packet) Args() Args {
	a := elements(p.Data)
	if p.Type == Event || p.Type == BinaryEvent {
		a.Next()
	}
	return a
}

// Next returns the next element as raw JSON, which aliases the payload.
func (a *Args) Next() (raw []byte, ok bool) {
	end := valueEnd(a.rest)
	if end == 0 {
		return nil, false
	}
	raw = a.rest[:end:end]
	rest := trimSpace(a.rest[end:])
	if len(rest) > 0 && rest[0] == ',' {
		a.rest = trimSpace(rest[1:])
	} else {
		a.rest = nil
	}
	return raw, true
}

// Len counts the elements that are still to come.
func (a Args) Len() int {
	n := 0
	for {
		if _, ok := a.Next(); !ok {
			return n
		}
		n++
	}
}

// EventName returns the name of a parsed event; of a number its text.
func (p Packet) EventName() string { return string(p.EventNameBytes()) }

// EventNameBytes is EventName without allocation where the name holds no escapes: the result is then
// a part of Data. It suits look-ups of the form m[string(p.EventNameBytes())].
func (p Packet) EventNameBytes() []byte {
	raw := p.rawName()
	if len(raw) < 2 || raw[0] != '"' {
		return raw
	}
	return unquoted(raw)
}

// AppendEventName appends the name of a parsed event to dst.
func (p Packet) AppendEventName(dst []byte) []byte {
	raw := p.rawName()
	if len(raw) < 2 || raw[0] != '"' {
		return append(dst, raw...)
	}
	return appendUnescaped(dst, raw[1:len(raw)-1])
}

// rawName returns the first element of the payload, nil if there is none.
func (p Packet) rawName() []byte {
	a := elements(p.Data)
	raw, _ := a.Next()
	return raw
}

// elements returns those of an array, none for anything else.
func elements(array []byte) Args {
	if len(array) == 0 || array[0] != '[' {
		return Args{}
	}
	return Args{trimSpace(array[1:])}
}

// valueEnd returns the length of the valid JSON value that text begins with, 0 where none begins.
func valueEnd(text []byte) int {
	depth := 0
	for i := 0; i < len(text); i++ {
		switch c := text[i]; c {
		case '"':
			if i = stringEnd(text, i); depth == 0 {
				return i + 1
			}
		case '[', '{':
			depth++
		case ']', '}':
			if depth == 0 {
				return i
			}
			if depth--; depth == 0 {
				return i + 1
			}
		case ',', ' ', '\t', '\n', '\r':
			if depth == 0 {
				return i
			}
		}
	}
	return len(text)
}

// stringEnd returns the index of the quote that closes the string opened at text[i], or the last index.
func stringEnd(text []byte, i int) int {
	for i++; i < len(text); i++ {
		switch text[i] {
		case '\\':
			i++
		case '"':
			return i
		}
	}
	return len(text) - 1
}

func trimSpace(text []byte) []byte {
	for len(text) > 0 && isSpace(text[0]) {
		text = text[1:]
	}
	return text
}
