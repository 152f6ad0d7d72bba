package nodewire

import (
	"strconv"

	"parley/adapters/cluster"
	"parley/server/wire/msgpack"
	"parley/server/wire/sio"
)

// AppendAnswer appends an answer. With any error dst is as it was.
func (c Classic) AppendAnswer(dst []byte, m *cluster.Message) ([]byte, error) {
	l := c.Limits.withDefaults()
	switch m.Kind {
	case cluster.Expect:
		buf := strconv.AppendInt(append(dst, `{"type":`...), classicClientCount, 10)
		buf = sio.AppendString(append(buf, `,"requestId":`...), m.Request)
		buf = strconv.AppendInt(append(buf, `,"clientCount":`...), int64(m.Count), 10)
		return append(buf, '}'), nil
	case cluster.Gone:
		buf := strconv.AppendInt(append(dst, `{"type":`...), typeGone, 10)
		buf = sio.AppendString(append(buf, `,"requestId":`...), m.Request)
		buf = sio.AppendString(append(buf, `,"uid":`...), m.From)
		buf = sio.AppendString(append(buf, `,"reason":`...), m.Reason)
		return append(buf, '}'), nil
	case cluster.Answer:
		return l.packAck(dst, m)
	case cluster.Reply:
		return l.appendReply(dst, m)
	}
	buf := sio.AppendString(append(dst, `{"requestId":`...), m.Request)
	switch m.Kind {
	case cluster.SocketList:
		buf = l.appendSockets(append(buf, `,"sockets":`...), m.Sockets)
	case cluster.IDList:
		buf = appendNames(append(buf, `,"sockets":`...), m.Rooms)
	case cluster.RoomList:
		buf = appendNames(append(buf, `,"rooms":`...), m.Rooms)
	case cluster.Done:
	default:
		return dst, ErrKind
	}
	return append(buf, '}'), nil
}

func (l Limits) packAck(dst []byte, m *cluster.Message) ([]byte, error) {
	value, err := l.first(m.Payload)
	if err != nil {
		return dst, err
	}
	n := 2
	if value != nil {
		n++
	}
	buf := msgpack.AppendInt(msgpack.AppendString(msgpack.AppendMap(dst, n), "type"), classicAck)
	buf = packText(msgpack.AppendString(buf, "requestId"), m.Request)
	if value == nil {
		return buf, nil
	}
	var dialect msgpack.Dialect
	if buf, err = dialect.AppendJSON(msgpack.AppendString(buf, "packet"), value, m.Payload.Attachments); err != nil {
		return dst, err
	}
	return buf, nil
}

func (l Limits) appendReply(dst []byte, m *cluster.Message) ([]byte, error) {
	value, err := l.first(m.Payload)
	if err != nil {
		return dst, err
	}
	buf := strconv.AppendInt(append(dst, `{"type":`...), classicServerSide, 10)
	buf = sio.AppendString(append(buf, `,"requestId":`...), m.Request)
	if value != nil {
		if buf, err = appendBuffers(append(buf, `,"data":`...), value, m.Payload.Attachments); err != nil {
			return dst, err
		}
	}
	return append(buf, '}'), nil
}

// ParseAnswer reads what is on the channels of answers. The Message's payload may alias data.
func (c Classic) ParseAnswer(data []byte) (m cluster.Message, err error) {
	l := c.Limits.withDefaults()
	r, attachments, err := open(data, l)
	if err != nil {
		return m, err
	}
	kind, count := int64(-1), int64(-1)
	var value []byte
	err = r.object(func(key []byte) (err error) {
		switch string(key) {
		case "type":
			kind, err = r.int()
		case "requestId":
			m.Request, err = r.string()
		case "uid":
			m.From, err = r.string()
		case "reason":
			m.Reason, err = r.string()
		case "clientCount":
			count, err = r.int()
		case "data", "packet":
			value = r.raw()
		case "rooms":
			m.Kind = cluster.RoomList
			m.Rooms, err = r.names(l)
		case "sockets":
			err = r.socketAnswer(&m, attachments, l)
		default:
			r.raw()
		}
		return err
	})
	switch {
	case err != nil:
	case m.Request == "":
		err = malformed("answer without requestId")
	case kind == classicClientCount && count >= 0:
		m.Kind, m.Count = cluster.Expect, int(min(count, maxClients))
	case kind == classicAck:
		m.Kind = cluster.Answer
		m.Payload, err = answer(value, attachments)
	case kind == classicServerSide:
		m.Kind = cluster.Reply
		m.Payload, err = answer(value, attachments)
	case kind == typeGone:
		m.Kind = cluster.Gone
	case kind >= 0 && m.Kind == 0:
		err = ErrKind
	case m.Kind == 0:
		m.Kind = cluster.Done
	}
	if err != nil {
		return cluster.Message{}, err
	}
	return m, nil
}

// maxClients is more than any server has.
const maxClients = 1 << 31

// socketAnswer reads a list of descriptions or, in answers to ListIDs, of ids.
func (r *reader) socketAnswer(m *cluster.Message, attachments [][]byte, l Limits) (err error) {
	list := reader{text: r.raw()}
	if list.accept('[') && list.peek() == '"' {
		m.Kind = cluster.IDList
		list.pos = 0
		m.Rooms, err = list.names(l)
		return err
	}
	m.Kind = cluster.SocketList
	list.pos = 0
	m.Sockets, err = list.sockets(attachments, l)
	return err
}
