package msgpack

import (
	"encoding/binary"
	"math"
)

// The first bytes of the formats, or the lowest where a range has the same meaning.
const (
	fixMap      = 0x80
	fixArray    = 0x90
	fixString   = 0xa0
	nilValue    = 0xc0
	falseValue  = 0xc2
	trueValue   = 0xc3
	bin8        = 0xc4
	bin32       = 0xc6
	ext8        = 0xc7
	ext32       = 0xc9
	float32Code = 0xca
	float64Code = 0xcb
	uint8Code   = 0xcc
	uint16Code  = 0xcd
	uint32Code  = 0xce
	uint64Code  = 0xcf
	int8Code    = 0xd0
	int16Code   = 0xd1
	int32Code   = 0xd2
	int64Code   = 0xd3
	fixExt1     = 0xd4
	fixExt16    = 0xd8
	string8     = 0xd9
	string32    = 0xdb
	array16     = 0xdc
	array32     = 0xdd
	map16       = 0xde
	map32       = 0xdf
	negativeFix = 0xe0
)

// AppendNil appends nil.
func AppendNil(dst []byte) []byte { return append(dst, nilValue) }

// AppendBool appends a boolean.
func AppendBool(dst []byte, b bool) []byte {
	if b {
		return append(dst, trueValue)
	}
	return append(dst, falseValue)
}

// AppendInt appends an integer in its shortest form.
func AppendInt(dst []byte, i int64) []byte {
	switch {
	case i >= 0:
		return AppendUint(dst, uint64(i))
	case i >= -0x20:
		return append(dst, byte(i))
	case i >= math.MinInt8:
		return append(dst, int8Code, byte(i))
	case i >= math.MinInt16:
		return binary.BigEndian.AppendUint16(append(dst, int16Code), uint16(i))
	case i >= math.MinInt32:
		return binary.BigEndian.AppendUint32(append(dst, int32Code), uint32(i))
	}
	return binary.BigEndian.AppendUint64(append(dst, int64Code), uint64(i))
}

// AppendUint appends a non-negative integer in its shortest form.
func AppendUint(dst []byte, u uint64) []byte {
	switch {
	case u < fixMap:
		return append(dst, byte(u))
	case u <= math.MaxUint8:
		return append(dst, uint8Code, byte(u))
	case u <= math.MaxUint16:
		return binary.BigEndian.AppendUint16(append(dst, uint16Code), uint16(u))
	case u <= math.MaxUint32:
		return binary.BigEndian.AppendUint32(append(dst, uint32Code), uint32(u))
	}
	return binary.BigEndian.AppendUint64(append(dst, uint64Code), u)
}

// AppendFloat appends a number as JavaScript sends it, which has one type for all of them:
// a whole number as an integer, -0 as 0.
func AppendFloat(dst []byte, f float64) []byte {
	if f == math.Trunc(f) {
		switch {
		case f >= 0 && f < 1<<64:
			return AppendUint(dst, uint64(f))
		case f < 0 && f >= -1<<63:
			return AppendInt(dst, int64(f))
		case f == 0:
			return append(dst, 0)
		}
	}
	return binary.BigEndian.AppendUint64(append(dst, float64Code), math.Float64bits(f))
}

// AppendString appends text, which must be valid UTF-8 and shorter than 4 GiB.
func AppendString[T []byte | string](dst []byte, s T) []byte {
	if len(s) < 32 {
		return append(append(dst, fixString|byte(len(s))), s...)
	}
	return append(appendLength(dst, string8, len(s)), s...)
}

// AppendBinary appends binary of less than 4 GiB.
func AppendBinary(dst, data []byte) []byte {
	return append(appendLength(dst, bin8, len(data)), data...)
}

// AppendArray begins an array: its n elements are to follow.
func AppendArray(dst []byte, n int) []byte {
	if n < 16 {
		return append(dst, fixArray|byte(n))
	}
	return appendCount(dst, array16, n)
}

// AppendMap begins a map: n times a key and its value are to follow.
func AppendMap(dst []byte, n int) []byte {
	if n < 16 {
		return append(dst, fixMap|byte(n))
	}
	return appendCount(dst, map16, n)
}

// appendLength appends the shortest header of 8, 16 or 32 bits; their codes follow each other.
func appendLength(dst []byte, code8 byte, n int) []byte {
	if n <= math.MaxUint8 {
		return append(dst, code8, byte(n))
	}
	return appendCount(dst, code8+1, n)
}

func appendCount(dst []byte, code16 byte, n int) []byte {
	if n <= math.MaxUint16 {
		return binary.BigEndian.AppendUint16(append(dst, code16), uint16(n))
	}
	return binary.BigEndian.AppendUint32(append(dst, code16+1), uint32(n))
}
