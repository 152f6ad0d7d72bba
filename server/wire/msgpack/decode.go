package msgpack

import (
	"bytes"
	"encoding/binary"
	"math"
	"strconv"
	"unicode/utf8"

	"parley/server/wire/sio"
)

// AppendValue appends one MessagePack value, which must fill data, as JSON to dst. Binary
// becomes attachments, which alias data, with placeholders in the JSON. Dates become text and what
// JSON does not have null, as with JSON.stringify; undefined members of maps are left out. Of the limits
// only Attachments and Depth matter. Every error is a *sio.ParseError.
func AppendValue(dst, data []byte, lim sio.Limits) (raw []byte, attachments [][]byte, err error) {
	r := newReader(dst, data, lim)
	return r.document()
}

// A reader reads MessagePack and writes JSON. No length is believed before the bytes are seen
// to be there. JSON is at most six times as long.
type reader struct {
	dst         []byte
	rest        []byte
	levels      int // arrays and maps that may still be opened
	limit       int // attachments that may come
	attachments [][]byte
	loose       bool // servers wrote it: see Dialect
	buffers     bool // as in Dialect
}

// document reads data that is one value and nothing else.
func (r *reader) document() (raw []byte, attachments [][]byte, err error) {
	start := len(r.dst)
	if err := r.value(); err != nil {
		return r.dst[:start], nil, err
	}
	if len(r.rest) > 0 {
		return r.dst[:start], nil, errTrailing
	}
	return r.dst, r.attachments, nil
}

func newReader(dst, data []byte, lim sio.Limits) reader {
	lim = lim.WithDefaults()
	return reader{dst: dst, rest: data, levels: lim.Depth, limit: lim.Attachments}
}

func (r *reader) value() *sio.ParseError {
	code, err := r.byte()
	if err != nil {
		return err
	}
	return r.begun(code)
}

// begun reads the rest of a value that begins with code.
func (r *reader) begun(code byte) *sio.ParseError {
	switch {
	case code < fixMap:
		r.dst = strconv.AppendUint(r.dst, uint64(code), 10)
	case code < fixArray:
		return r.object(uint64(code & 0x0f))
	case code < fixString:
		return r.array(uint64(code & 0x0f))
	case code < nilValue:
		return r.text(uint64(code & 0x1f))
	case code >= negativeFix:
		r.dst = strconv.AppendInt(r.dst, int64(int8(code)), 10)
	case code == nilValue:
		r.dst = append(r.dst, "null"...)
	case code == falseValue:
		r.dst = append(r.dst, "false"...)
	case code == trueValue:
		r.dst = append(r.dst, "true"...)
	case code >= float32Code && code <= int64Code:
		return r.number(code)
	case code >= ext8 && code <= ext32, code >= fixExt1 && code <= fixExt16:
		return r.extension(code)
	default:
		return r.sized(code)
	}
	return nil
}

// sized reads what has its length, or its count, behind the first byte.
func (r *reader) sized(code byte) *sio.ParseError {
	switch {
	case code >= bin8 && code <= bin32:
		n, err := r.uint(1 << (code - bin8))
		if err != nil {
			return err
		}
		return r.binary(n)
	case code >= string8 && code <= string32:
		n, err := r.uint(1 << (code - string8))
		if err != nil {
			return err
		}
		return r.text(n)
	case code == array16, code == array32:
		n, err := r.uint(2 << (code - array16))
		if err != nil {
			return err
		}
		return r.array(n)
	case code == map16, code == map32:
		n, err := r.uint(2 << (code - map16))
		if err != nil {
			return err
		}
		return r.object(n)
	}
	return errFormat
}

func (r *reader) array(n uint64) *sio.ParseError {
	if r.levels == 0 {
		return errDepth
	}
	if n > uint64(len(r.rest)) { // each element takes a byte
		return errShort
	}
	r.levels--
	r.dst = append(r.dst, '[')
	for i := range n {
		if i > 0 {
			r.dst = append(r.dst, ',')
		}
		if err := r.value(); err != nil {
			return err
		}
	}
	r.dst = append(r.dst, ']')
	r.levels++
	return nil
}

func (r *reader) object(n uint64) *sio.ParseError {
	if r.levels == 0 {
		return errDepth
	}
	if 2*n > uint64(len(r.rest)) {
		return errShort
	}
	r.levels--
	r.dst = append(r.dst, '{')
	start := len(r.dst)
	for range n {
		key, err := r.key()
		if err != nil {
			return err
		}
		if r.skipUndefined() {
			continue
		}
		if len(r.dst) > start {
			r.dst = append(r.dst, ',')
		}
		r.dst = append(sio.AppendKey(r.dst, string(key)), ':')
		if err := r.value(); err != nil {
			return err
		}
	}
	r.dst = append(r.dst, '}')
	r.levels++
	return nil
}

// key reads the key of a member, which must be text.
func (r *reader) key() ([]byte, *sio.ParseError) {
	code, err := r.byte()
	if err != nil {
		return nil, err
	}
	var n uint64
	switch {
	case code >= fixString && code < nilValue:
		n = uint64(code & 0x1f)
	case code >= string8 && code <= string32:
		if n, err = r.uint(1 << (code - string8)); err != nil {
			return nil, err
		}
	default:
		return r.numericKey(code)
	}
	return r.validText(n)
}

// numericKey reads a key that begins with code as JavaScript does, for which every key is text.
func (r *reader) numericKey(code byte) ([]byte, *sio.ParseError) {
	if !r.loose || code >= fixMap && code < float32Code || code > int64Code && code < negativeFix {
		return nil, errKey
	}
	start := len(r.dst)
	defer func() { r.dst = r.dst[:start] }()
	if err := r.begun(code); err != nil {
		return nil, err
	}
	return bytes.Clone(r.dst[start:]), nil
}

func (r *reader) text(n uint64) *sio.ParseError {
	text, err := r.validText(n)
	switch {
	case err != nil:
		return err
	case needsEscape(text):
		r.dst = sio.AppendString(r.dst, string(text))
	default:
		r.dst = append(append(append(r.dst, '"'), text...), '"')
	}
	return nil
}

func needsEscape(text []byte) bool {
	for _, c := range text {
		if c < ' ' || c == '"' || c == '\\' {
			return true
		}
	}
	return false
}

func (r *reader) validText(n uint64) ([]byte, *sio.ParseError) {
	text, err := r.take(n)
	if err == nil && !utf8.Valid(text) {
		if r.loose {
			return bytes.ToValidUTF8(text, []byte("\uFFFD")), nil
		}
		err = errUTF8
	}
	return text, err
}

func (r *reader) binary(n uint64) *sio.ParseError {
	data, err := r.take(n)
	if err != nil {
		return err
	}
	if r.buffers {
		r.buffer(data)
		return nil
	}
	if len(r.attachments) == r.limit {
		return errAttachments
	}
	r.dst = sio.AppendPlaceholder(r.dst, len(r.attachments))
	r.attachments = append(r.attachments, data)
	return nil
}

func (r *reader) number(code byte) *sio.ParseError {
	var size int
	switch code {
	case float32Code:
		size = 4
	case float64Code:
		size = 8
	default:
		size = 1 << ((code - uint8Code) & 3)
	}
	u, err := r.uint(size)
	if err != nil {
		return err
	}
	switch {
	case code == float32Code:
		r.dst = appendNumber(r.dst, float64(math.Float32frombits(uint32(u))))
	case code == float64Code:
		r.dst = appendNumber(r.dst, math.Float64frombits(u))
	case code < int8Code:
		r.dst = strconv.AppendUint(r.dst, u, 10)
	default:
		unused := 64 - 8*size
		r.dst = strconv.AppendInt(r.dst, int64(u<<unused)>>unused, 10)
	}
	return nil
}

// appendNumber appends a number as JSON.stringify prints it.
func appendNumber(dst []byte, f float64) []byte {
	switch abs := math.Abs(f); {
	case math.IsNaN(f) || math.IsInf(f, 0):
		return append(dst, "null"...)
	case f == 0:
		return append(dst, '0')
	case abs >= 1e-6 && abs < 1e21:
		return strconv.AppendFloat(dst, f, 'f', -1, 64)
	}
	dst = strconv.AppendFloat(dst, f, 'e', -1, 64)
	// JavaScript prints e-7 where Go prints e-07.
	if n := len(dst); dst[n-4] == 'e' && dst[n-2] == '0' {
		dst[n-2] = dst[n-1]
		dst = dst[:n-1]
	}
	return dst
}

func (r *reader) byte() (byte, *sio.ParseError) {
	b, err := r.take(1)
	if err != nil {
		return 0, err
	}
	return b[0], nil
}

// uint reads an unsigned integer of 1, 2, 4 or 8 bytes.
func (r *reader) uint(size int) (uint64, *sio.ParseError) {
	b, err := r.take(uint64(size))
	if err != nil {
		return 0, err
	}
	var full [8]byte
	copy(full[8-size:], b)
	return binary.BigEndian.Uint64(full[:]), nil
}

func (r *reader) take(n uint64) ([]byte, *sio.ParseError) {
	if n > uint64(len(r.rest)) {
		return nil, errShort
	}
	b := r.rest[:n:n]
	r.rest = r.rest[n:]
	return b, nil
}
