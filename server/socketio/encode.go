package socketio

import (
	"bytes"
	stdjson "encoding/json"
	"errors"
	"fmt"
	"math"
	"reflect"
	"strconv"
	"sync"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"parley/server/adapter"
	"parley/server/engineio"
	"parley/server/wire/sio"
)

// A packet is encoded and framed, its attachments behind it, and ready for any
// number of receivers.
type packet struct {
	text    engineio.Message
	all     []engineio.Message // the text and its attachments; nil if there are none
	payload adapter.Payload    // what both were made of
	kind    sio.Type
	id      int64
	packed  *engineio.Message // the form for clients that speak MessagePack, once one needs it
	view    *Event            // what listeners see; nil as long as there are none
}

// event reports whether it is one, not an acknowledgement.
func (p *packet) event() bool { return p.kind == sio.Event || p.kind == sio.BinaryEvent }

// errLookalike: clients would take an object for an attachment that is not there, and close the connection.
var errLookalike = errors.New("socketio: an object beside binary looks like a placeholder")

// uncompressed keeps the packet from being compressed. It must not have been sent.
func (p *packet) uncompressed() {
	p.text = p.text.Uncompressed()
	for i, m := range p.all {
		p.all[i] = m.Uncompressed()
	}
}

// encodeEvent encodes an event, with the id of the acknowledgement it wants or sio.NoID.
func encodeEvent(ns *Namespace, id int64, event string, args []any) (packet, error) {
	e, err := beginEvent(ns, id, event, args, 0)
	if err != nil {
		return packet{}, err
	}
	return e.finish()
}

// beginEvent encodes all of an event but the end of its arguments, for which it
// spares some bytes.
func beginEvent(ns *Namespace, id int64, event string, args []any, spare int) (encoder, error) {
	if sio.Reserved(event) {
		return encoder{}, fmt.Errorf("%w: %s", ErrReserved, event)
	}
	e := newEncoder(ns, sio.Event, id, len(event)+sizeHint(args)+spare)
	e.buf = sio.AppendString(append(e.buf, '['), event)
	if err := e.values(args); err != nil {
		return encoder{}, fmt.Errorf("socketio: event %s: %w", event, err)
	}
	return e, nil
}

// EncodeEvent encodes an event with arguments as those of Emit, for who sends events by
// other ways than a Server. Nothing of the payload is the caller's.
func EncodeEvent(event string, args ...any) (adapter.Payload, error) {
	if sio.Reserved(event) {
		return adapter.Payload{}, fmt.Errorf("%w: %s", ErrReserved, event)
	}
	e := encoder{buf: make([]byte, 0, len(event)+sizeHint(args)+4)}
	e.buf = sio.AppendString(append(e.buf, '['), event)
	if err := e.values(args); err != nil {
		return adapter.Payload{}, fmt.Errorf("socketio: event %s: %w", event, err)
	}
	for i, data := range e.attachments {
		e.attachments[i] = bytes.Clone(data)
	}
	return adapter.Payload{Data: append(e.buf, ']'), Attachments: e.attachments}, nil
}

// encodeAck encodes an acknowledgement.
func encodeAck(ns *Namespace, id int64, args ...any) (packet, error) {
	e := newEncoder(ns, sio.Ack, id, sizeHint(args))
	e.buf = append(e.buf, '[')
	if err := e.values(args); err != nil {
		return packet{}, fmt.Errorf("socketio: acknowledgement: %w", err)
	}
	return e.finish()
}

// sizeHint guesses how many bytes the arguments take.
func sizeHint(args []any) int {
	size := 0
	for _, arg := range args {
		switch v := arg.(type) {
		case string:
			size += len(v) + 3
		case Value:
			size += len(v.raw) + 1
		case stdjson.RawMessage:
			size += len(v) + 1
		default:
			size += 64
		}
	}
	return size
}

// An encoder writes one packet. Whether the packet is binary turns out on the way.
type encoder struct {
	ns          *Namespace
	kind        sio.Type
	id          int64
	buf         []byte // from engineio.NewBuffer
	payload     int    // where in buf the payload begins
	attachments [][]byte
	// Set by frame where there are attachments: the text, of which the buffer is
	// another then, and the messages, with room for it.
	text []byte
	all  []engineio.Message
}

func newEncoder(ns *Namespace, t sio.Type, id int64, size int) encoder {
	buf := engineio.NewBuffer(len(ns.name) + size + 24)
	buf = sio.AppendHeader(buf, t, 0, ns.name, id)
	return encoder{ns: ns, kind: t, id: id, buf: buf, payload: len(buf)}
}

// finish closes the array of arguments and frames the packet: as the binary type
// if there are attachments.
func (e *encoder) finish() (packet, error) {
	if err := e.frame(); err != nil {
		return packet{}, err
	}
	return e.end(), nil
}

// frame makes a packet with attachments the binary kind, whose text is another than
// its payload. What comes after that is only the end of both.
func (e *encoder) frame() error {
	n := len(e.attachments)
	if n == 0 {
		return nil
	}
	if limit := e.ns.server.opts.MaxAttachments; n > limit {
		return overLimit(ErrTooManyAttachments, "MaxAttachments", limit)
	}
	e.kind = binaryKinds[e.kind]
	payload := append(e.buf[e.payload:], ']')
	buf := engineio.NewBuffer(len(e.ns.name) + len(payload) + 24 + offsetRoom)
	buf = sio.AppendHeader(buf, e.kind, n, e.ns.name, e.id)
	buf, err := sio.AppendBinaryPayload(buf, payload, n)
	if err != nil {
		return fmt.Errorf("%w: %w", errLookalike, err)
	}
	e.text = buf[:len(buf)-1]
	e.all = make([]engineio.Message, 1, 1+n)
	for i, data := range e.attachments {
		m := e.deflatable(engineio.Binary(data))
		e.attachments[i] = m.Payload() // the caller may change his own
		e.all = append(e.all, m)
	}
	return nil
}

// binaryKinds are the kinds of packets with attachments.
var binaryKinds = map[sio.Type]sio.Type{sio.Event: sio.BinaryEvent, sio.Ack: sio.BinaryAck}

// end closes the array of arguments.
func (e *encoder) end() packet {
	e.buf = append(e.buf, ']')
	text := e.buf
	if e.text != nil {
		e.text = append(e.text, ']')
		text = e.text
	}
	p := packet{
		text: e.deflatable(engineio.Text(text)), all: e.all, kind: e.kind, id: e.id,
		payload: adapter.Payload{Data: e.buf[e.payload:], Attachments: e.attachments},
	}
	if p.all != nil {
		p.all[0] = p.text
	}
	return p
}

// deflatable lets the receivers of a message share its compressed form.
func (e *encoder) deflatable(m engineio.Message) engineio.Message {
	return e.ns.server.engine.Deflatable(m)
}

// values appends the elements of the array, after what it has already.
func (e *encoder) values(args []any) error {
	for _, arg := range args {
		if list, ok := arg.(valueList); ok {
			if err := e.values(list.valueList()); err != nil {
				return err
			}
			continue
		}
		if len(e.buf) > e.payload+1 { // something stands behind the bracket
			e.buf = append(e.buf, ',')
		}
		if err := e.value(arg); err != nil {
			return err
		}
	}
	return nil
}

// value appends one value. What is commonest needs no reflection.
func (e *encoder) value(v any) error {
	switch v := v.(type) {
	case nil:
		e.buf = append(e.buf, "null"...)
	case string:
		e.buf = sio.AppendString(e.buf, v)
	case Value:
		e.embed(v)
	case []byte:
		e.buf = sio.AppendPlaceholder(e.buf, len(e.attachments))
		e.attachments = append(e.attachments, v)
	case bool:
		e.buf = strconv.AppendBool(e.buf, v)
	case int:
		e.buf = strconv.AppendInt(e.buf, int64(v), 10)
	case int64:
		e.buf = strconv.AppendInt(e.buf, v, 10)
	case float64:
		e.buf = appendFloat(e.buf, v)
	default:
		return e.reflected(v)
	}
	return nil
}

// appendFloat appends a number as JSON.stringify prints it.
func appendFloat(dst []byte, f float64) []byte {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return append(dst, "null"...)
	}
	if f == 0 {
		f = 0 // JSON.stringify prints -0 as 0
	}
	return jsontext.AppendFloat(dst, f, 64)
}

// embed appends a Value, its attachments behind those there are.
func (e *encoder) embed(v Value) {
	if len(v.attachments) == 0 {
		e.buf = append(e.buf, v.Bytes()...)
		return
	}
	e.buf = sio.Renumber(e.buf, v.raw, len(e.attachments))
	e.attachments = append(e.attachments, v.attachments...)
}

// reflected appends any other value.
func (e *encoder) reflected(v any) error {
	if !mayHoldBytes(reflect.TypeOf(v)) {
		text, err := json.Marshal(v)
		if err != nil {
			text, err = json.Marshal(v, notNumbers)
		}
		e.buf = append(e.buf, text...)
		return err
	}
	c := collectors.Get().(*collector)
	defer c.release()
	c.attachments = e.attachments
	text, err := json.Marshal(v, c.options)
	if err != nil {
		c.attachments = e.attachments
		text, err = json.Marshal(v, c.withNotNumbers)
	}
	e.buf = append(e.buf, text...)
	e.attachments = c.attachments
	return err
}

// A collector makes json.Marshal put placeholders where there is binary, and keeps
// what they stand for. It is costly to make, so collectors are used again.
type collector struct {
	options, withNotNumbers json.Options
	attachments             [][]byte
}

var collectors = sync.Pool{New: func() any {
	c := new(collector)
	binary := json.JoinMarshalers(
		json.MarshalToFunc(func(to *jsontext.Encoder, data []byte) error {
			c.attachments = append(c.attachments, data)
			return to.WriteValue(sio.AppendPlaceholder(nil, len(c.attachments)-1))
		}),
		json.MarshalToFunc(func(to *jsontext.Encoder, v Value) error {
			raw := sio.Renumber(nil, v.Bytes(), len(c.attachments))
			c.attachments = append(c.attachments, v.attachments...)
			return to.WriteValue(raw)
		}),
	)
	c.options = json.WithMarshalers(binary)
	c.withNotNumbers = json.WithMarshalers(json.JoinMarshalers(binary, floats))
	return c
}}

func (c *collector) release() {
	c.attachments = nil
	collectors.Put(c)
}

// floats print NaN and the infinities, which JSON does not have, as JSON.stringify
// does. They are so rare that values are encoded without it first.
var floats = json.JoinMarshalers(
	json.MarshalToFunc(func(to *jsontext.Encoder, f float64) error { return writeNotNumber(to, f) }),
	json.MarshalToFunc(func(to *jsontext.Encoder, f float32) error { return writeNotNumber(to, float64(f)) }),
)

var notNumbers = json.WithMarshalers(floats)

func writeNotNumber(to *jsontext.Encoder, f float64) error {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return to.WriteToken(jsontext.Null)
	}
	return errors.ErrUnsupported
}
