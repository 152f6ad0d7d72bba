package nodewire

import (
	"encoding/base64"
	"encoding/json"
	"slices"
	"unicode/utf8"

	"parley/server/adapter"
	"parley/server/wire/msgpack"
	"parley/server/wire/sio"
)

// AppendSession appends what Node keeps of a client of a namespace that is away: base64 of
// the MessagePack of {sid, pid, rooms, data}. What only this implementation knows is in a
// further member, parley, which Node does not look at.
func (s Streams) AppendSession(dst []byte, namespace string, v adapter.Session) ([]byte, error) {
	l := s.Limits.withDefaults()
	text := sio.AppendString([]byte(`{"sid":`), v.ID)
	text = sio.AppendString(append(text, `,"pid":`...), v.PID)
	rooms := []string{v.ID}
	for _, stay := range v.Rooms {
		if stay.To == "" {
			rooms = append(rooms, stay.Room)
		}
	}
	text = appendNames(append(text, `,"rooms":`...), rooms)
	text = append(append(text, `,"data":`...), l.appendData(nil, v.Data)...)
	text = sio.AppendString(append(text, `,"parley":{"nsp":`...), namespace)
	text = sio.AppendString(append(text, `,"user":`...), v.User)
	text = sio.AppendString(append(text, `,"since":`...), v.Since)
	text = sio.AppendString(append(text, `,"came":`...), v.Came)
	text = sio.AppendString(append(text, `,"saved":`...), v.Saved)
	text = append(text, `,"stays":[`...)
	for i, stay := range v.Rooms {
		if i > 0 {
			text = append(text, ',')
		}
		text = appendNames(text, []string{stay.Room, stay.From, stay.To})
	}
	text = append(text, "]}}"...)
	packed, err := ofStreams.AppendJSON(nil, text, nil)
	if err != nil {
		return dst, err
	}
	return base64.StdEncoding.AppendEncode(dst, packed), nil
}

// appendData appends an object; members that Node could not read are left out.
func (l Limits) appendData(dst []byte, data map[string]json.RawMessage) []byte {
	names := make([]string, 0, len(data))
	for name, value := range data {
		if utf8.Valid(value) && sio.CheckJSON(value, l.Depth) == nil {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	dst = append(dst, '{')
	for i, name := range names {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(sio.AppendString(dst, name), ':')
		dst = append(dst, data[name]...)
	}
	return append(dst, '}')
}

// ParseSession reads a session. One of a Node server tells neither its namespace nor User,
// Since and Came.
func (s Streams) ParseSession(text []byte) (v adapter.Session, namespace string, err error) {
	l := s.Limits.withDefaults()
	packed, err := base64.StdEncoding.AppendDecode(nil, text)
	if err != nil {
		return v, "", malformed("session is no base64")
	}
	if len(packed) > l.Bytes {
		return v, "", &LimitError{"Bytes", l.Bytes}
	}
	dialect := msgpack.Dialect{Buffers: true}
	raw, _, err := dialect.AppendValue(nil, packed, sio.Limits{Depth: l.Depth + envelopeDepth})
	if err != nil {
		return v, "", malformed(err.Error())
	}
	r := reader{text: raw}
	var rooms []string
	err = r.object(func(key []byte) (err error) {
		switch string(key) {
		case "sid":
			v.ID, err = r.string()
		case "pid":
			v.PID, err = r.string()
		case "rooms":
			rooms, err = r.names(l)
		case "data":
			v.Data, err = r.data()
		case "parley":
			namespace, err = r.extra(&v, l)
		default:
			r.raw()
		}
		return err
	})
	if err == nil && (v.ID == "" || v.PID == "") {
		err = malformed("session without sid or pid")
	}
	if err != nil {
		return adapter.Session{}, "", err
	}
	if namespace == "" {
		for _, room := range rooms {
			if room != v.ID {
				v.Rooms = append(v.Rooms, adapter.Stay{Room: room})
			}
		}
	}
	return v, namespace, nil
}

// data reads the members of an object; there are none in anything else.
func (r *reader) data() (map[string]json.RawMessage, error) {
	data := map[string]json.RawMessage{}
	if r.peek() != '{' {
		r.raw()
		return data, nil
	}
	err := r.object(func(key []byte) error {
		data[string(key)] = r.raw()
		return nil
	})
	return data, err
}

// extra reads what is not Node's.
func (r *reader) extra(v *adapter.Session, l Limits) (namespace string, err error) {
	err = r.object(func(key []byte) (err error) {
		switch string(key) {
		case "nsp":
			namespace, err = r.string()
		case "user":
			v.User, err = r.string()
		case "since":
			v.Since, err = r.string()
		case "came":
			v.Came, err = r.string()
		case "saved":
			v.Saved, err = r.string()
		case "stays":
			err = r.array(func() error {
				stay, err := r.names(l)
				if err == nil && (len(stay) != 3 || len(v.Rooms) == l.Rooms) {
					err = malformed("stay in a room")
				}
				if err == nil {
					v.Rooms = append(v.Rooms, adapter.Stay{Room: stay[0], From: stay[1], To: stay[2]})
				}
				return err
			})
		default:
			r.raw()
		}
		return err
	})
	return namespace, err
}
