package nodewire

import (
	"strconv"

	"parley/adapters/cluster"
	"parley/server/adapter"
	"parley/server/wire/msgpack"
	"parley/server/wire/sio"
)

// The types of requests on the classic wire, and of the answers that have one.
const (
	classicSockets = iota
	classicAllRooms
	classicJoin
	classicLeave
	classicDisconnect
	classicFetch
	classicServerSide
	classicBroadcast
	classicClientCount
	classicAck
)

// requestTypes are those of the kinds of requests.
var requestTypes = map[cluster.Kind]int64{
	cluster.ListIDs:    classicSockets,
	cluster.ListRooms:  classicAllRooms,
	cluster.Join:       classicJoin,
	cluster.Leave:      classicLeave,
	cluster.Disconnect: classicDisconnect,
	cluster.Fetch:      classicFetch,
	cluster.ServerSide: classicServerSide,
	cluster.Broadcast:  classicBroadcast,
	cluster.Cancel:     typeCancel,
	cluster.Bye:        typeBye,
}

// AppendRequest appends any message that is no answer; a Broadcast must have a Request.
// With any error dst is as it was.
func (c Classic) AppendRequest(dst []byte, m *cluster.Message) ([]byte, error) {
	kind, ok := requestTypes[m.Kind]
	if !ok || m.Kind == cluster.Broadcast && m.Request == "" {
		return dst, ErrKind
	}
	l := c.Limits.withDefaults()
	if m.Kind == cluster.Broadcast {
		return l.packAsk(dst, m)
	}
	buf := append(dst, '{')
	if m.From != Emitter || m.Kind == cluster.ServerSide {
		buf = append(sio.AppendString(append(buf, `"uid":`...), m.From), ',')
	}
	if m.Request != "" {
		buf = append(sio.AppendString(append(buf, `"requestId":`...), m.Request), ',')
	}
	buf = strconv.AppendInt(append(buf, `"type":`...), kind, 10)
	switch m.Kind {
	case cluster.Join, cluster.Leave:
		buf = appendOpts(append(buf, `,"opts":`...), m, false)
		buf = appendNames(append(buf, `,"rooms":`...), m.Rooms)
	case cluster.Disconnect:
		buf = appendOpts(append(buf, `,"opts":`...), m, false)
		buf = strconv.AppendBool(append(buf, `,"close":`...), m.Transport)
	case cluster.Fetch:
		buf = appendOpts(append(buf, `,"opts":`...), m, false)
	case cluster.ListIDs:
		buf = appendNames(append(buf, `,"rooms":`...), m.Selection.Rooms)
	case cluster.ServerSide:
		if err := l.checkServerSide(m.Payload); err != nil {
			return dst, err
		}
		var err error
		if buf, err = appendBuffers(append(buf, `,"data":`...), m.Payload.Data, m.Payload.Attachments); err != nil {
			return dst, err
		}
	}
	return append(buf, '}'), nil
}

// packAsk appends a broadcast that wants answers.
func (l Limits) packAsk(dst []byte, m *cluster.Message) ([]byte, error) {
	if err := l.check(sio.Event, m.Payload); err != nil {
		return dst, err
	}
	buf := packText(msgpack.AppendString(msgpack.AppendMap(dst, 5), "uid"), m.From)
	buf = packText(msgpack.AppendString(buf, "requestId"), m.Request)
	buf = msgpack.AppendInt(msgpack.AppendString(buf, "type"), classicBroadcast)
	buf, err := packPacket(msgpack.AppendString(buf, "packet"), m)
	if err != nil {
		return dst, err
	}
	var dialect msgpack.Dialect
	if buf, err = dialect.AppendJSON(msgpack.AppendString(buf, "opts"), appendOpts(nil, m, true), nil); err != nil {
		return dst, err
	}
	return buf, nil
}

// ParseRequest reads what is on the channel of requests. The Message's payload may alias
// data, and its Namespace is empty but for a Broadcast.
func (c Classic) ParseRequest(data []byte) (m cluster.Message, err error) {
	l := c.Limits.withDefaults()
	r, attachments, err := open(data, l)
	if err != nil {
		return m, err
	}
	kind := int64(-1)
	var old legacy
	err = r.object(func(key []byte) (err error) {
		switch string(key) {
		case "uid":
			m.From, err = r.string()
		case "requestId":
			m.Request, err = r.string()
		case "type":
			kind, err = r.int()
		case "opts":
			if old.hasOpts = !r.null(); old.hasOpts {
				err = r.opts(&m, l)
			}
		case "rooms":
			m.Rooms, err = r.names(l)
		case "close":
			m.Transport = r.truthy()
		case "data":
			m.Payload, err = payload(r.raw(), attachments)
		case "packet":
			m.Namespace = sio.MainNamespace
			_, err = r.packet(&m, attachments)
		case "sid":
			old.sid, err = r.string()
		case "room":
			old.room, old.hasRoom = r.name()
		default:
			r.raw()
		}
		return err
	})
	if err == nil {
		err = old.finish(&m, kind)
	}
	if err != nil {
		return cluster.Message{}, err
	}
	return m, nil
}

// legacy is what single-socket requests have, of adapters before version 7, instead of
// opts. They are answered with Done.
type legacy struct {
	sid, room        string
	hasRoom, hasOpts bool
}

// finish gives a request its kind, once all of it is known.
func (old legacy) finish(m *cluster.Message, kind int64) error {
	m.Kind = 0
	for k, t := range requestTypes {
		if t == kind {
			m.Kind = k
		}
	}
	one := !old.hasOpts && old.sid != "" && (m.Kind == cluster.Join || m.Kind == cluster.Leave || m.Kind == cluster.Disconnect)
	switch {
	case m.Kind == 0:
		return ErrKind
	case one:
		m.Selection = adapter.Selection{Rooms: []string{old.sid}}
		if old.hasRoom {
			m.Rooms = []string{old.room}
		}
	case addressed[m.Kind] && !old.hasOpts:
		return malformed("request without opts")
	case m.Kind == cluster.ListIDs:
		m.Selection.Rooms, m.Rooms = m.Rooms, nil
	case m.Kind == cluster.Join, m.Kind == cluster.Leave, m.Kind == cluster.Disconnect:
		m.Request = "" // nobody waits
	}
	if m.Payload.Data == nil && (m.Kind == cluster.ServerSide || m.Kind == cluster.Broadcast) {
		return malformed("request without an event")
	}
	if m.Request == "" && (m.Kind == cluster.Broadcast || m.Kind == cluster.Fetch || m.Kind == cluster.ListIDs || m.Kind == cluster.ListRooms || m.Kind == cluster.Cancel) {
		return malformed("question without requestId")
	}
	return nil
}
