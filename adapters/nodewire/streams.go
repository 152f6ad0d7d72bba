package nodewire

import (
	"encoding/base64"
	"strconv"
	"unicode/utf16"

	"parley/adapters/cluster"
	"parley/server/wire/msgpack"
)

// Streams is the wire of @socket.io/redis-streams-adapter: what needs no answer is an
// entry of a stream, the rest MessagePack on channels. The zero value has the default limits.
type Streams struct{ Limits Limits }

// An Entry is what is in the stream: four fields, which Node writes in this order.
type Entry struct {
	UID       string // uid: the server that has sent it
	Namespace string // nsp
	Type      string // type, a number
	Data      []byte // data: JSON, or base64 of MessagePack
}

var ofStreams = msgpack.Dialect{Doubles: true}

// Entry returns a message as an entry of the stream. Messages that want answers, and
// those, have none. Node's servers send server-side events on a channel, but take them
// from the stream too, where emitters put them.
func (s Streams) Entry(m *cluster.Message) (Entry, error) {
	if m.Request != "" || m.Kind.IsAnswer() || m.Kind == cluster.Fetch || clusterTypes[m.Kind] == 0 {
		return Entry{}, ErrKind
	}
	l := s.Limits.withDefaults()
	text, err := l.appendContent(make([]byte, 0, len(m.Payload.Data)+128), m, true)
	if err != nil {
		return Entry{}, err
	}
	e := Entry{UID: m.From, Namespace: m.Namespace, Type: strconv.FormatInt(clusterTypes[m.Kind], 10), Data: text}
	if len(m.Payload.Attachments) > 0 {
		packed, err := ofStreams.AppendJSON(nil, text, m.Payload.Attachments)
		if err != nil {
			return Entry{}, err
		}
		e.Data = base64.StdEncoding.AppendEncode(nil, packed)
	}
	return e, nil
}

// ParseEntry reads an entry. The Message's payload may alias its Data, and its Offset is
// empty. Kept tells of an event that clients who miss it get later: it is neither volatile
// nor does it ask for an acknowledgement.
func (s Streams) ParseEntry(e Entry) (m cluster.Message, kept bool, err error) {
	if e.UID == "" || e.Namespace == "" {
		return m, false, malformed("entry without nsp or uid")
	}
	t, err := strconv.ParseUint(e.Type, 10, 8)
	if err != nil {
		return m, false, malformed("entry without a type")
	}
	m = cluster.Message{From: e.UID, Namespace: e.Namespace}
	asks := false
	if m.Kind, err = clusterKind(int64(t)); err == nil {
		asks, err = s.Limits.withDefaults().parseStored(&m, e.Data)
	}
	if err != nil {
		return cluster.Message{}, false, err
	}
	m.Namespace = e.Namespace
	return m, m.Kind == cluster.Broadcast && !m.Flags.Volatile && !asks && m.Request == "", nil
}

// parseStored reads the data of an entry.
func (l Limits) parseStored(m *cluster.Message, data []byte) (asks bool, err error) {
	if len(data) > l.Bytes/3*4+4 {
		return false, &LimitError{"Bytes", l.Bytes}
	}
	if len(data) > 0 && data[0] != '{' {
		if data, err = base64.StdEncoding.AppendDecode(nil, data); err != nil || len(data) == 0 || data[0] == '{' {
			return false, malformed("entry is no base64 of MessagePack")
		}
	}
	r, attachments, err := open(data, l)
	if err != nil {
		return false, err
	}
	return l.parseContent(m, r.text, attachments)
}

// Append appends a message that wants answers, or is one, for a channel. With any error
// dst is as it was.
func (s Streams) Append(dst []byte, m *cluster.Message) ([]byte, error) {
	return s.Limits.withDefaults().packEnvelope(dst, m, ofStreams, true)
}

// Parse reads what is on a channel. The Message's payload may alias data.
func (s Streams) Parse(data []byte) (cluster.Message, error) {
	return s.Limits.withDefaults().parseEnvelope(data)
}

// Index returns the number of the stream, of count, in which a namespace's messages are.
// Node's own is negative for some namespaces, and then read by no server of Node's: the
// second result tells.
func (Streams) Index(namespace string, count int) (index int, negative bool) {
	var hash int32
	for _, unit := range utf16.Encode([]rune(namespace)) {
		hash = hash*31 + int32(unit)
	}
	i := int(hash) % count
	if i < 0 {
		return -i, true
	}
	return i, false
}
