package socketio

import (
	"bytes"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"parley/server/wire/sio"
)

// A Value is an argument that is kept as it came: JSON, with its attachments. What
// is only passed on need not be decoded. The zero Value is null.
type Value struct {
	raw         []byte // placeholders count from 0
	attachments [][]byte
}

// newValue copies raw, which is part of a packet with these attachments.
func newValue(raw []byte, attachments [][]byte) (Value, error) {
	if len(attachments) == 0 {
		return Value{raw: bytes.Clone(raw)}, nil
	}
	all, err := placeholdersIn(raw)
	if err != nil {
		return Value{}, err
	}
	return cutValue(raw, attachments, all), nil
}

// cutValue copies raw and keeps no other attachments than its own: they may be for
// other eyes. Encoders number attachments in the order of the text, so those of an
// argument are a range.
func cutValue(raw []byte, attachments [][]byte, own placeholders) Value {
	if own.count == 0 {
		return Value{raw: bytes.Clone(raw)}
	}
	return Value{
		raw:         sio.Renumber(nil, raw, -own.first),
		attachments: attachments[own.first:own.end:own.end],
	}
}

// Bytes returns the JSON, in which objects such as {"_placeholder":true,"num":0}
// stand for attachments. It must not be changed.
func (v Value) Bytes() []byte {
	if v.raw == nil {
		return []byte("null")
	}
	return v.raw
}

// Attachments returns the binary parts, which must not be changed.
func (v Value) Attachments() [][]byte { return v.attachments }

// Decode decodes the value into what to points at, []byte from attachments.
func (v Value) Decode(to any) error {
	if len(v.attachments) == 0 {
		return json.Unmarshal(v.Bytes(), to, noAttachments)
	}
	return unmarshalBinary(v.raw, to, v.attachments)
}

// UnmarshalJSONFrom takes the next value of d as it is.
func (v *Value) UnmarshalJSONFrom(d *jsontext.Decoder) error {
	raw, err := d.ReadValue()
	if err == nil {
		*v, err = newValue(raw, nil)
	}
	return err
}

// MarshalJSONTo writes the JSON. Attachments have a place only in packets.
func (v Value) MarshalJSONTo(e *jsontext.Encoder) error {
	if len(v.attachments) > 0 {
		return errBinary
	}
	return e.WriteValue(v.Bytes())
}
