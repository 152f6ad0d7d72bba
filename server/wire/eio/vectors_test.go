package eio

import (
	"encoding/json"
	"os"
	"reflect"
	"testing"
)

// vectors is what testdata/record.mjs wrote.
type vectors struct {
	Packets []struct {
		Packet  vectorPacket
		Encoded string
	}
	Payloads []struct {
		Packets []vectorPacket
		Encoded string
	}
	Decodes []struct {
		Encoded string
		Packets []vectorPacket
	}
	Refused []struct {
		Encoded string
		Packets []vectorPacket // those before the bad one
	}
}

type vectorPacket struct {
	Type   string
	Binary bool
	Text   string
	Base64 []byte
}

func (v vectorPacket) packet(t *testing.T) Packet {
	t.Helper()
	for typ := Open; typ <= Noop; typ++ {
		if typ.String() != v.Type {
			continue
		}
		if v.Binary {
			return Packet{Type: typ, Binary: true, Data: v.Base64}
		}
		return Packet{Type: typ, Data: []byte(v.Text)}
	}
	t.Fatalf("unknown type %q in the vectors", v.Type)
	return Packet{}
}

func loadVectors(tb testing.TB) vectors {
	tb.Helper()
	text, err := os.ReadFile("testdata/vectors.json")
	if err != nil {
		tb.Fatal(err)
	}
	var v vectors
	if err := json.Unmarshal(text, &v); err != nil {
		tb.Fatal(err)
	}
	return v
}

// stricter lists what the reference takes and Parse refuses. The reference's base64 decoder skips
// whatever it does not know; data that arrives other than it was sent is better refused.
var stricter = map[string]string{
	"bAQIDBA=":      "padding is complete or absent",
	"b-_+/":         "one alphabet per packet",
	"bAQ ID":        "white space is not base64",
	"bAQ\nID":       "line breaks are not base64",
	"bAQ\r\nID\r\n": "line breaks are not base64",
	"bA":            "six bits are no byte",
	"bAQ=ID":        "nothing follows padding",
	"b====":         "padding needs data",
	"b!!!!":         "not base64",
}

func TestEncodesAsTheReference(t *testing.T) {
	for _, v := range loadVectors(t).Packets {
		if got := string(v.Packet.packet(t).AppendText(nil)); got != v.Encoded {
			t.Errorf("got %q, want %q", got, v.Encoded)
		}
	}
	for _, v := range loadVectors(t).Payloads {
		var got []byte
		for i, p := range v.Packets {
			if i > 0 {
				got = append(got, Separator)
			}
			got = p.packet(t).AppendText(got)
		}
		if string(got) != v.Encoded {
			t.Errorf("got %q, want %q", got, v.Encoded)
		}
	}
}

func TestDecodesAsTheReference(t *testing.T) {
	v := loadVectors(t)
	for _, p := range v.Packets {
		expectPackets(t, p.Encoded, []vectorPacket{p.Packet}, false)
	}
	for _, p := range v.Payloads {
		expectPackets(t, p.Encoded, p.Packets, false)
	}
	seen := 0
	for _, d := range v.Decodes {
		if _, ok := stricter[d.Encoded]; ok {
			seen++
			expectPackets(t, d.Encoded, nil, true)
			continue
		}
		expectPackets(t, d.Encoded, d.Packets, false)
	}
	if seen != len(stricter) {
		t.Errorf("the vectors hold %d of the %d texts we are stricter with", seen, len(stricter))
	}
}

func TestRefusesWhatTheReferenceRefuses(t *testing.T) {
	for _, r := range loadVectors(t).Refused {
		expectPackets(t, r.Encoded, r.Packets, true)
	}
}

func expectPackets(t *testing.T, body string, want []vectorPacket, wantErr bool) {
	t.Helper()
	got, err := readAll([]byte(body), 0)
	if (err != nil) != wantErr {
		t.Errorf("%q: error %v", body, err)
	}
	if len(got) != len(want) {
		t.Errorf("%q: %d packets, want %d", body, len(got), len(want))
		return
	}
	for i := range got {
		if w := want[i].packet(t); !equal(got[i], w) {
			t.Errorf("%q: packet %d is %+v, want %+v", body, i, got[i], w)
		}
	}
}

func readAll(body []byte, maxPackets int) (packets []Packet, err error) {
	payload := NewPayload(body, maxPackets)
	for {
		p, ok, err := payload.Next()
		if !ok {
			return packets, err
		}
		packets = append(packets, p)
	}
}

// equal treats nil and empty data alike.
func equal(a, b Packet) bool {
	a.Data, b.Data = append([]byte{}, a.Data...), append([]byte{}, b.Data...)
	return reflect.DeepEqual(a, b)
}
