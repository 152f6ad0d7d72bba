package nodewire

import (
	"bytes"
	"math"
	"strconv"
	"unicode/utf8"

	"parley/server/wire/msgpack"
	"parley/server/wire/sio"
)

// A reader walks over valid JSON.
type reader struct {
	text []byte
	pos  int
}

// open returns a reader of what somebody sent, JSON or MessagePack, and the attachments
// of the latter, which become placeholders.
func open(data []byte, l Limits) (r reader, attachments [][]byte, err error) {
	if len(data) > l.Bytes {
		return reader{}, nil, &LimitError{"Bytes", l.Bytes}
	}
	if len(data) > 0 && data[0] == '{' {
		if !utf8.Valid(data) {
			return reader{}, nil, malformed("not UTF-8")
		}
		if err := sio.CheckJSON(data, l.Depth+envelopeDepth); err != nil {
			return reader{}, nil, malformed(err.Error())
		}
		return reader{text: data}, nil, nil
	}
	var dialect msgpack.Dialect
	text, attachments, err := dialect.AppendValue(make([]byte, 0, len(data)+len(data)/2+64), data,
		sio.Limits{Attachments: l.Attachments, Depth: l.Depth + envelopeDepth})
	if err != nil {
		return reader{}, nil, malformed(err.Error())
	}
	return reader{text: text}, attachments, nil
}

// object calls member for each member of the object that comes, with the key; member
// takes the value.
func (r *reader) object(member func(key []byte) error) error {
	if !r.accept('{') {
		return malformed("no object where one belongs")
	}
	if r.accept('}') {
		return nil
	}
	for {
		key := r.raw()
		r.accept(':')
		if err := member(unquote(key)); err != nil {
			return err
		}
		if !r.accept(',') {
			r.accept('}')
			return nil
		}
	}
}

// array calls element for each element of the array that comes, which takes it.
func (r *reader) array(element func() error) error {
	if !r.accept('[') {
		return malformed("no array where one belongs")
	}
	if r.accept(']') {
		return nil
	}
	for {
		if err := element(); err != nil {
			return err
		}
		if !r.accept(',') {
			r.accept(']')
			return nil
		}
	}
}

// accept skips white space, and c if that follows.
func (r *reader) accept(c byte) bool {
	if r.peek() != c {
		return false
	}
	r.pos++
	return true
}

// peek returns the byte with which the next token begins, 0 at the end.
func (r *reader) peek() byte {
	for r.pos < len(r.text) {
		switch c := r.text[r.pos]; c {
		case ' ', '\t', '\n', '\r':
			r.pos++
		default:
			return c
		}
	}
	return 0
}

// raw takes the next value as it is.
func (r *reader) raw() []byte {
	r.peek()
	start, depth := r.pos, 0
	for r.pos < len(r.text) {
		switch c := r.text[r.pos]; c {
		case '"':
			r.pos = stringEnd(r.text, r.pos+1)
			if depth == 0 {
				return r.text[start:r.pos:r.pos]
			}
			continue
		case '[', '{':
			depth++
		case ']', '}':
			if depth == 0 {
				return r.text[start:r.pos:r.pos]
			}
			if depth--; depth == 0 {
				r.pos++
				return r.text[start:r.pos:r.pos]
			}
		case ',', ':', ' ', '\t', '\n', '\r':
			if depth == 0 {
				return r.text[start:r.pos:r.pos]
			}
		}
		r.pos++
	}
	return r.text[start:]
}

// stringEnd returns where the text goes on behind a string, whose body is at from.
func stringEnd(text []byte, from int) int {
	for {
		i := bytes.IndexByte(text[from:], '"')
		if i < 0 {
			return len(text)
		}
		end := from + i
		back := end
		for back > from && text[back-1] == '\\' {
			back--
		}
		from = end + 1
		if (end-back)%2 == 0 {
			return from
		}
	}
}

// unquote returns what a string says: a part of raw where nothing is escaped.
func unquote(raw []byte) []byte {
	if bytes.IndexByte(raw, '\\') < 0 {
		return raw[1 : len(raw)-1]
	}
	return sio.AppendUnquoted(nil, raw)
}

// string takes text.
func (r *reader) string() (string, error) {
	s, ok := r.tryString()
	if !ok {
		return "", malformed("no text where it belongs")
	}
	return s, nil
}

// name takes the name of a room, which may be a number, as in JavaScript; of anything else it
// reports false.
func (r *reader) name() (string, bool) {
	if c := r.peek(); c == '-' || '0' <= c && c <= '9' {
		return string(r.raw()), true
	}
	return r.tryString()
}

// tryString takes any value, and reports whether it is text.
func (r *reader) tryString() (string, bool) {
	if r.peek() != '"' {
		r.raw()
		return "", false
	}
	return string(unquote(r.raw())), true
}

// int takes a whole number from 0 to 2^53-1, however it is written.
func (r *reader) int() (int64, error) {
	raw := r.raw()
	if i, err := strconv.ParseUint(string(raw), 10, 53); err == nil {
		return int64(i), nil
	}
	f, err := strconv.ParseFloat(string(raw), 64)
	if err != nil || f != math.Trunc(f) || f < 0 || f > sio.MaxID {
		return 0, malformed("no whole number where one belongs")
	}
	return int64(f), nil
}

// truthy takes a value and reports whether JavaScript takes it for true.
func (r *reader) truthy() bool {
	switch raw := r.raw(); string(raw) {
	case "false", "null", "0", `""`:
		return false
	}
	return true
}
