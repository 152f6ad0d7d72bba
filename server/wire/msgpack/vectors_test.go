package msgpack

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"os"
	"reflect"
	"testing"

	"parley/server/wire/sio"
)

// vectors is what testdata/record.mjs wrote.
type vectors struct {
	Packets, FromClients []struct {
		Data   hexBytes
		Packet vectorPacket
	}
	Refused []struct {
		Data    hexBytes
		Message string // the reference's
	}
	Stricter []hexBytes
}

type vectorPacket struct {
	Type        sio.Type
	Nsp         string
	ID          *int64
	Payload     string
	Attachments []string // base64
}

// parsed returns the packet as Parse should return it.
func (v vectorPacket) parsed(t testing.TB) (sio.Packet, [][]byte) {
	t.Helper()
	p := sio.Packet{Type: v.Type, Namespace: v.Nsp, ID: sio.NoID, Attachments: len(v.Attachments)}
	if v.ID != nil {
		p.ID = *v.ID
	}
	if v.Payload != "" {
		p.Data = []byte(v.Payload)
	}
	var attachments [][]byte
	for _, text := range v.Attachments {
		data, err := base64.StdEncoding.DecodeString(text)
		if err != nil {
			t.Fatal(err)
		}
		attachments = append(attachments, data)
	}
	if len(attachments) > 0 {
		p.Type += sio.BinaryEvent - sio.Event
	}
	return p, attachments
}

type hexBytes []byte

func (b *hexBytes) UnmarshalText(text []byte) (err error) {
	*b, err = hex.DecodeString(string(text))
	return err
}

func loadVectors(t testing.TB) (v vectors) {
	t.Helper()
	text, err := os.ReadFile("testdata/vectors.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &v); err != nil {
		t.Fatal(err)
	}
	return v
}

func TestPacketsAreWrittenAsTheReferenceWritesThem(t *testing.T) {
	for _, v := range loadVectors(t).Packets {
		p, attachments := v.Packet.parsed(t)
		got, err := AppendPacket([]byte("kept"), p, attachments)
		if err != nil || !bytes.Equal(got, append([]byte("kept"), v.Data...)) {
			t.Errorf("%+v became\n%x, want\n%x, %v", v.Packet, got, v.Data, err)
		}
	}
}

func TestPacketsAreReadAsTheReferenceReadsThem(t *testing.T) {
	v := loadVectors(t)
	for _, v := range append(v.Packets, v.FromClients...) {
		want, wantAttachments := v.Packet.parsed(t)
		p, attachments, err := Parse(v.Data, nil, sio.Limits{})
		if err != nil {
			t.Errorf("%x: %v", v.Data, err)
			continue
		}
		// The payloads are equal as JSON; ours marks what only looks like a placeholder.
		if !reflect.DeepEqual(plain(t, p.Data), plain(t, want.Data)) {
			t.Errorf("%x: payload\n%s, want\n%s", v.Data, p.Data, want.Data)
		}
		p.Data, want.Data = nil, nil
		if !reflect.DeepEqual(p, want) || len(attachments) != len(wantAttachments) {
			t.Errorf("%x: %+v, want %+v", v.Data, p, want)
			continue
		}
		for i := range attachments {
			if !bytes.Equal(attachments[i], wantAttachments[i]) {
				t.Errorf("%x: attachment %d is % x", v.Data, i, attachments[i])
			}
		}
	}
}

func plain(t testing.TB, raw []byte) (v any) {
	t.Helper()
	if raw == nil {
		return nil
	}
	if err := json.Unmarshal(raw, &v); err != nil {
		t.Fatalf("%s: %v", raw, err)
	}
	return v
}

func TestRefusesWhatTheReferenceRefuses(t *testing.T) {
	for _, r := range loadVectors(t).Refused {
		if p, _, err := Parse(r.Data, nil, sio.Limits{}); err == nil {
			t.Errorf("%x became %+v; the reference says %q", r.Data, p, r.Message)
		}
	}
}

// In the order of the recording: what package sio refuses as text as well, ids that are none, namespaces that text
// cannot name, and binary where clients that speak text have none.
var stricter = []string{
	"event does not begin with a name", "event does not begin with a name", "event does not begin with a name", "event name is reserved",
	"event name is longer than Limits.EventName allows", errID.Reason, errID.Reason,
	errNamespace.Reason, errNamespace.Reason, errNamespace.Reason, errNamespace.Reason,
	errBinary.Reason, errAttachments.Reason,
}

func TestRefusesMoreThanTheReferenceForAReason(t *testing.T) {
	texts := loadVectors(t).Stricter
	if len(texts) != len(stricter) {
		t.Fatalf("%d packets recorded, %d explained", len(texts), len(stricter))
	}
	for i, data := range texts {
		if _, _, err := Parse(data, nil, sio.Limits{}); err == nil || err.Error() != "socket.io: "+stricter[i] {
			t.Errorf("%x: %v, want %s", data, err, stricter[i])
		}
	}
}

func TestCutAtEveryByte(t *testing.T) {
	v := loadVectors(t)
	for _, v := range append(v.Packets, v.FromClients...) {
		for i := range v.Data {
			if p, _, err := Parse(v.Data[:i], nil, sio.Limits{}); err == nil {
				t.Errorf("%x became %+v", v.Data[:i], p)
			}
		}
		if _, _, err := Parse(append(bytes.Clone(v.Data), 0xc0), nil, sio.Limits{}); err != errTrailing {
			t.Errorf("%x and more: %v", v.Data, err)
		}
	}
}
