package eio

import (
	"errors"
	"testing"
)

func TestParseAliasesTextAndCopiesBinary(t *testing.T) {
	text := []byte("4hello")
	p, err := Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	if &p.Data[0] != &text[1] {
		t.Error("the data of a text packet was copied")
	}
	text = []byte("bAQID")
	p, err = Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	clear(text)
	if string(p.Data) != "\x01\x02\x03" {
		t.Errorf("binary data is %q after its input was overwritten", p.Data)
	}
}

func TestParseRefusesOddPackets(t *testing.T) {
	for _, c := range []struct {
		text string
		want error
	}{
		{"", ErrEmpty},
		{"7", ErrUnknownType},
		{"/", ErrUnknownType},
		{"\x00", ErrUnknownType},
		{"\xff", ErrUnknownType},
		{"b=", ErrBase64},
		{"bA", ErrBase64},
		{"bAQ===", ErrBase64},
		{"b=AQI", ErrBase64},
		{"bAQID\n", ErrBase64},
		{"b\r", ErrBase64},
		{"bAQ\x00D", ErrBase64},
		{"bÄÖ", ErrBase64},
	} {
		if _, err := Parse([]byte(c.text)); !errors.Is(err, c.want) {
			t.Errorf("Parse(%q): %v, want %v", c.text, err, c.want)
		}
	}
}

func TestTypeNames(t *testing.T) {
	if Open.String() != "open" || Noop.String() != "noop" || Type(7).String() != "unknown" {
		t.Errorf("got %v %v %v", Open, Noop, Type(7))
	}
}

func TestTextNeedsNoAllocation(t *testing.T) {
	text := []byte(`42["echo",{"x":1}]`)
	body := []byte("4a\x1e4b\x1e2")
	buf := make([]byte, 0, 64)
	allocs := testing.AllocsPerRun(100, func() {
		p, _ := Parse(text)
		buf = p.AppendText(buf[:0])
		payload := NewPayload(body, 10)
		for {
			if _, ok, _ := payload.Next(); !ok {
				break
			}
		}
	})
	if allocs != 0 {
		t.Errorf("%v allocations", allocs)
	}
}
