package socketio

import (
	stdjson "encoding/json"
	"reflect"
	"strconv"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"parley/server/wire/sio"
)

// arguments are those of one packet, as they came. They are valid only until
// the handler returns, so whatever is decoded owns its bytes; attachments may be
// kept.
type arguments struct {
	list        sio.Args
	attachments [][]byte
	id          int64       // sio.NoID if no acknowledgement is wanted
	packet      *sio.Packet // of an event, nil for an acknowledgement
}

// count refuses arguments that are not n in number.
func (a arguments) count(n int) error {
	if got := a.list.Len(); got != n {
		return invalid("Wrong number of arguments: %d instead of %d", got, n)
	}
	return nil
}

// A decoder decodes all arguments of a packet.
type decoder[T any] func(a arguments) (T, error)

func decoderOf[T any]() decoder[T] {
	var zero T
	if list, ok := any(zero).(listDecoder); ok {
		return list.listDecoder().(decoder[T])
	}
	one := valueDecoderOf[T]()
	return func(a arguments) (v T, err error) {
		if err = a.count(1); err == nil {
			err = one.next(&a, &v)
		}
		return v, err
	}
}

// A valueDecoder decodes one argument.
type valueDecoder[T any] func(raw []byte, attachments [][]byte) (T, error)

// next decodes the next of the arguments into v. What a client got wrong is all
// that it is told: not the names of the server's types.
func (d valueDecoder[T]) next(a *arguments, v *T) error {
	raw, _ := a.list.Next()
	got, err := d(raw, a.attachments)
	if err != nil {
		return &decodeError{err}
	}
	*v = got
	return nil
}

// A decodeError is what the client hears as invalid, and the log with its cause.
type decodeError struct{ cause error }

func (e *decodeError) Error() string { return "socketio: " + e.cause.Error() }

func (e *decodeError) Unwrap() error { return errWrongType }

var errWrongType = &Error{Code: CodeInvalid, Message: "Argument of the wrong type"}

// valueDecoderOf chooses how to decode a T. What is commonest needs no reflection.
func valueDecoderOf[T any]() valueDecoder[T] {
	var zero T
	switch any(zero).(type) {
	case string:
		return any(valueDecoder[string](decodeString)).(valueDecoder[T])
	case bool:
		return any(valueDecoder[bool](decodeBool)).(valueDecoder[T])
	case int:
		return any(valueDecoder[int](decodeInt)).(valueDecoder[T])
	case float64:
		return any(valueDecoder[float64](decodeFloat)).(valueDecoder[T])
	case []byte:
		return any(valueDecoder[[]byte](decodeBytes)).(valueDecoder[T])
	case Value:
		return any(valueDecoder[Value](newValue)).(valueDecoder[T])
	case stdjson.RawMessage:
		return any(valueDecoder[stdjson.RawMessage](decodeRaw)).(valueDecoder[T])
	}
	return jsonDecoderOf[T]()
}

func jsonDecoderOf[T any]() valueDecoder[T] {
	typ := reflect.TypeFor[T]()
	binary := mayHoldBytes(typ)
	nullable := false
	switch typ.Kind() {
	case reflect.Pointer, reflect.Interface, reflect.Map, reflect.Slice:
		nullable = true
	}
	return func(raw []byte, attachments [][]byte) (v T, err error) {
		switch {
		case !nullable && string(raw) == "null":
			return v, errNull
		case len(attachments) > 0:
			return v, unmarshalBinary(raw, &v, attachments)
		case binary:
			return v, json.Unmarshal(raw, &v, noAttachments)
		}
		return v, json.Unmarshal(raw, &v)
	}
}

func decodeString(raw []byte, _ [][]byte) (string, error) {
	if raw[0] != '"' {
		return "", errNotString
	}
	for _, c := range raw {
		if c == '\\' {
			text, err := jsontext.AppendUnquote(nil, raw)
			return string(text), err
		}
	}
	return string(raw[1 : len(raw)-1]), nil
}

func decodeBool(raw []byte, _ [][]byte) (bool, error) {
	if raw[0] != 't' && raw[0] != 'f' {
		return false, errNotBool
	}
	return raw[0] == 't', nil
}

func decodeInt(raw []byte, _ [][]byte) (int, error) { return strconv.Atoi(string(raw)) }

func decodeFloat(raw []byte, _ [][]byte) (float64, error) {
	return strconv.ParseFloat(string(raw), 64)
}

func decodeRaw(raw []byte, attachments [][]byte) (stdjson.RawMessage, error) {
	if len(attachments) > 0 {
		return nil, errBinary
	}
	return append(stdjson.RawMessage(nil), raw...), nil
}

func decodeBytes(raw []byte, attachments [][]byte) ([]byte, error) {
	num, ok := sio.Placeholder(raw)
	if !ok || num >= len(attachments) {
		return nil, errNotBinary
	}
	return attachments[num], nil
}
