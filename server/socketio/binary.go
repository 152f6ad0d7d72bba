package socketio

import (
	"encoding"
	"errors"
	"reflect"
	"sync"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"parley/server/wire/sio"
)

// What a client can get wrong about the type of an argument, besides JSON's own errors.
var (
	errNull      = errors.New("null where a value belongs")
	errNotString = errors.New("not a string")
	errNotBool   = errors.New("not a boolean")
	errNotBinary = errors.New("not binary")
	errBinary    = errors.New("binary where JSON belongs")
	errNotJSON   = errors.New("not JSON")
)

// unmarshalBinary decodes raw, part of a packet with these attachments. Binary for
// which the type has no place is an error.
func unmarshalBinary(raw []byte, to any, attachments [][]byte) error {
	all, err := placeholdersIn(raw)
	if err != nil {
		return err
	}
	used := 0
	if err := json.Unmarshal(raw, to, binaryOptions(attachments, &used)); err != nil {
		return err
	}
	if used != all.count {
		return errBinary
	}
	return nil
}

// noAttachments decodes packets without attachments into types that may hold
// []byte: a string is not binary.
var noAttachments = json.WithUnmarshalers(
	json.UnmarshalFromFunc(func(d *jsontext.Decoder, v *[]byte) error {
		raw, err := d.ReadValue()
		if err == nil && raw.Kind() != 'n' {
			err = errNotBinary
		}
		*v = nil
		return err
	}))

// binaryOptions makes json.Unmarshal put attachments in the place of placeholders,
// and counts these.
func binaryOptions(attachments [][]byte, used *int) json.Options {
	attachment := func(num int) any {
		*used++
		return attachments[num]
	}
	return json.WithUnmarshalers(json.JoinUnmarshalers(
		json.UnmarshalFromFunc(func(d *jsontext.Decoder, v *[]byte) error {
			raw, err := d.ReadValue()
			if err != nil || raw.Kind() == 'n' {
				*v = nil
				return err
			}
			*used++
			*v, err = decodeBytes(raw, attachments)
			return err
		}),
		json.UnmarshalFromFunc(func(d *jsontext.Decoder, v *Value) error {
			raw, err := d.ReadValue()
			if err != nil {
				return err
			}
			all, err := placeholdersIn(raw)
			if err != nil {
				return err
			}
			*used += all.count
			*v = cutValue(raw, attachments, all)
			return nil
		}),
		json.UnmarshalFromFunc(func(d *jsontext.Decoder, v *any) (err error) {
			*v, err = decodeAny(d, attachment)
			return err
		}),
	))
}

// placeholders are those in a part of a packet: how many, and which attachments
// they name, from first to before end.
type placeholders struct{ count, first, end int }

func placeholdersIn(raw []byte) (p placeholders, err error) {
	var ok bool
	if p.count, p.first, p.end, ok = sio.Placeholders(raw); !ok {
		err = errNotJSON
	}
	return p, err
}

// decodeAny decodes the next value of d as if into an any, with attachments in the place of
// placeholders. The parser has checked that each names one.
func decodeAny(d *jsontext.Decoder, attachment func(num int) any) (v any, err error) {
	switch d.PeekKind() {
	case '[':
		return decodeAnyArray(d, attachment)
	case '{':
		return decodeAnyObject(d, attachment)
	}
	raw, err := d.ReadValue()
	if err == nil {
		err = json.Unmarshal(raw, &v)
	}
	return v, err
}

func decodeAnyArray(d *jsontext.Decoder, attachment func(num int) any) (any, error) {
	if _, err := d.ReadToken(); err != nil {
		return nil, err
	}
	list := []any{}
	for d.PeekKind() != ']' {
		v, err := decodeAny(d, attachment)
		if err != nil {
			return nil, err
		}
		list = append(list, v)
	}
	_, err := d.ReadToken()
	return list, err
}

func decodeAnyObject(d *jsontext.Decoder, attachment func(num int) any) (any, error) {
	if _, err := d.ReadToken(); err != nil {
		return nil, err
	}
	members := make(map[string]any)
	marked := false
	for d.PeekKind() != '}' {
		key, err := d.ReadValue()
		if err != nil {
			return nil, err
		}
		name, err := jsontext.AppendUnquote(nil, key)
		if err != nil {
			return nil, err
		}
		marked = marked || d.PeekKind() == 't' && sio.IsMark(key, []byte("true"))
		if members[string(name)], err = decodeAny(d, attachment); err != nil {
			return nil, err
		}
	}
	if num, ok := members["num"].(float64); ok && marked {
		_, err := d.ReadToken()
		return attachment(int(num)), err
	}
	_, err := d.ReadToken()
	return members, err
}

// byteTypes remembers what mayHoldBytes found out.
var byteTypes sync.Map // reflect.Type → bool

// mayHoldBytes reports whether values of a type can have []byte, or a Value,
// somewhere in them. Where it cannot know, they can.
func mayHoldBytes(t reflect.Type) bool {
	if known, ok := byteTypes.Load(t); ok {
		return known.(bool)
	}
	holds := holdsBytes(t, make(map[reflect.Type]bool))
	byteTypes.Store(t, holds)
	return holds
}

var (
	typeBytes     = reflect.TypeFor[[]byte]()
	typeValue     = reflect.TypeFor[Value]()
	typeMarshaler = reflect.TypeFor[json.Marshaler]()
	typeText      = reflect.TypeFor[encoding.TextMarshaler]()
)

func holdsBytes(t reflect.Type, visited map[reflect.Type]bool) bool {
	if t == typeBytes || t == typeValue {
		return true
	}
	if visited[t] || t.Implements(typeMarshaler) || t.Implements(typeText) {
		return false
	}
	visited[t] = true
	switch t.Kind() {
	case reflect.Interface:
		return true
	case reflect.Pointer, reflect.Slice, reflect.Array:
		return holdsBytes(t.Elem(), visited)
	case reflect.Map:
		return holdsBytes(t.Elem(), visited)
	case reflect.Struct:
		for i := range t.NumField() {
			if holdsBytes(t.Field(i).Type, visited) {
				return true
			}
		}
	}
	return false
}
