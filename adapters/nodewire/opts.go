package nodewire

import (
	"math"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"parley/adapters/cluster"
	"parley/server/adapter"
	"parley/server/wire/msgpack"
	"parley/server/wire/sio"
)

// Node's word for the receivers of a message is opts: {rooms, except, flags}. The
// lists are always there, of the flags only those that are set.

// appendOpts appends them as JSON.
func appendOpts(dst []byte, m *cluster.Message, flags bool) []byte {
	dst = appendNames(append(dst, `{"rooms":`...), m.Selection.Rooms)
	if flagsEarly(m) {
		dst = appendFlags(append(dst, `,"flags":`...), m.Flags)
		flags = false
	}
	dst = appendNames(append(dst, `,"except":`...), m.Selection.Except)
	if flags {
		dst = appendFlags(append(dst, `,"flags":`...), m.Flags)
	}
	return append(dst, '}')
}

// flagsEarly reports whether flags stand before except, as emitters write broadcasts.
func flagsEarly(m *cluster.Message) bool { return m.Kind == cluster.Broadcast && m.From == Emitter }

func appendNames(dst []byte, names []string) []byte {
	dst = append(dst, '[')
	for i, name := range names {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = sio.AppendString(dst, name)
	}
	return append(dst, ']')
}

func appendFlags(dst []byte, f adapter.Flags) []byte {
	dst = append(dst, '{')
	start := len(dst)
	member := func(text string) {
		if len(dst) > start {
			dst = append(dst, ',')
		}
		dst = append(dst, text...)
	}
	if f.Volatile {
		member(`"volatile":true`)
	}
	if f.Uncompressed {
		member(`"compress":false`)
	}
	if f.Single {
		member(`"expectSingleResponse":true`)
	}
	if f.Timeout > 0 {
		member(`"timeout":`)
		dst = strconv.AppendInt(dst, milliseconds(f.Timeout), 10)
	}
	return append(dst, '}')
}

// milliseconds rounds up: a time that is over at once is none.
func milliseconds(d time.Duration) int64 {
	return int64((d + time.Millisecond - 1) / time.Millisecond)
}

// packOpts appends them as MessagePack. Broadcasts without answers have no others than
// these flags.
func packOpts(dst []byte, m *cluster.Message) []byte {
	dst = packNames(msgpack.AppendString(msgpack.AppendMap(dst, 3), "rooms"), m.Selection.Rooms)
	early := flagsEarly(m)
	if early {
		dst = packFlags(dst, m.Flags)
	}
	dst = packNames(msgpack.AppendString(dst, "except"), m.Selection.Except)
	if !early {
		dst = packFlags(dst, m.Flags)
	}
	return dst
}

func packFlags(dst []byte, f adapter.Flags) []byte {
	n := 0
	if f.Volatile {
		n++
	}
	if f.Uncompressed {
		n++
	}
	dst = msgpack.AppendMap(msgpack.AppendString(dst, "flags"), n)
	if f.Volatile {
		dst = msgpack.AppendBool(msgpack.AppendString(dst, "volatile"), true)
	}
	if f.Uncompressed {
		dst = msgpack.AppendBool(msgpack.AppendString(dst, "compress"), false)
	}
	return dst
}

func packNames(dst []byte, names []string) []byte {
	dst = msgpack.AppendArray(dst, len(names))
	for _, name := range names {
		dst = packText(dst, name)
	}
	return dst
}

// packText appends text that may be no UTF-8, which Node would throw on.
func packText(dst []byte, s string) []byte {
	if !utf8.ValidString(s) {
		s = strings.ToValidUTF8(s, "\uFFFD")
	}
	return msgpack.AppendString(dst, s)
}

// addressed are the kinds of messages that are nothing without opts: taken for empty, they
// would be for everybody.
var addressed = map[cluster.Kind]bool{
	cluster.Broadcast: true, cluster.Join: true, cluster.Leave: true, cluster.Disconnect: true, cluster.Fetch: true,
}

// opts reads them into m. Each of their members may be missing.
func (r *reader) opts(m *cluster.Message, l Limits) error {
	nobody := false
	err := r.object(func(key []byte) (err error) {
		switch string(key) {
		case "rooms":
			var others bool
			m.Selection.Rooms, others, err = r.rooms(l)
			nobody = others && len(m.Selection.Rooms) == 0
		case "except":
			m.Selection.Except, err = r.names(l)
		case "flags":
			err = r.flags(&m.Flags)
		default:
			r.raw()
		}
		return err
	})
	if nobody { // without rooms it would be everybody
		const any = "undefined"
		m.Selection = adapter.Selection{Rooms: []string{any}, Except: []string{any}}
	}
	return err
}

// names reads a list of rooms, which may be missing.
func (r *reader) names(l Limits) ([]string, error) {
	names, _, err := r.rooms(l)
	return names, err
}

// rooms is names, and tells of others: in JavaScript anything may be a room, undefined too.
// In what is neither text nor a number no socket here can be.
func (r *reader) rooms(l Limits) (names []string, others bool, err error) {
	if r.null() {
		return nil, false, nil
	}
	err = r.array(func() error {
		if len(names) == l.Rooms {
			return &LimitError{"Rooms", l.Rooms}
		}
		name, ok := r.name()
		if ok {
			names = append(names, name)
		}
		others = others || !ok
		return nil
	})
	return names, others, err
}

func (r *reader) flags(f *adapter.Flags) error {
	if r.null() {
		return nil
	}
	return r.object(func(key []byte) error {
		switch string(key) {
		case "volatile":
			f.Volatile = r.truthy()
		case "compress":
			f.Uncompressed = !r.truthy()
		case "expectSingleResponse":
			f.Single = r.truthy()
		case "timeout":
			ms, _ := strconv.ParseFloat(string(r.raw()), 64)
			f.Timeout = time.Duration(min(max(ms, 0), math.MaxInt32)) * time.Millisecond
		default:
			r.raw()
		}
		return nil
	})
}

// null takes the value that comes if it is null.
func (r *reader) null() bool {
	if r.peek() != 'n' {
		return false
	}
	r.raw()
	return true
}
