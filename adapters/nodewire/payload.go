package nodewire

import (
	"bytes"
	"fmt"
	"unicode/utf8"

	"parley/server/adapter"
	"parley/server/wire/msgpack"
	"parley/server/wire/sio"
)

// check makes sure that Node servers can read a payload, and clients what they make of it.
func (l Limits) check(t sio.Type, p adapter.Payload) error {
	if n := len(p.Attachments); n > l.Attachments {
		return &LimitError{"Attachments", l.Attachments}
	} else if n > 0 {
		t += sio.BinaryEvent - sio.Event
	}
	if len(p.Data) > l.Bytes {
		return &LimitError{"Bytes", l.Bytes}
	}
	if !utf8.Valid(p.Data) {
		return fmt.Errorf("nodewire: payload is not UTF-8")
	}
	packet := sio.Packet{Type: t, Attachments: len(p.Attachments), Data: p.Data}
	err := packet.Check(sio.Limits{Attachments: l.Attachments, Depth: l.Depth, EventName: len(p.Data) + 1})
	if err != nil {
		return fmt.Errorf("nodewire: payload: %w", err)
	}
	return nil
}

// checkServerSide is check for an event for servers. In Node it is an event of the
// namespace object, on which some names have a meaning.
func (l Limits) checkServerSide(p adapter.Payload) error {
	if err := l.check(sio.Event, p); err != nil {
		return err
	}
	packet := sio.Packet{Type: sio.Event, Data: p.Data}
	switch string(packet.EventNameBytes()) {
	case "error", "connection", "new_namespace":
		return ErrReserved
	}
	return nil
}

// first returns the one value that the wires can carry of an answer, nil for undefined.
func (l Limits) first(p adapter.Payload) ([]byte, error) {
	if err := l.check(sio.Ack, p); err != nil {
		return nil, err
	}
	r := reader{text: p.Data}
	if r.accept('['); r.peek() == ']' {
		return nil, nil
	}
	return r.raw(), nil
}

// payload returns a part of a message as the payload that it is.
func payload(raw []byte, attachments [][]byte) (adapter.Payload, error) {
	if len(raw) == 0 || raw[0] != '[' {
		return adapter.Payload{}, malformed("payload is no array")
	}
	if len(attachments) == 0 {
		return adapter.Payload{Data: raw}, nil
	}
	count, first, end, ok := sio.Placeholders(raw)
	switch {
	case !ok:
		return adapter.Payload{}, malformed("payload with a placeholder of its own")
	case count == 0:
		return adapter.Payload{Data: raw}, nil
	case first > 0:
		raw = sio.Renumber(nil, raw, -first)
	}
	return adapter.Payload{Data: raw, Attachments: attachments[first:end:end]}, nil
}

// answer returns the payload of an answer that is one value, nil for undefined.
func answer(raw []byte, attachments [][]byte) (adapter.Payload, error) {
	list := make([]byte, 0, len(raw)+2)
	list = append(append(append(list, '['), raw...), ']')
	return payload(list, attachments)
}

// appendBuffers appends JSON with attachments as Node prints it, which knows none.
func appendBuffers(dst, raw []byte, attachments [][]byte) ([]byte, error) {
	if len(attachments) == 0 {
		return append(dst, bytes.TrimSpace(raw)...), nil
	}
	dialect := msgpack.Dialect{Buffers: true}
	packed, err := dialect.AppendJSON(nil, raw, attachments)
	if err != nil {
		return dst, err
	}
	dst, _, err = dialect.AppendValue(dst, packed, sio.Limits{Depth: sio.MaxDepth})
	return dst, err
}
