package msgpack

import (
	"encoding/binary"
	"fmt"
	"time"

	"parley/server/wire/sio"
)

// Types of extensions.
const (
	timestampType = 0xff // the format's own
	notepackType  = 0x00 // of notepack.io 2: undefined, dates and ArrayBuffers, by length
)

// undefined is how notepack.io 2 says it.
var undefined = [3]byte{fixExt1, notepackType, 0}

// skipUndefined skips a value that is undefined.
func (r *reader) skipUndefined() bool {
	if len(r.rest) < len(undefined) || [3]byte(r.rest) != undefined {
		return false
	}
	r.rest = r.rest[len(undefined):]
	return true
}

func (r *reader) extension(code byte) *sio.ParseError {
	fixed := code >= fixExt1
	n := uint64(1) << (code - fixExt1)
	if !fixed {
		var err *sio.ParseError
		if n, err = r.uint(1 << (code - ext8)); err != nil {
			return err
		}
	}
	kind, err := r.byte()
	if err != nil {
		return err
	}
	if kind == notepackType && !fixed {
		return r.binary(n)
	}
	data, err := r.take(n)
	if err != nil {
		return err
	}
	switch {
	case kind == notepackType && n == 1:
		r.dst = append(r.dst, "null"...)
	case kind == notepackType && n == 8:
		r.date(time.UnixMilli(int64(binary.BigEndian.Uint64(data))))
	case kind == timestampType && n == 4:
		r.date(time.Unix(int64(binary.BigEndian.Uint32(data)), 0))
	case kind == timestampType && n == 8:
		u := binary.BigEndian.Uint64(data)
		return r.timestamp(int64(u&(1<<34-1)), u>>34)
	case kind == timestampType && n == 12:
		return r.timestamp(int64(binary.BigEndian.Uint64(data[4:])), uint64(binary.BigEndian.Uint32(data)))
	default:
		return errExtension
	}
	return nil
}

// maxSeconds is how far from 1970 a Date of JavaScript can be (ECMA-262, section 21.4.1.1).
const maxSeconds = 8_640_000_000_000

func (r *reader) timestamp(seconds int64, nanoseconds uint64) *sio.ParseError {
	if nanoseconds >= 1e9 {
		return errExtension
	}
	r.date(time.Unix(seconds, int64(nanoseconds)))
	return nil
}

// date appends what JSON.stringify makes of a Date.
func (r *reader) date(t time.Time) {
	t = t.UTC()
	if s := t.Unix(); s < -maxSeconds || s > maxSeconds || s == maxSeconds && t.Nanosecond() > 0 {
		r.dst = append(r.dst, "null"...)
		return
	}
	const rest = "-01-02T15:04:05.000Z\""
	r.dst = append(r.dst, '"')
	if year := t.Year(); year >= 0 && year <= 9999 {
		r.dst = fmt.Appendf(r.dst, "%04d", year)
	} else {
		r.dst = fmt.Appendf(r.dst, "%+07d", year)
	}
	r.dst = t.AppendFormat(r.dst, rest)
}
