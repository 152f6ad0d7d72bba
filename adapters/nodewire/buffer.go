package nodewire

import (
	"bytes"
	"strconv"

	"parley/server/adapter"
	"parley/server/wire/sio"
)

// Revive turns what JSON makes of a Buffer, {"type":"Buffer","data":[…]}, back into
// attachments, which Node does not. It is for payloads without attachments that came as
// JSON; anything else is returned as it is, as are payloads with more of them than the
// limit.
func (l Limits) Revive(p adapter.Payload) adapter.Payload {
	if len(p.Attachments) > 0 || !bytes.Contains(p.Data, []byte(`"Buffer"`)) {
		return p
	}
	if n, _, _, ok := sio.Placeholders(p.Data); !ok || n > 0 {
		return p // the user's own
	}
	v := reviver{limit: l.withDefaults().Attachments, dst: make([]byte, 0, len(p.Data))}
	r := reader{text: p.Data}
	if !v.value(&r) {
		return p
	}
	return adapter.Payload{Data: v.dst, Attachments: v.found}
}

type reviver struct {
	dst   []byte
	found [][]byte
	limit int
}

// value copies the next value, and reports whether all is within the limit.
func (v *reviver) value(r *reader) bool {
	switch r.peek() {
	case '[':
		return v.list(r, '[', ']', v.value)
	case '{':
	default:
		v.dst = append(v.dst, r.raw()...)
		return true
	}
	object := *r
	data, ok := buffer(object.raw())
	if !ok {
		return v.list(r, '{', '}', v.member)
	}
	r.pos = object.pos
	v.dst = strconv.AppendInt(append(v.dst, `{"_placeholder":true,"num":`...), int64(len(v.found)), 10)
	v.dst = append(v.dst, '}')
	v.found = append(v.found, data)
	return len(v.found) <= v.limit
}

func (v *reviver) member(r *reader) bool {
	v.dst = append(append(v.dst, r.raw()...), ':')
	r.accept(':')
	return v.value(r)
}

// list copies an array or an object by its elements.
func (v *reviver) list(r *reader, begin, end byte, element func(*reader) bool) bool {
	r.accept(begin)
	v.dst = append(v.dst, begin)
	for i := 0; !r.accept(end); i++ {
		if i > 0 {
			r.accept(',')
			v.dst = append(v.dst, ',')
		}
		if !element(r) {
			return false
		}
	}
	v.dst = append(v.dst, end)
	return true
}

// buffer returns the bytes of an object that looks like a Buffer: a type and then bytes, and
// nothing else.
func buffer(raw []byte) (data []byte, ok bool) {
	r := reader{text: raw}
	for _, token := range []string{`{`, `"type"`, `:`, `"Buffer"`, `,`, `"data"`, `:`, `[`} {
		if token[0] == '"' {
			ok = r.peek() == '"' && string(r.raw()) == token
		} else {
			ok = r.accept(token[0])
		}
		if !ok {
			return nil, false
		}
	}
	data = make([]byte, 0, len(raw)/4)
	for i := 0; !r.accept(']'); i++ {
		if i > 0 && !r.accept(',') {
			return nil, false
		}
		r.peek()
		b, err := strconv.ParseUint(string(r.raw()), 10, 8)
		if err != nil {
			return nil, false
		}
		data = append(data, byte(b))
	}
	return data, r.accept('}') && r.peek() == 0
}
