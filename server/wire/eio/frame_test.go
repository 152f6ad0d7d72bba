package eio

import (
	"bytes"
	"errors"
	"strings"
	"testing"
)

const frameLimit = 1_000_000

func framePackets() []Packet {
	long := func(n int) []byte { return bytes.Repeat([]byte("x"), n) }
	list := []Packet{
		{Type: Open}, {Type: Open, Data: []byte(`{"sid":"a"}`)}, {Type: Ping, Data: []byte("probe")}, {Type: Upgrade},
		{Type: Message, Data: []byte("ünï 🙂")}, {Type: Message, Binary: true, Data: []byte{0xff, 0x80, 0}},
	}
	for _, n := range []int{0, 1, 124, 125, 126, 127, 128, 65533, 65534, 65535, 65536, 900_000} {
		list = append(list, Packet{Type: Message, Data: long(n)}, Packet{Type: Message, Binary: true, Data: long(n)})
	}
	return list
}

func TestFramesComeBackAsTheyWere(t *testing.T) {
	var stream []byte
	for _, p := range framePackets() {
		stream = p.AppendFrame(stream)
	}
	for _, want := range framePackets() {
		got, size, err := ParseFrame(stream, frameLimit)
		if err != nil || size == 0 || !equal(got, want) {
			t.Fatalf("%v with %d bytes: %v, %d bytes, %v", want.Type, len(want.Data), got.Type, len(got.Data), err)
		}
		stream = stream[size:]
	}
	if len(stream) > 0 {
		t.Errorf("%d bytes are left", len(stream))
	}
}

func TestFrameCutAtEveryByteIsWaitedFor(t *testing.T) {
	for _, p := range framePackets() {
		frame := p.AppendFrame(nil)
		for cut := range min(len(frame), 2000) {
			if _, size, err := ParseFrame(frame[:cut], frameLimit); size != 0 || err != nil {
				t.Fatalf("%d of %d bytes: size %d, %v", cut, len(frame), size, err)
			}
		}
	}
}

func TestBytesOfFrames(t *testing.T) {
	for want, p := range map[string]Packet{
		"\x010":                                 {Type: Open},
		"\x062probe":                            {Type: Ping, Data: []byte("probe")},
		"\x82\x01\x02":                          {Type: Message, Binary: true, Data: []byte{1, 2}},
		"\x01b":                                 {Type: Message, Binary: true},
		"\x7e\x00\x7e4":                         {Type: Message, Data: bytes.Repeat([]byte("x"), 125)},
		"\xfe\x00\x7e":                          {Type: Message, Binary: true, Data: bytes.Repeat([]byte("x"), 126)},
		"\x7f\x00\x00\x00\x00\x00\x01\x00\x004": {Type: Message, Data: bytes.Repeat([]byte("x"), 65535)},
	} {
		if got := string(p.AppendFrame(nil)); !strings.HasPrefix(got, want) {
			t.Errorf("got %.12q, want %q", got, want)
		}
	}
}

func TestParseFrameTakesWhatClientsSend(t *testing.T) {
	for stream, want := range map[string]Packet{
		"\x80":                                  {Type: Message, Binary: true}, // an empty Uint8Array
		"\x01b":                                 {Type: Message, Binary: true},
		"\x7e\x00\x014":                         {Type: Message}, // a longer header than needed
		"\x7f\x00\x00\x00\x00\x00\x00\x00\x012": {Type: Ping},
	} {
		if got, size, err := ParseFrame([]byte(stream), 10); err != nil || size != len(stream) || !equal(got, want) {
			t.Errorf("%q: %+v, %d, %v", stream, got, size, err)
		}
	}
}

func TestParseFrameRefusesBadFrames(t *testing.T) {
	for stream, want := range map[string]error{
		"\x00":                                 ErrEmpty,
		"\x7e\x00\x00":                         ErrEmpty,
		"\x019":                                ErrUnknownType,
		"\x024\xff":                            ErrUTF8,
		"\x03b*=":                              ErrBase64,
		"\x0b":                                 ErrTooLong, // before its payload has come
		"\x8b":                                 ErrTooLong,
		"\xfe\x00\x0b":                         ErrTooLong,
		"\x7f\x00\x20\x00\x00\x00\x00\x00\x00": ErrTooLong, // 2^53
		"\x7f\xff\xff\xff\xff\xff\xff\xff\xff": ErrTooLong,
	} {
		if p, size, err := ParseFrame([]byte(stream), 10); !errors.Is(err, want) || size != 0 {
			t.Errorf("%q: %+v, %d, %v, want %v", stream, p, size, err, want)
		}
	}
}

func FuzzParseFrame(f *testing.F) {
	for _, p := range framePackets() {
		if len(p.Data) < 1000 {
			f.Add(p.AppendFrame(nil), 200)
		}
	}
	f.Add([]byte("\x7f\xff\xff\xff\xff\xff\xff\xff\xff"), -1)
	f.Fuzz(func(t *testing.T, stream []byte, limit int) {
		p, size, err := ParseFrame(stream, limit)
		if err != nil || size == 0 {
			if size != 0 || len(p.Data) > 0 {
				t.Fatalf("%q: %+v, %d, %v", stream, p, size, err)
			}
			return
		}
		if size > len(stream) || len(p.Data) > max(limit, 0) {
			t.Fatalf("%q: %d bytes of data in %d, the limit is %d", stream, len(p.Data), size, limit)
		}
		frame := p.AppendFrame(nil)
		again, n, err := ParseFrame(frame, len(frame))
		if err != nil || n != len(frame) || !equal(p, again) {
			t.Fatalf("%q: %+v became %+v, %v", stream, p, again, err)
		}
	})
}
