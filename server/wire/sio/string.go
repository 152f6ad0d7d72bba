package sio

import (
	"bytes"
	"unicode/utf16"
	"unicode/utf8"
)

const hexDigits = "0123456789abcdef"

// AppendString appends s as a JSON string, byte for byte as JSON.stringify prints it: only what JSON
// demands is escaped. Invalid UTF-8 becomes U+FFFD.
func AppendString(dst []byte, s string) []byte {
	dst = append(dst, '"')
	copied := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c < utf8.RuneSelf {
			i++
			if c >= ' ' && c != '"' && c != '\\' {
				continue
			}
			dst = append(dst, s[copied:i-1]...)
			dst = appendEscape(dst, c)
			copied = i
			continue
		}
		r, size := utf8.DecodeRuneInString(s[i:])
		if r == utf8.RuneError && size == 1 {
			dst = append(dst, s[copied:i]...)
			dst = utf8.AppendRune(dst, utf8.RuneError)
			copied = i + 1
		}
		i += size
	}
	dst = append(dst, s[copied:]...)
	return append(dst, '"')
}

func appendEscape(dst []byte, c byte) []byte {
	switch c {
	case '"', '\\':
		return append(dst, '\\', c)
	case '\b':
		return append(dst, '\\', 'b')
	case '\f':
		return append(dst, '\\', 'f')
	case '\n':
		return append(dst, '\\', 'n')
	case '\r':
		return append(dst, '\\', 'r')
	case '\t':
		return append(dst, '\\', 't')
	}
	return append(dst, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&0xf])
}

// AppendUnquoted appends what a valid JSON string says. A lone surrogate becomes U+FFFD.
func AppendUnquoted(dst, raw []byte) []byte { return appendUnescaped(dst, raw[1:len(raw)-1]) }

// unquoted returns what a valid JSON string says: a part of raw if nothing is escaped.
func unquoted(raw []byte) []byte {
	body := raw[1 : len(raw)-1]
	if bytes.IndexByte(body, '\\') < 0 {
		return body
	}
	return appendUnescaped(make([]byte, 0, len(body)), body) // unescaped it is shorter
}

// appendUnescaped appends the body of a valid JSON string. A lone surrogate becomes U+FFFD, UTF-8 has no other way to say it.
func appendUnescaped(dst, body []byte) []byte {
	for len(body) > 0 {
		i := bytes.IndexByte(body, '\\')
		if i < 0 {
			return append(dst, body...)
		}
		dst = append(dst, body[:i]...)
		body = body[i:]
		n := escapeLen(body)
		if n == 0 {
			return dst
		}
		r := escapedRune(body)
		if utf16.IsSurrogate(r) {
			low := rune(utf8.RuneError)
			if escapeLen(body[n:]) == 6 {
				low = escapedRune(body[n:])
			}
			if r = utf16.DecodeRune(r, low); r != utf8.RuneError {
				n += 6
			}
		}
		dst = utf8.AppendRune(dst, r)
		body = body[n:]
	}
	return dst
}

// escapedRune returns the character, or half of one, that a valid escape sequence stands for.
func escapedRune(seq []byte) rune {
	switch seq[1] {
	case 'b':
		return '\b'
	case 'f':
		return '\f'
	case 'n':
		return '\n'
	case 'r':
		return '\r'
	case 't':
		return '\t'
	case 'u':
		var r rune
		for _, c := range seq[2:6] {
			r = r<<4 | hexValue(c)
		}
		return r
	}
	return rune(seq[1])
}

// hexValue returns the value of a hexadecimal digit, -1 for any other byte.
func hexValue(c byte) rune {
	switch {
	case isDigit(c):
		return rune(c - '0')
	case 'a' <= c && c <= 'f':
		return rune(c - 'a' + 10)
	case 'A' <= c && c <= 'F':
		return rune(c - 'A' + 10)
	}
	return -1
}
