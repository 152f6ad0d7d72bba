package nodewire

import (
	"parley/adapters/cluster"
	"parley/server/wire/msgpack"
	"parley/server/wire/sio"
)

// Classic is the wire of createAdapter. Broadcasts, requests and answers are on
// channels of their own; the latter two do not tell their namespace, which the channel
// does. The zero value has the default limits.
type Classic struct{ Limits Limits }

// eventType is that of a packet which is an event; binary ones have no other.
const eventType = 2

// AppendBroadcast appends a Broadcast without Request: a MessagePack array [from, packet, opts].
// With any error dst is as it was.
func (c Classic) AppendBroadcast(dst []byte, m *cluster.Message) ([]byte, error) {
	if m.Kind != cluster.Broadcast || m.Request != "" {
		return dst, ErrKind
	}
	l := c.Limits.withDefaults()
	if err := l.check(sio.Event, m.Payload); err != nil {
		return dst, err
	}
	buf := packText(msgpack.AppendArray(dst, 3), m.From)
	buf, err := packPacket(buf, m)
	if err != nil {
		return dst, err
	}
	return packOpts(buf, m), nil
}

// packPacket appends the packet of a broadcast as MessagePack.
func packPacket(dst []byte, m *cluster.Message) ([]byte, error) {
	dst = msgpack.AppendString(msgpack.AppendMap(dst, 3), "type")
	dst = msgpack.AppendString(msgpack.AppendInt(dst, eventType), "data")
	var dialect msgpack.Dialect
	dst, err := dialect.AppendJSON(dst, m.Payload.Data, m.Payload.Attachments)
	return packText(msgpack.AppendString(dst, "nsp"), m.Namespace), err
}

// ParseBroadcast reads what is on the channels of broadcasts. The Message's payload may alias data.
func (c Classic) ParseBroadcast(data []byte) (m cluster.Message, err error) {
	if len(data) > 0 && data[0] == '{' {
		return m, malformed("broadcast is no array")
	}
	l := c.Limits.withDefaults()
	r, attachments, err := open(data, l)
	if err != nil {
		return m, err
	}
	m = cluster.Message{Kind: cluster.Broadcast, Namespace: sio.MainNamespace}
	n := 0
	err = r.array(func() (err error) {
		switch n++; n {
		case 1:
			m.From, err = r.string()
		case 2:
			_, err = r.packet(&m, attachments)
		case 3:
			err = r.opts(&m, l)
		default:
			r.raw()
		}
		return err
	})
	if err == nil && n < 3 {
		err = malformed("broadcast without a packet and opts")
	}
	if err != nil {
		return cluster.Message{}, err
	}
	m.Flags.Timeout, m.Flags.Single = 0, false // are of questions
	return m, nil
}

// From returns the id of the server that has sent a broadcast, without a look at the
// rest; nil where it cannot tell.
func (c Classic) From(data []byte) []byte {
	const fixArray3, fixString = 0x93, 0xa0
	if len(data) < 2 || data[0] != fixArray3 || data[1]&^0x1f != fixString {
		return nil
	}
	n := int(data[1] & 0x1f)
	if len(data) < 2+n {
		return nil
	}
	return data[2 : 2+n]
}

// packet reads the packet of a broadcast, which must be an event, and whether it asks
// its receiver for an acknowledgement.
func (r *reader) packet(m *cluster.Message, attachments [][]byte) (asks bool, err error) {
	kind := int64(-1)
	err = r.object(func(key []byte) (err error) {
		switch string(key) {
		case "type":
			kind, err = r.int()
		case "data":
			m.Payload, err = payload(r.raw(), attachments)
		case "id":
			asks = !r.null()
			if asks {
				r.raw()
			}
		case "nsp":
			if !r.null() {
				m.Namespace, err = r.string()
			}
		default:
			r.raw()
		}
		return err
	})
	if err == nil && (kind != eventType && kind != int64(sio.BinaryEvent) || m.Payload.Data == nil) {
		err = malformed("packet is no event")
	}
	return asks, err
}
