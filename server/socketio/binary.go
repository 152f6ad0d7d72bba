package socketio

import (
	"encoding"
	"errors"
	"reflect"
	"sync"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// What a client can get wrong about the type of an argument, besides JSON's own errors.
var (
	errNull      = errors.New("null where a value belongs")
	errNotString = errors.New("not a string")
	errNotBool   = errors.New("not a boolean")
	errNotBinary = errors.New("not binary")
	errBinary    = errors.New("binary where JSON belongs")
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
		json.UnmarshalFromFunc(func(d *jsontext.Decoder, v *any) error {
			raw, err := d.ReadValue()
			if err != nil {
				return err
			}
			var plain any
			if err := json.Unmarshal(raw, &plain); err != nil {
				return err
			}
			*v = restored(plain, attachment)
			return nil
		}),
	))
}

// placeholders are those in a part of a packet: how many, and which attachments
// they name, from first to before end.
type placeholders struct{ count, first, end int }

func placeholdersIn(raw []byte) (p placeholders, err error) {
	var plain any
	err = json.Unmarshal(raw, &plain)
	restored(plain, func(num int) any {
		if p.count == 0 {
			p.first = num
		}
		p.count++
		p.first, p.end = min(p.first, num), max(p.end, num+1)
		return nil
	})
	return p, err
}

// restored replaces the placeholders in a decoded value, in place. The parser has
// checked that each names an attachment.
func restored(v any, attachment func(num int) any) any {
	switch v := v.(type) {
	case []any:
		for i := range v {
			v[i] = restored(v[i], attachment)
		}
	case map[string]any:
		if v["_placeholder"] == true {
			if num, ok := v["num"].(float64); ok {
				return attachment(int(num))
			}
		}
		for k := range v {
			v[k] = restored(v[k], attachment)
		}
	}
	return v
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
