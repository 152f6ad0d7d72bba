package nodewire

import (
	"strconv"

	"parley/adapters/cluster"
	"parley/server/wire/msgpack"
	"parley/server/wire/sio"
)

// Emitter is the From of what no server has sent. It waits for no answers.
const Emitter = "emitter"

// The types of messages of socket.io-adapter's ClusterAdapter, whose envelope
// {type, data, uid, nsp} the sharded and the streams wire share.
const (
	typeInitialHeartbeat = 1
	typeHeartbeat        = 2
	typeClose            = 13
)

var clusterTypes = map[cluster.Kind]int64{
	cluster.Broadcast:  3,
	cluster.Join:       4,
	cluster.Leave:      5,
	cluster.Disconnect: 6,
	cluster.Fetch:      7,
	cluster.SocketList: 8,
	cluster.ServerSide: 9,
	cluster.Reply:      10,
	cluster.Expect:     11,
	cluster.Answer:     12,
	cluster.Gone:       typeGone,
	cluster.Cancel:     typeCancel,
	cluster.Bye:        typeBye,
}

// The types of what only this implementation says. Node ignores messages and answers of
// types that it does not know.
const (
	typeGone = iota + 101
	typeCancel
	typeBye
)

var clusterKinds = func() map[int64]cluster.Kind {
	kinds := make(map[int64]cluster.Kind)
	for kind, t := range clusterTypes {
		kinds[t] = kind
	}
	return kinds
}()

func clusterKind(t int64) (cluster.Kind, error) {
	switch t {
	case typeInitialHeartbeat, typeHeartbeat, typeClose:
		return 0, ErrHeartbeat
	}
	kind, ok := clusterKinds[t]
	if !ok {
		return 0, ErrKind
	}
	return kind, nil
}

// Sharded is the wire of createShardedAdapter: JSON, or MessagePack where there is
// binary. The zero value has the default limits.
type Sharded struct{ Limits Limits }

// Append appends a message. With any error dst is as it was.
func (s Sharded) Append(dst []byte, m *cluster.Message) ([]byte, error) {
	l := s.Limits.withDefaults()
	if len(m.Payload.Attachments) == 0 {
		return l.appendEnvelope(dst, m, false)
	}
	return l.packEnvelope(dst, m, msgpack.Dialect{}, false)
}

// Parse reads a message. Its payload may alias data.
func (s Sharded) Parse(data []byte) (cluster.Message, error) {
	return s.Limits.withDefaults().parseEnvelope(data)
}

// packEnvelope appends a message as MessagePack.
func (l Limits) packEnvelope(dst []byte, m *cluster.Message, d msgpack.Dialect, null bool) ([]byte, error) {
	text, err := l.appendEnvelope(make([]byte, 0, len(m.Payload.Data)+256), m, null)
	if err != nil {
		return dst, err
	}
	return d.AppendJSON(dst, text, m.Payload.Attachments)
}

// appendEnvelope appends a message as JSON, with placeholders where there is binary.
func (l Limits) appendEnvelope(dst []byte, m *cluster.Message, null bool) ([]byte, error) {
	t, ok := clusterTypes[m.Kind]
	if !ok {
		return dst, ErrKind
	}
	buf := strconv.AppendInt(append(dst, `{"type":`...), t, 10)
	buf, err := l.appendContent(append(buf, `,"data":`...), m, null)
	if err != nil {
		return dst, err
	}
	buf = sio.AppendString(append(buf, `,"uid":`...), m.From)
	buf = sio.AppendString(append(buf, `,"nsp":`...), m.Namespace)
	return append(buf, '}'), nil
}

// appendContent appends the data of a message. With null set, undefined is written as null.
func (l Limits) appendContent(dst []byte, m *cluster.Message, null bool) ([]byte, error) {
	buf := append(dst, '{')
	switch m.Kind {
	case cluster.Broadcast:
		if err := l.check(sio.Event, m.Payload); err != nil {
			return dst, err
		}
		buf = append(append(buf, `"packet":{"type":2,"data":`...), m.Payload.Data...)
		if m.From == Emitter {
			buf = sio.AppendString(append(buf, `,"nsp":`...), m.Namespace)
		}
		buf = append(buf, '}')
		if m.Request != "" {
			buf = sio.AppendString(append(buf, `,"requestId":`...), m.Request)
		}
		buf = appendOpts(append(buf, `,"opts":`...), m, true)
	case cluster.Join, cluster.Leave:
		buf = appendOpts(append(buf, `"opts":`...), m, true)
		buf = appendNames(append(buf, `,"rooms":`...), m.Rooms)
	case cluster.Disconnect:
		buf = appendOpts(append(buf, `"opts":`...), m, true)
		buf = strconv.AppendBool(append(buf, `,"close":`...), m.Transport)
	case cluster.Fetch:
		buf = appendOpts(append(buf, `"opts":`...), m, true)
		buf = sio.AppendString(append(buf, `,"requestId":`...), m.Request)
	case cluster.ServerSide:
		if err := l.checkServerSide(m.Payload); err != nil {
			return dst, err
		}
		if m.Request != "" {
			buf = append(sio.AppendString(append(buf, `"requestId":`...), m.Request), ',')
		}
		buf = append(append(buf, `"packet":`...), m.Payload.Data...)
	case cluster.Bye:
	default:
		return l.appendAnswerContent(dst, m, null)
	}
	return append(buf, '}'), nil
}

func (l Limits) appendAnswerContent(dst []byte, m *cluster.Message, null bool) ([]byte, error) {
	buf := sio.AppendString(append(dst, `{"requestId":`...), m.Request)
	switch m.Kind {
	case cluster.Expect:
		buf = strconv.AppendInt(append(buf, `,"clientCount":`...), int64(m.Count), 10)
	case cluster.SocketList:
		buf = l.appendSockets(append(buf, `,"sockets":`...), m.Sockets)
	case cluster.Gone:
		buf = sio.AppendString(append(buf, `,"reason":`...), m.Reason)
	case cluster.Answer, cluster.Reply:
		value, err := l.first(m.Payload)
		if err != nil {
			return dst, err
		}
		if value == nil && null {
			value = []byte("null")
		}
		if value != nil {
			buf = append(append(buf, `,"packet":`...), value...)
		}
	}
	return append(buf, '}'), nil
}

// parseEnvelope reads a message in either form.
func (l Limits) parseEnvelope(data []byte) (m cluster.Message, err error) {
	r, attachments, err := open(data, l)
	if err != nil {
		return m, err
	}
	kind := int64(-1)
	var content []byte
	err = r.object(func(key []byte) (err error) {
		switch string(key) {
		case "type":
			kind, err = r.int()
		case "data":
			content = r.raw()
		case "uid":
			m.From, err = r.string()
		case "nsp":
			m.Namespace, err = r.string()
		default:
			r.raw()
		}
		return err
	})
	if err == nil {
		m.Kind, err = clusterKind(kind)
	}
	if err == nil {
		namespace := m.Namespace
		_, err = l.parseContent(&m, content, attachments)
		m.Namespace = namespace
	}
	if err == nil && (m.Namespace == "" || m.From == "") {
		err = malformed("message without nsp or uid")
	}
	if err != nil {
		return cluster.Message{}, err
	}
	return m, nil
}

// parseContent reads the data of a message of a kind. Asks is that of packet.
func (l Limits) parseContent(m *cluster.Message, content []byte, attachments [][]byte) (asks bool, err error) {
	r := reader{text: content}
	var packet []byte
	count := int64(-1)
	hasOpts := false
	err = r.object(func(key []byte) (err error) {
		switch string(key) {
		case "packet":
			packet = r.raw()
		case "requestId":
			if !r.null() {
				m.Request, err = r.string()
			}
		case "opts":
			hasOpts = true
			err = r.opts(m, l)
		case "rooms":
			m.Rooms, err = r.names(l)
		case "close":
			m.Transport = r.truthy()
		case "clientCount":
			count, err = r.int()
		case "sockets":
			m.Sockets, err = r.sockets(attachments, l)
		case "reason":
			m.Reason, err = r.string()
		default:
			r.raw()
		}
		return err
	})
	if err != nil {
		return false, err
	}
	if m.Request == "" && (m.Kind.IsAnswer() || m.Kind == cluster.Fetch || m.Kind == cluster.Cancel) {
		return false, malformed("request or answer without requestId")
	}
	if addressed[m.Kind] && !hasOpts {
		return false, malformed("message without opts")
	}
	switch m.Kind {
	case cluster.Broadcast:
		p := reader{text: packet}
		return p.packet(m, attachments)
	case cluster.ServerSide:
		m.Payload, err = payload(packet, attachments)
	case cluster.Answer, cluster.Reply:
		m.Payload, err = answer(packet, attachments)
	case cluster.Expect:
		if m.Count = int(min(count, maxClients)); count < 0 {
			return false, malformed("answer without clientCount")
		}
	}
	return false, err
}
