package msgpack

import (
	"bytes"
	"encoding/json"
	"reflect"
	"testing"
	"unicode/utf8"

	"parley/server/wire/sio"
)

func FuzzParse(f *testing.F) {
	v := loadVectors(f)
	for _, v := range append(v.Packets, v.FromClients...) {
		f.Add([]byte(v.Data))
	}
	for _, r := range v.Refused {
		f.Add([]byte(r.Data))
	}
	for _, data := range v.Stricter {
		f.Add([]byte(data))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		p, attachments, err := Parse(data, nil, sio.Limits{})
		if err != nil {
			return
		}
		if len(attachments) != p.Attachments || !json.Valid(p.Data) && p.Data != nil || len(p.Data) > 6*len(data)+1000 {
			t.Fatalf("%x became %+v", data, p)
		}
		again, err := AppendPacket(nil, p, attachments)
		if err != nil {
			t.Fatalf("%x became %+v, and that: %v", data, p, err)
		}
		q, same, err := Parse(again, nil, sio.Limits{})
		if err != nil || !reflect.DeepEqual(p, q) || !reflect.DeepEqual(attachments, same) {
			t.Fatalf("%x became %+v, and that %x, %+v, %v", data, p, again, q, err)
		}
	})
}

// JSON that has been MessagePack is the same to who decodes it.
func FuzzJSON(f *testing.F) {
	for _, v := range loadVectors(f).Packets {
		if v.Packet.Payload != "" {
			f.Add([]byte(v.Packet.Payload))
		}
	}
	for _, raw := range []string{`[1.0,-0,1e400,1e-400,123456789012345678901234567890]`, `"\ud800\u0041\n"`, `{"a":1,"a":{"":[]}}`, ` [ 1 , { "a" : null } ] `} {
		f.Add([]byte(raw))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		data, err := AppendJSON(nil, raw, nil)
		if !json.Valid(raw) || !utf8.Valid(raw) {
			return // it need not be refused
		}
		if err != nil {
			t.Fatalf("%q: %v", raw, err)
		}
		back, attachments, err := AppendValue(nil, data, sio.Limits{Depth: sio.MaxDepth})
		if err != nil || attachments != nil || !json.Valid(back) {
			t.Fatalf("%q became %x and %s, %v", raw, data, back, err)
		}
		var before, after any
		if json.Unmarshal(raw, &before) != nil {
			return // a number that no float64 can hold
		}
		if json.Unmarshal(back, &after) != nil || !reflect.DeepEqual(before, after) {
			t.Fatalf("%q became %s", raw, back)
		}
		again, err := AppendJSON(nil, back, nil)
		if err != nil || !bytes.Equal(data, again) {
			t.Fatalf("%q became %x, and then %x", raw, data, again)
		}
	})
}
