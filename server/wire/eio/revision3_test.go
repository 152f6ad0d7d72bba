package eio

import (
	"encoding/json"
	"errors"
	"os"
	"strings"
	"testing"
)

// vectorsV3 is what testdata/record-v3.mjs wrote.
type vectorsV3 struct {
	Payloads []struct {
		Packets []vectorPacket
		Text    string
		Binary  []byte
	}
	Frames []struct {
		Packet       vectorPacket
		Binary, Text []byte
	}
	Refused []struct {
		Text    string
		Packets []vectorPacket // those before the bad one
	}
}

func loadVectorsV3(tb testing.TB) vectorsV3 {
	tb.Helper()
	text, err := os.ReadFile("testdata/vectors-v3.json")
	if err != nil {
		tb.Fatal(err)
	}
	var v vectorsV3
	if err := json.Unmarshal(text, &v); err != nil {
		tb.Fatal(err)
	}
	return v
}

func TestV3AsTheReference(t *testing.T) {
	v := loadVectorsV3(t)
	for _, p := range v.Payloads {
		var text, binary []byte
		for _, packet := range p.Packets {
			text = packet.packet(t).AppendPayloadV3(text)
			binary = packet.packet(t).AppendBinaryPayloadV3(binary)
		}
		if string(text) != p.Text {
			t.Errorf("got %q, want %q", text, p.Text)
		}
		if string(binary) != string(p.Binary) {
			t.Errorf("got %q, want %q", binary, p.Binary)
		}
		expectAll(t, p.Text, NewPayloadV3([]byte(p.Text), 0), p.Packets, false)
		expectAll(t, p.Text, NewBinaryPayloadV3(p.Binary, 0), p.Packets, false)
	}
	for _, r := range v.Refused {
		expectAll(t, r.Text, NewPayloadV3([]byte(r.Text), 0), r.Packets, true)
	}
	for _, f := range v.Frames {
		want := f.Packet.packet(t)
		if got := string(want.AppendTextV3(nil)); got != string(f.Text) {
			t.Errorf("got %q, want %q", got, f.Text)
		}
		for _, parse := range []func() (Packet, error){
			func() (Packet, error) { return ParseBinaryV3(f.Binary) },
			func() (Packet, error) { return ParseV3(f.Text) },
		} {
			if got, err := parse(); err != nil || !equal(got, want) {
				t.Errorf("got %+v, %v, want %+v", got, err, want)
			}
		}
	}
}

func expectAll(t *testing.T, name string, payload *Payload, want []vectorPacket, wantErr bool) {
	t.Helper()
	got, err := drain(payload)
	if len(got) != len(want) || (err != nil) != wantErr {
		t.Errorf("%q: %d packets, %v; want %d", name, len(got), err, len(want))
		return
	}
	for i := range got {
		if w := want[i].packet(t); !equal(got[i], w) {
			t.Errorf("%q: packet %d is %+v, want %+v", name, i, got[i], w)
		}
	}
}

func drain(payload *Payload) (packets []Packet, err error) {
	for {
		p, ok, err := payload.Next()
		if !ok {
			return packets, err
		}
		packets = append(packets, p)
	}
}

func TestV3RefusesBrokenPayloads(t *testing.T) {
	many := strings.Repeat("9", 400)
	for _, c := range []struct {
		name   string
		binary bool
		body   string
		before int
		want   error
	}{
		{"no length", false, ":4a", 0, ErrLength},
		{"nothing in a packet", false, "2:4a0:", 1, ErrEmpty},
		{"a number of JavaScript", false, "2e0:4a", 0, ErrLength},
		{"space before the length", false, " 2:4a", 0, ErrLength},
		{"length beyond any integer", false, many + ":4a", 0, ErrLength},
		{"one unit too many", false, "3:4é", 0, ErrLength},
		{"half of a pair", false, "2:4😀", 0, ErrLength},
		{"invalid UTF-8", false, "2:4a2:4\xff", 1, ErrUTF8},
		{"character cut by the end", false, "2:4\xc3", 0, ErrUTF8},
		{"unknown type", false, "2:4a1:7", 1, ErrUnknownType},
		{"base64 without a type", false, "1:b", 0, ErrEmpty},
		{"base64 of a ping", false, "6:b2AQID", 0, ErrUnknownType},
		{"bad base64", false, "6:b4****", 0, ErrBase64},
		{"too many packets", false, strings.Repeat("1:6", 4), 3, ErrTooManyPackets},

		{"empty", true, "", 0, ErrEmpty},
		{"unknown mark", true, "\x02\x01\xff4", 0, ErrLength},
		{"no length", true, "\x00\xff4", 0, ErrLength},
		{"no end of the length", true, "\x00\x01", 0, ErrLength},
		{"truncated", true, "\x01\x05\xff\x04\x01\x02", 0, ErrLength},
		{"truncated behind a packet", true, "\x00\x02\xff4a\x01\x05\xff\x04\x01\x02", 1, ErrLength},
		{"digits of ASCII", true, "\x0012\xff4", 0, ErrLength},
		{"length beyond any integer", true, "\x00" + strings.Repeat("\x09", 400) + "\xff4", 0, ErrLength},
		{"binary ping", true, "\x01\x01\xff\x02", 0, ErrUnknownType},
		{"binary without a type", true, "\x01\x00\xff", 0, ErrEmpty},
		{"text without a type", true, "\x00\x00\xff", 0, ErrEmpty},
		{"invalid UTF-8", true, "\x00\x02\xff4\xff", 0, ErrUTF8},
		{"too many packets", true, strings.Repeat("\x00\x01\xff6", 4), 3, ErrTooManyPackets},
	} {
		t.Run(c.name, func(t *testing.T) {
			payload := NewPayloadV3([]byte(c.body), 3)
			if c.binary {
				payload = NewBinaryPayloadV3([]byte(c.body), 3)
			}
			packets, err := drain(payload)
			if len(packets) != c.before || !errors.Is(err, c.want) {
				t.Errorf("%d packets, then %v; want %d, then %v", len(packets), err, c.before, c.want)
			}
			if _, ok, err := payload.Next(); ok || !errors.Is(err, c.want) {
				t.Errorf("after the end: %v, %v", ok, err)
			}
		})
	}
}

func TestV3PayloadCutAnywhere(t *testing.T) {
	for _, v := range loadVectorsV3(t).Payloads {
		for i := range v.Text {
			checkPayloadV3(t, []byte(v.Text[:i]))
		}
		for i := range v.Binary {
			checkPayloadV3(t, v.Binary[:i])
		}
	}
}

// checkPayloadV3 verifies what holds for any body: what is decoded, encoded and decoded again is the same.
func checkPayloadV3(t *testing.T, body []byte) {
	t.Helper()
	for _, payload := range []*Payload{NewPayloadV3(body, 0), NewBinaryPayloadV3(body, 0)} {
		packets, _ := drain(payload)
		if len(packets) == 0 {
			continue
		}
		var text, binary []byte
		for _, p := range packets {
			text, binary = p.AppendPayloadV3(text), p.AppendBinaryPayloadV3(binary)
		}
		for _, again := range []*Payload{NewPayloadV3(text, 0), NewBinaryPayloadV3(binary, 0)} {
			got, err := drain(again)
			if err != nil || len(got) != len(packets) {
				t.Fatalf("%q: %d packets, then %d, %v", body, len(packets), len(got), err)
			}
			for i := range got {
				if !equal(got[i], packets[i]) {
					t.Fatalf("%q: packet %d is %+v, was %+v", body, i, got[i], packets[i])
				}
			}
		}
	}
}

func FuzzPayloadV3(f *testing.F) {
	v := loadVectorsV3(f)
	for _, p := range v.Payloads {
		f.Add([]byte(p.Text))
		f.Add(p.Binary)
	}
	for _, r := range v.Refused {
		f.Add([]byte(r.Text))
	}
	f.Add([]byte("\x01\x05\xff\x04\x01\x02"))
	f.Fuzz(func(t *testing.T, body []byte) { checkPayloadV3(t, body) })
}
