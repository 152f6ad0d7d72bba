package sio

import (
	"bytes"
	"math"
	"strconv"
)

const (
	placeholderKey = "_placeholder"
	plainKey       = `"_placeholder"`
	escapedKey     = `"\u005fplaceholder"`
	numKey         = "num"
)

// A placeholder collects what the members of an object tell about its being a placeholder.
type placeholder struct {
	marks, nums int  // members with the key _placeholder and num
	marked      bool // a _placeholder is exactly true
	// start and end are where the value of num is in the text.
	start, end int
	num        int // set once the object is known to be a placeholder
}

// note takes in a member of an object: its quoted key, and its value from start to here.
func (s *scanner) note(p *placeholder, key []byte, start int) *ParseError {
	switch value := s.text[start:s.pos]; {
	case string(key) == plainKey:
		p.marks++
		p.marked = p.marked || IsMark(key, value)
		// Decoders differ in which of two equal keys they believe.
		if p.marks > 1 {
			return errPlaceholder
		}
	case string(value) == "true" && keyIs(key, placeholderKey):
		if s.foreign {
			return errPlaceholder
		}
		if s.disarm != nil {
			s.disarm.copyTo(s.text, start)
			s.disarm.dst = append(s.disarm.dst, '1')
			s.disarm.copied = s.pos
		}
	case keyIs(key, numKey):
		p.nums++
		p.start, p.end = start, s.pos
	}
	return nil
}

// IsMark reports whether a member, its quoted key and its value, is that which makes an object a placeholder.
func IsMark(key, value []byte) bool { return string(key) == plainKey && string(value) == "true" }

// AppendKey appends the key of a member that is not of a placeholder. An object that looks like one
// all the same is told from it by an escape in the key.
func AppendKey(dst []byte, key string) []byte {
	if key == placeholderKey {
		return append(dst, escapedKey...)
	}
	return AppendString(dst, key)
}

// closeObject ends an object. Where it is a placeholder it must name an attachment and have no
// other placeholder inside.
func (s *scanner) closeObject(p placeholder, nested bool) *ParseError {
	if p.marked {
		num, ok := parseNum(s.text[p.start:p.end], s.attachments)
		if !ok || p.nums != 1 || nested {
			return errPlaceholder
		}
		p.num = num
		if s.found == 0 {
			s.first = num
		}
		s.found++
		s.first, s.end = min(s.first, num), max(s.end, num+1)
		if s.renumber != nil {
			s.renumber.replace(s.text, p)
		}
	}
	s.last = p
	return nil
}

// parseNum reads a plain non-negative integer below count.
func parseNum(raw []byte, count int) (num int, ok bool) {
	for _, c := range raw {
		if !isDigit(c) {
			return 0, false
		}
		if num = num*10 + int(c-'0'); num >= count {
			return 0, false
		}
	}
	return num, len(raw) > 0
}

// keyIs reports whether the quoted key spells name, with escapes or without.
func keyIs(key []byte, name string) bool {
	if len(key) == len(name)+2 {
		return string(key[1:len(key)-1]) == name
	}
	if len(key) < len(name)+2 || len(key) > 6*len(name)+2 || bytes.IndexByte(key, '\\') < 0 {
		return false
	}
	var buf [6 * len(placeholderKey)]byte // holds whatever passed the line above, so nothing is allocated
	return string(appendUnescaped(buf[:0], key[1:len(key)-1])) == name
}

// anyAttachment is the limit for placeholders whose packet is not known.
const anyAttachment = math.MaxInt32

// Placeholder reports whether raw, one JSON value of a binary packet, stands for an attachment, and for which.
func Placeholder(raw []byte) (num int, ok bool) {
	s := scanner{text: raw, levels: MaxDepth, attachments: anyAttachment}
	s.space()
	if s.pos == len(raw) || raw[s.pos] != '{' || s.document() != nil {
		return 0, false
	}
	return s.last.num, s.last.marked
}

// Placeholders counts the placeholders in raw, one JSON value of a binary packet, and returns the range
// of the attachments that they name, from first to before end. ok tells whether raw is such a value.
func Placeholders(raw []byte) (count, first, end int, ok bool) {
	s := scanner{text: raw, levels: MaxDepth, attachments: anyAttachment}
	err := s.document()
	return s.found, s.first, s.end, err == nil
}

// AppendPlaceholder appends the object that stands for attachment num.
func AppendPlaceholder(dst []byte, num int) []byte {
	dst = append(dst, `{"_placeholder":true,"num":`...)
	dst = strconv.AppendInt(dst, int64(num), 10)
	return append(dst, '}')
}

// Renumber appends raw, JSON of a binary packet, to dst with the number of each placeholder raised by base.
// Text that Parse would refuse is copied as it is.
func Renumber(dst, raw []byte, base int) []byte {
	r := renumbering{edit{dst: dst}, base}
	s := scanner{text: raw, levels: MaxDepth, attachments: anyAttachment, renumber: &r}
	if s.document() != nil {
		return append(dst, raw...)
	}
	return append(r.dst, raw[r.copied:]...)
}

// AppendBinaryPayload appends the payload of a packet with attachments as clients get it. In text
// nothing tells an object that looks like a placeholder from one, so its true becomes 1. Where one that was
// not written by AppendKey names no attachment there is an error: official clients would close the connection.
func AppendBinaryPayload(dst, payload []byte, attachments int) ([]byte, error) {
	e := edit{dst: dst}
	s := scanner{text: payload, levels: MaxDepth, attachments: attachments, disarm: &e}
	if err := s.document(); err != nil {
		return dst, err
	}
	e.copyTo(payload, len(payload))
	return e.dst, nil
}

// An edit is a copy of a text with changes.
type edit struct {
	dst    []byte
	copied int // how much of the text is in dst
}

func (e *edit) copyTo(text []byte, end int) {
	e.dst = append(e.dst, text[e.copied:end]...)
	e.copied = end
}

type renumbering struct {
	edit
	base int
}

// replace copies the text up to the number of p and puts the new one in its place. No placeholder
// is inside another, so they come in the order of the text.
func (r *renumbering) replace(text []byte, p placeholder) {
	r.copyTo(text, p.start)
	r.dst = strconv.AppendInt(r.dst, int64(p.num+r.base), 10)
	r.copied = p.end
}
