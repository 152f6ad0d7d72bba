package nodewire

import (
	"encoding/json"
	"reflect"
	"testing"
	"unicode/utf8"

	"parley/adapters/cluster"
	"parley/server/adapter"
)

// What can be read can be written, where clients would take it, and is then the same.
func FuzzParse(f *testing.F) {
	for _, file := range []string{"classic.txt", "emitter-classic.txt", "sharded.txt", "streams.txt"} {
		for _, c := range captures(f, file) {
			if c.data != nil {
				f.Add(c.data)
			}
		}
	}
	f.Add([]byte("93a17a83a474797065cb4000000000000000a46461746191a566666f6f74a36e7370a12f83a5726f6f6d7390"))
	f.Fuzz(func(t *testing.T, data []byte) {
		for name, wire := range wires() {
			again(t, name, data, wire.parseBroadcast, wire.broadcast)
			again(t, name, data, wire.parseAsk, wire.ask)
			again(t, name, data, wire.parseAnswer, wire.answer)
		}
		_, _, _ = Streams{}.ParseSession(data)
		_ = Classic{}.From(data)
	})
}

func again(t *testing.T, name string, data []byte, read func([]byte) (cluster.Message, error), write func([]byte, *cluster.Message) ([]byte, error)) {
	t.Helper()
	m, err := read(data)
	if err != nil {
		if !reflect.DeepEqual(m, cluster.Message{}) {
			t.Fatalf("%s: %q: half a message %+v, %v", name, data, m, err)
		}
		return
	}
	if p := m.Payload; p.Data != nil && (!json.Valid(p.Data) || !utf8.Valid(p.Data)) {
		t.Fatalf("%s: %q became %+v", name, data, m)
	}
	first, err := write(nil, &m)
	if err != nil {
		return
	}
	n, err := read(first)
	if err != nil {
		t.Fatalf("%s: %q became %+v, written %q, which is none: %v", name, data, m, first, err)
	}
	second, err := write(nil, &n)
	if err != nil || string(first) != string(second) {
		t.Fatalf("%s: %q was written %q and then %q, %v", name, data, first, second, err)
	}
}

func FuzzEntry(f *testing.F) {
	for _, file := range []string{"streams.txt", "emitter-streams.txt"} {
		for _, c := range captures(f, file) {
			if c.entry.UID != "" {
				f.Add(c.entry.Type, c.entry.Data)
			}
		}
	}
	f.Fuzz(func(t *testing.T, kind string, data []byte) {
		m, _, err := Streams{}.ParseEntry(Entry{"u", "/", kind, data})
		if err != nil {
			return
		}
		e, err := Streams{}.Entry(&m)
		if err != nil {
			return
		}
		if n, _, err := (Streams{}).ParseEntry(e); err != nil || m.Kind != n.Kind || !reflect.DeepEqual(m.Selection, n.Selection) {
			t.Fatalf("%q became %+v, written %s, which is %+v, %v", data, m, e.Data, n, err)
		}
	})
}

// Whatever the arguments are, what is written is what was meant.
func FuzzArguments(f *testing.F) {
	for _, raw := range []string{`1`, `[1.0,-0,1e300]`, `"\ud83d\ude00"`, `{"a":[{"b":null}]}`, `{"\u005fplaceholder":true,"num":0}`, `{"__proto__":1}`} {
		f.Add([]byte(raw), []byte{1, 2})
	}
	f.Fuzz(func(t *testing.T, raw, binary []byte) {
		p := adapter.Payload{Data: append(append([]byte(`["e",`), raw...), ']')}
		if len(binary) > 0 {
			p.Data = append(append([]byte(`["e",{"_placeholder":true,"num":0},`), raw...), ']')
			p.Attachments = [][]byte{binary}
		}
		m := &cluster.Message{Kind: cluster.Broadcast, Namespace: "/", From: "u", Payload: p}
		for name, wire := range wires() {
			data, err := wire.broadcast(nil, m)
			if err != nil {
				if len(binary) == 0 && json.Valid(p.Data) && utf8.Valid(p.Data) && (Limits{}).withDefaults().check(2, p) == nil {
					t.Fatalf("%s: %q: %v", name, p.Data, err)
				}
				continue
			}
			n, err := wire.parseBroadcast(data)
			if err != nil || len(n.Payload.Attachments) < len(p.Attachments) {
				t.Fatalf("%s: %q, written %q, is %+v, %v", name, p.Data, data, n, err)
			}
		}
	})
}
