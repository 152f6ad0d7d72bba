package sio

import (
	"bytes"
	"math"
	"strconv"
)

const (
	placeholderKey = "_placeholder"
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

// note takes in a member: its quoted key and where in text its value is.
func (p *placeholder) note(key, text []byte, start, end int) *ParseError {
	switch {
	case keyIs(key, placeholderKey):
		p.marks++
		p.marked = p.marked || string(text[start:end]) == "true"
		// Decoders differ in which of two equal keys they believe.
		if p.marks > 1 {
			return errPlaceholder
		}
	case keyIs(key, numKey):
		p.nums++
		p.start, p.end = start, end
	}
	return nil
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
		s.found++
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

// AppendPlaceholder appends the object that stands for attachment num.
func AppendPlaceholder(dst []byte, num int) []byte {
	dst = append(dst, `{"_placeholder":true,"num":`...)
	dst = strconv.AppendInt(dst, int64(num), 10)
	return append(dst, '}')
}

// Renumber appends raw, JSON of a binary packet, to dst with the number of each placeholder raised by base.
// Text that Parse would refuse is copied as it is.
func Renumber(dst, raw []byte, base int) []byte {
	r := renumbering{dst: dst, base: base}
	s := scanner{text: raw, levels: MaxDepth, attachments: anyAttachment, renumber: &r}
	if s.document() != nil {
		return append(dst, raw...)
	}
	return append(r.dst, raw[r.copied:]...)
}

type renumbering struct {
	dst    []byte
	copied int // how much of the text is in dst
	base   int
}

// replace copies the text up to the number of p and puts the new one in its place. No placeholder
// is inside another, so they come in the order of the text.
func (r *renumbering) replace(text []byte, p placeholder) {
	r.dst = append(r.dst, text[r.copied:p.start]...)
	r.dst = strconv.AppendInt(r.dst, int64(p.num+r.base), 10)
	r.copied = p.end
}
