package msgpack

import (
	"strconv"
	"strings"

	"parley/server/wire/sio"
)

// Parse decodes and checks a packet. Its Data is JSON appended to scratch, its attachments alias
// data; with attachments its type is one of the binary ones. Every error is a *sio.ParseError.
func Parse(data, scratch []byte, lim sio.Limits) (p sio.Packet, attachments [][]byte, err error) {
	lim = lim.WithDefaults()
	r := newReader(scratch, data, lim)
	p, fault := r.packet(lim)
	if fault != nil {
		return sio.Packet{}, nil, fault
	}
	if n := len(r.attachments); n > 0 {
		attachments = r.attachments
		if p.Type != sio.Event && p.Type != sio.Ack {
			return sio.Packet{}, nil, errBinary
		}
		p.Type += sio.BinaryEvent - sio.Event
		p.Attachments = n
	}
	if err := p.Check(lim); err != nil {
		return sio.Packet{}, nil, err
	}
	return p, attachments, nil
}

// The fields of a packet. Others, such as the options of official clients, are ignored.
const (
	fieldType = 1 << iota
	fieldData
	fieldNamespace
	fieldID
)

var fields = map[string]uint8{"type": fieldType, "data": fieldData, "nsp": fieldNamespace, "id": fieldID}

// packet reads the map that a packet is.
func (r *reader) packet(lim sio.Limits) (p sio.Packet, err *sio.ParseError) {
	n, err := r.mapLength()
	if err != nil {
		return p, err
	}
	p.ID = sio.NoID
	var seen uint8
	for range n {
		key, err := r.key()
		if err != nil {
			return p, err
		}
		field := fields[string(key)]
		if seen&field != 0 {
			return p, errTwice
		}
		seen |= field
		if field != fieldType && field != fieldNamespace && r.skipUndefined() {
			continue
		}
		if err := r.field(&p, field, lim); err != nil {
			return p, err
		}
	}
	switch {
	case len(r.rest) > 0:
		return p, errTrailing
	case seen&fieldType == 0:
		return p, errType
	case p.Namespace == "":
		return p, errNamespace
	}
	return p, nil
}

// field reads the value of one field.
func (r *reader) field(p *sio.Packet, field uint8, lim sio.Limits) *sio.ParseError {
	start, before := len(r.dst), len(r.attachments)
	if err := r.value(); err != nil {
		return err
	}
	raw := r.dst[start:]
	switch field {
	case fieldData:
		p.Data = raw[:len(raw):len(raw)]
		return nil
	case fieldType:
		t, err := strconv.ParseUint(string(raw), 10, 8)
		if err != nil || t > uint64(sio.ConnectError) {
			return errType
		}
		p.Type = sio.Type(t)
	case fieldID:
		id, err := strconv.ParseUint(string(raw), 10, 64)
		if err != nil || id > sio.MaxID {
			return errID
		}
		p.ID = int64(id)
	case fieldNamespace:
		if raw[0] != '"' {
			return errNamespace
		}
		if p.Namespace = sio.MainNamespace; string(raw) != `"/"` {
			p.Namespace = string(sio.AppendUnquoted(nil, raw))
		}
		if len(p.Namespace) > lim.Namespace || !strings.HasPrefix(p.Namespace, "/") || strings.Contains(p.Namespace, ",") {
			return errNamespace
		}
	}
	r.dst, r.attachments = r.dst[:start], r.attachments[:before]
	return nil
}

func (r *reader) mapLength() (uint64, *sio.ParseError) {
	code, err := r.byte()
	switch {
	case err != nil:
		return 0, err
	case code >= fixMap && code < fixArray:
		return uint64(code & 0x0f), nil
	case code == map16, code == map32:
		return r.uint(2 << (code - map16))
	}
	return 0, errPacket
}

// AppendPacket appends a packet with its attachments, those of its placeholders. Its only error
// says that the payload is not JSON.
func AppendPacket(dst []byte, p sio.Packet, attachments [][]byte) ([]byte, error) {
	n := 2
	if p.Data != nil {
		n++
	}
	if p.ID >= 0 {
		n++
	}
	t := p.Type
	if t.Binary() {
		t -= sio.BinaryEvent - sio.Event
	}
	buf := AppendUint(AppendString(AppendMap(dst, n), "type"), uint64(t))
	if p.Data != nil {
		var err error
		if buf, err = AppendJSON(AppendString(buf, "data"), p.Data, attachments); err != nil {
			return dst, err
		}
	}
	if p.ID >= 0 {
		buf = AppendUint(AppendString(buf, "id"), uint64(p.ID))
	}
	return AppendString(AppendString(buf, "nsp"), p.Namespace), nil
}
