package msgpack

import (
	"bytes"
	"encoding/binary"
	"math"
	"slices"
	"strconv"

	"parley/server/wire/sio"
)

// AppendJSON appends the JSON value raw as MessagePack, with attachments in the place of
// the placeholders that name them. Without attachments placeholders are data like any other. Its
// only error says that raw is not JSON; dst is then returned as it was.
func AppendJSON(dst, raw []byte, attachments [][]byte) ([]byte, error) {
	w := writer{dst: dst, text: raw, attachments: attachments, levels: sio.MaxDepth}
	return w.document()
}

// A writer reads JSON and writes MessagePack. It takes the JSON to be valid, and stops
// where it cannot go on.
type writer struct {
	dst         []byte
	text        []byte
	pos         int
	attachments [][]byte
	levels      int      // arrays and objects that may still be opened
	scratch     []byte   // for text with escapes
	dialect     *Dialect // nil where clients read it
}

// document writes a text that is one value and nothing else.
func (w *writer) document() ([]byte, error) {
	start := len(w.dst)
	if !w.value() {
		return w.dst[:start], errJSON
	}
	if w.space(); w.pos < len(w.text) {
		return w.dst[:start], errJSON
	}
	return w.dst, nil
}

func (w *writer) value() bool {
	w.space()
	if w.pos == len(w.text) {
		return false
	}
	switch c := w.text[w.pos]; c {
	case '"':
		raw, ok := w.quoted()
		if ok {
			w.dst = AppendString(w.dst, w.unquote(raw))
		}
		return ok
	case '[':
		return w.nested((*writer).array)
	case '{':
		return w.nested((*writer).object)
	case 't':
		w.dst = append(w.dst, trueValue)
		return w.literal("true")
	case 'f':
		w.dst = append(w.dst, falseValue)
		return w.literal("false")
	case 'n':
		w.dst = append(w.dst, nilValue)
		return w.literal("null")
	}
	return w.number()
}

func (w *writer) nested(container func(*writer) bool) bool {
	if w.levels == 0 {
		return false
	}
	w.levels--
	w.pos++
	ok := container(w)
	w.levels++
	return ok
}

// array writes what stands behind the bracket. How many elements there are shows at the end.
func (w *writer) array() bool {
	start := len(w.dst)
	w.dst = append(w.dst, fixArray)
	n := 0
	if !w.accept(']') {
		for {
			if !w.value() {
				return false
			}
			n++
			if w.accept(']') {
				break
			}
			if !w.accept(',') {
				return false
			}
		}
	}
	w.head(start, n, fixArray, array16)
	return true
}

// object writes a map, or the attachment that the object stands for.
func (w *writer) object() bool {
	start := len(w.dst)
	w.dst = append(w.dst, fixMap)
	n := 0
	marked, num := false, -1
	if !w.accept('}') {
		for {
			w.space()
			key, ok := w.quoted()
			if !ok || !w.accept(':') {
				return false
			}
			before := len(w.dst)
			name := w.unquote(key)
			reserved := w.dialect != nil && string(name) == protoKey
			lookalike := w.dialect != nil && string(name) == placeholderKey
			w.dst = AppendString(w.dst, name)
			w.space()
			from := w.pos
			if !w.value() {
				return false
			}
			n++
			switch value := w.text[from:w.pos]; {
			case reserved:
				w.dst = w.dst[:before]
				n--
			case len(w.attachments) == 0:
			case sio.IsMark(key, value):
				marked = true
			case lookalike && string(value) == "true":
				w.dst[len(w.dst)-1] = 1
			case string(key) == `"num"`:
				num = attachmentNumber(value)
			}
			if w.accept('}') {
				break
			}
			if !w.accept(',') {
				return false
			}
		}
	}
	if marked && num >= 0 && num < len(w.attachments) {
		w.dst = AppendBinary(w.dst[:start], w.attachments[num])
		return true
	}
	w.head(start, n, fixMap, map16)
	return true
}

// attachmentNumber returns the number of a placeholder, -1 if it is none.
func attachmentNumber(value []byte) int {
	n, err := strconv.ParseUint(string(value), 10, 31)
	if err != nil {
		return -1
	}
	return int(n)
}

// head puts the header of a container at start, where one byte is kept for it.
func (w *writer) head(start, n int, fix, code16 byte) {
	if n < 16 {
		w.dst[start] = fix | byte(n)
		return
	}
	var buf [5]byte
	h := appendCount(buf[:0], code16, n)
	w.dst[start] = h[0]
	w.dst = slices.Insert(w.dst, start+1, h[1:]...)
}

// quoted reads text with its quotes.
func (w *writer) quoted() (raw []byte, ok bool) {
	if w.pos == len(w.text) || w.text[w.pos] != '"' {
		return nil, false
	}
	for i := w.pos + 1; i < len(w.text); i++ {
		switch w.text[i] {
		case '\\':
			i++
		case '"':
			raw = w.text[w.pos : i+1]
			w.pos = i + 1
			return raw, true
		}
	}
	return nil, false
}

// unquote returns what quoted text says, valid until the next call.
func (w *writer) unquote(raw []byte) []byte {
	if bytes.IndexByte(raw, '\\') < 0 {
		return raw[1 : len(raw)-1]
	}
	w.scratch = sio.AppendUnquoted(w.scratch[:0], raw)
	return w.scratch
}

// number writes an integer as it is, and any other number as the float64 that JavaScript takes it for.
func (w *writer) number() bool {
	from := w.pos
	for w.pos < len(w.text) && isNumber(w.text[w.pos]) {
		w.pos++
	}
	raw := w.text[from:w.pos]
	if len(raw) == 0 {
		return false
	}
	if w.dialect != nil && w.dialect.Doubles && (len(raw) > 15 || bytes.ContainsAny(raw, "eE")) {
		return w.double(raw)
	}
	if i, err := strconv.ParseInt(string(raw), 10, 64); err == nil {
		w.dst = AppendInt(w.dst, i)
		return true
	}
	if u, err := strconv.ParseUint(string(raw), 10, 64); err == nil {
		w.dst = AppendUint(w.dst, u)
		return true
	}
	f, err := strconv.ParseFloat(string(raw), 64)
	w.dst = AppendFloat(w.dst, f)
	return err == nil || f != 0 // out of range it is infinite, as in JavaScript
}

// double writes a number that may be beyond what is exact in a float64.
func (w *writer) double(raw []byte) bool {
	f, err := strconv.ParseFloat(string(raw), 64)
	if math.Abs(f) > sio.MaxID {
		w.dst = binary.BigEndian.AppendUint64(append(w.dst, float64Code), math.Float64bits(f))
	} else {
		w.dst = AppendFloat(w.dst, f)
	}
	return err == nil || f != 0
}

func isNumber(c byte) bool {
	return '0' <= c && c <= '9' || c == '-' || c == '+' || c == '.' || c == 'e' || c == 'E'
}

func (w *writer) literal(word string) bool {
	if !bytes.HasPrefix(w.text[w.pos:], []byte(word)) {
		return false
	}
	w.pos += len(word)
	return true
}

// accept skips white space, and c if that follows.
func (w *writer) accept(c byte) bool {
	w.space()
	if w.pos < len(w.text) && w.text[w.pos] == c {
		w.pos++
		return true
	}
	return false
}

func (w *writer) space() {
	for w.pos < len(w.text) && (w.text[w.pos] == ' ' || w.text[w.pos] == '\n' || w.text[w.pos] == '\r' || w.text[w.pos] == '\t') {
		w.pos++
	}
}
