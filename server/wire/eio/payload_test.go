package eio

import (
	"errors"
	"strings"
	"testing"
)

func TestPayloadReturnsPacketsBeforeTheError(t *testing.T) {
	for _, c := range []struct {
		name, body string
		maxPackets int
		before     int
		want       error
	}{
		{"empty body", "", 0, 0, ErrEmpty},
		{"separator at the end", "4a\x1e", 0, 1, ErrEmpty},
		{"unknown type", "4a\x1e4b\x1ex\x1e4c", 0, 2, ErrUnknownType},
		{"invalid UTF-8", "4a\x1e4\xff", 0, 1, ErrUTF8},
		{"surrogate half in UTF-8", "4\xed\xa0\x80", 0, 0, ErrUTF8},
		{"character cut by a separator", "4\xc3\x1e\xa9", 0, 0, ErrUTF8},
		{"one packet too many", "4a\x1e4b\x1e4c", 2, 2, ErrTooManyPackets},
		{"bad base64", "4a\x1eb!", 0, 1, ErrBase64},
	} {
		t.Run(c.name, func(t *testing.T) {
			packets, err := readAll([]byte(c.body), c.maxPackets)
			if len(packets) != c.before || !errors.Is(err, c.want) {
				t.Errorf("%d packets, then %v; want %d, then %v", len(packets), err, c.before, c.want)
			}
		})
	}
}

func TestPayloadTakesExactlyMaxPackets(t *testing.T) {
	for _, n := range []int{1, 2, DefaultMaxPackets} {
		limit := n
		if n == DefaultMaxPackets {
			limit = 0
		}
		body := strings.Repeat("2\x1e", n-1) + "2"
		if packets, err := readAll([]byte(body), limit); len(packets) != n || err != nil {
			t.Errorf("%d of %d packets, %v", len(packets), n, err)
		}
		if packets, err := readAll([]byte(body+"\x1e2"), limit); len(packets) != n || !errors.Is(err, ErrTooManyPackets) {
			t.Errorf("with one more: %d packets, %v", len(packets), err)
		}
	}
}

func TestPayloadStaysAtItsEnd(t *testing.T) {
	for body, want := range map[string]error{"4a": nil, "4a\x1e7\x1e4b": ErrUnknownType} {
		payload := NewPayload([]byte(body), 0)
		if _, ok, err := payload.Next(); !ok || err != nil {
			t.Fatalf("first packet of %q: %v, %v", body, ok, err)
		}
		for range 3 {
			if _, ok, err := payload.Next(); ok || !errors.Is(err, want) {
				t.Errorf("%q: %v, %v after the end, want %v", body, ok, err, want)
			}
		}
	}
}

func TestPayloadCutAnywhere(t *testing.T) {
	for _, v := range loadVectors(t).Payloads {
		body := []byte(v.Encoded)
		for i := range body {
			checkPayload(t, body[:i], 0)
		}
	}
}

// checkPayload verifies what holds for any body.
func checkPayload(t *testing.T, body []byte, maxPackets int) {
	t.Helper()
	packets, err := readAll(body, maxPackets)
	parts := strings.Split(string(body), string(rune(Separator)))
	if len(packets) > len(parts) || (err == nil) != (len(packets) == len(parts)) {
		t.Fatalf("%q: %d packets of %d, %v", body, len(packets), len(parts), err)
	}
	size := 0
	for i, p := range packets {
		single, err := Parse([]byte(parts[i]))
		if err != nil || !equal(p, single) {
			t.Fatalf("%q: packet %d is %+v, alone %+v, %v", body, i, p, single, err)
		}
		size += cap(p.Data)
		if !p.Binary {
			size -= cap(p.Data) - len(p.Data) // aliases body
		}
	}
	if size > len(body) {
		t.Fatalf("%q: %d bytes of data from %d", body, size, len(body))
	}
}
