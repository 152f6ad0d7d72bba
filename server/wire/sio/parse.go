package sio

import (
	"bytes"
	"unicode/utf8"
)

// Parse decodes and checks the text of one packet. The result's Data aliases text, is one valid JSON
// value and fits the type; the placeholders of binary types refer to announced attachments.
// Every error is a *ParseError.
func Parse(text []byte, lim Limits) (Packet, error) { return ParseIn("", text, lim) }

// ParseIn is Parse for a packet that is likely to be for a certain namespace, whose name then is
// used rather than a new string.
func ParseIn(namespace string, text []byte, lim Limits) (Packet, error) {
	p, err := parse(namespace, text, lim.WithDefaults())
	if err != nil {
		return Packet{}, err
	}
	return p, nil
}

func parse(likely string, text []byte, lim Limits) (p Packet, err *ParseError) {
	if !utf8.Valid(text) {
		return p, errUTF8
	}
	if len(text) == 0 || text[0] < '0' || text[0] > '0'+byte(BinaryAck) {
		return p, errType
	}
	p.Type = Type(text[0] - '0')
	rest := text[1:]
	if p.Type.Binary() {
		if p.Attachments, rest, err = parseCount(rest, lim.Attachments); err != nil {
			return p, err
		}
	}
	if p.Namespace, rest, err = parseNamespace(likely, rest, lim.Namespace); err != nil {
		return p, err
	}
	if p.ID, rest, err = parseID(rest); err != nil {
		return p, err
	}
	if len(rest) > 0 {
		p.Data = rest
	}
	return p, p.check(lim, true)
}

// parseCount reads "<count>-". JavaScript would also take 1e0 or 0x1 for a number; nobody sends that.
func parseCount(text []byte, limit int) (n int, rest []byte, err *ParseError) {
	i := 0
	for ; i < len(text) && isDigit(text[i]); i++ {
		if n = n*10 + int(text[i]-'0'); n > limit {
			return 0, nil, errAttachments
		}
	}
	if n == 0 || i == len(text) || text[i] != '-' {
		return 0, nil, errCount
	}
	return n, text[i+1:], nil
}

// parseNamespace reads "/…," or, where nothing follows, "/…". The name is taken as it is, a query included.
func parseNamespace(likely string, text []byte, limit int) (name string, rest []byte, err *ParseError) {
	if len(text) == 0 || text[0] != '/' {
		return MainNamespace, text, nil
	}
	end := bytes.IndexByte(text[:min(len(text), limit+1)], ',')
	switch {
	case end >= 0:
		rest = text[end+1:]
	case len(text) <= limit:
		end = len(text)
	default:
		return "", nil, errNamespace
	}
	if end == 1 {
		return MainNamespace, rest, nil
	}
	if string(text[:end]) == likely {
		return likely, rest, nil
	}
	return string(text[:end]), rest, nil
}

func parseID(text []byte) (id int64, rest []byte, err *ParseError) {
	i := 0
	for ; i < len(text) && isDigit(text[i]); i++ {
		if id = id*10 + int64(text[i]-'0'); id > MaxID {
			return 0, nil, errID
		}
	}
	if i == 0 {
		return NoID, text, nil
	}
	return id, text[i:], nil
}

// Check checks the payload of a packet that was not parsed from text, as Parse does. Its placeholders
// have been written by AppendPlaceholder, its other keys by AppendKey.
func (p *Packet) Check(lim Limits) error {
	if err := p.check(lim.WithDefaults(), false); err != nil {
		return err
	}
	return nil
}

// check verifies the payload: its shape first, which its first byte tells, then its syntax.
// White space before the payload is refused: the reference decoder takes it for an id of 0.
func (p *Packet) check(lim Limits, foreign bool) *ParseError {
	if len(p.Data) == 0 {
		if p.Type != Connect && p.Type != Disconnect {
			return errShape
		}
		return nil
	}
	if !p.Type.begins(p.Data[0]) {
		return errShape
	}
	s := scanner{text: p.Data, levels: lim.Depth, attachments: p.Attachments, foreign: foreign}
	if err := s.document(); err != nil {
		return err
	}
	if p.Type == Event || p.Type == BinaryEvent {
		return checkName(p.rawName(), lim.EventName)
	}
	return nil
}

// begins reports whether the payload of a packet of type t may begin with c.
func (t Type) begins(c byte) bool {
	switch t {
	case Connect:
		return c == '{'
	case Disconnect:
		return false
	case ConnectError:
		return c == '{' || c == '"'
	default:
		return c == '['
	}
}

func checkName(raw []byte, limit int) *ParseError {
	if len(raw) == 0 {
		return errNameMissing
	}
	if raw[0] != '"' {
		if raw[0] != '-' && !isDigit(raw[0]) {
			return errNameMissing
		}
		if len(raw) > limit {
			return errNameLong
		}
		return nil
	}
	// An escape takes six bytes at most for each byte of the name.
	if len(raw)-2 > 6*limit {
		return errNameLong
	}
	name := unquoted(raw)
	if len(name) > limit {
		return errNameLong
	}
	if len(name) <= longestReserved && Reserved(string(name)) {
		return errNameReserved
	}
	return nil
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }
