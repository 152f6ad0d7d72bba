package sio

import (
	"bytes"
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"
)

// checkParse parses text and verifies what holds for any text.
func checkParse(t *testing.T, text []byte, lim Limits) {
	t.Helper()
	before := bytes.Clone(text)
	p, err := Parse(text, lim)
	if !bytes.Equal(before, text) {
		t.Fatalf("%q became %q", before, text)
	}
	if err != nil {
		var parseErr *ParseError
		if !errors.As(err, &parseErr) || parseErr.Reason == "" {
			t.Fatalf("%q: error is %#v", text, err)
		}
		if !reflect.DeepEqual(p, Packet{}) {
			t.Fatalf("%q: %v, and yet %+v", text, err, p)
		}
		return
	}
	checkPacket(t, p, lim)
	if p.Type != Type(text[0]-'0') || !bytes.HasSuffix(text, p.Data) {
		t.Fatalf("%q: %+v", text, p)
	}
	encoded := p.Append(nil)
	again, err := Parse(encoded, lim)
	if err != nil || !reflect.DeepEqual(p, again) {
		t.Fatalf("%q: %+v became %q, %+v, %v", text, p, encoded, again, err)
	}
}

// checkPacket verifies that p is well formed and within lim.
func checkPacket(t *testing.T, p Packet, lim Limits) {
	t.Helper()
	lim = lim.WithDefaults()
	if p.Type > BinaryAck || p.ID < NoID || p.ID > MaxID {
		t.Fatalf("%+v", p)
	}
	if p.Type.Binary() != (p.Attachments > 0) || p.Attachments > lim.Attachments {
		t.Fatalf("%+v: %d attachments", p, p.Attachments)
	}
	if !strings.HasPrefix(p.Namespace, "/") || strings.Contains(p.Namespace, ",") || len(p.Namespace) > lim.Namespace || !utf8.ValidString(p.Namespace) {
		t.Fatalf("namespace %q", p.Namespace)
	}
	if p.Data == nil {
		if p.Type != Connect && p.Type != Disconnect {
			t.Fatalf("%+v has no payload", p)
		}
		return
	}
	if !json.Valid(p.Data) || !utf8.Valid(p.Data) || depth(p.Data) > lim.Depth {
		t.Fatalf("payload %q", p.Data)
	}
	if p.Type.Binary() {
		checkPlaceholders(t, p.Data, p.Attachments)
	}
	switch p.Data[0] {
	case '[':
		checkElements(t, p, lim)
	case '{':
		if p.Type != Connect && p.Type != ConnectError {
			t.Fatalf("%v with %s", p.Type, p.Data)
		}
	case '"':
		if p.Type != ConnectError {
			t.Fatalf("%v with %s", p.Type, p.Data)
		}
	default:
		t.Fatalf("%v with %s", p.Type, p.Data)
	}
}

// checkElements compares Args and EventName with what encoding/json sees.
func checkElements(t *testing.T, p Packet, lim Limits) {
	t.Helper()
	elements := unmarshal[[]json.RawMessage](t, p.Data)
	switch p.Type {
	case Event, BinaryEvent:
		name := string(elements[0])
		if name[0] == '"' {
			name = unmarshal[string](t, elements[0])
		}
		if p.EventName() != name || string(p.AppendEventName(nil)) != name || len(name) > lim.EventName || Reserved(name) {
			t.Fatalf("%s: event name %q, want %q", p.Data, p.EventName(), name)
		}
		elements = elements[1:]
	case Ack, BinaryAck:
	default:
		t.Fatalf("%v with %s", p.Type, p.Data)
	}
	args := p.Args()
	for i, want := range elements {
		if n := args.Len(); n != len(elements)-i {
			t.Fatalf("%s: %d arguments are left, want %d", p.Data, n, len(elements)-i)
		}
		if raw, ok := args.Next(); !ok || string(raw) != string(want) {
			t.Fatalf("%s: argument %d is %q, want %q", p.Data, i, raw, want)
		}
	}
	if raw, ok := args.Next(); ok || args.Len() != 0 {
		t.Fatalf("%s: an argument too many: %q", p.Data, raw)
	}
}

// checkPlaceholders verifies that encoding/json, too, finds no placeholder without an attachment.
func checkPlaceholders(t *testing.T, raw json.RawMessage, count int) {
	t.Helper()
	switch raw[0] {
	case '[':
		for _, value := range unmarshal[[]json.RawMessage](t, raw) {
			checkPlaceholders(t, value, count)
		}
	case '{':
		members := unmarshal[map[string]json.RawMessage](t, raw)
		num, ok := Placeholder(raw)
		if ok != (string(members["_placeholder"]) == "true") {
			t.Fatalf("%s: placeholder %v", raw, ok)
		}
		if ok && (num < 0 || num >= count || unmarshal[int](t, members["num"]) != num) {
			t.Fatalf("%s: attachment %d of %d", raw, num, count)
		}
		for _, value := range members {
			checkPlaceholders(t, value, count)
		}
	}
}

func depth(raw []byte) int {
	deepest, open := 0, 0
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	for {
		token, err := dec.Token()
		if err != nil {
			return deepest
		}
		switch token {
		case json.Delim('['), json.Delim('{'):
			open++
			deepest = max(deepest, open)
		case json.Delim(']'), json.Delim('}'):
			open--
		}
	}
}
