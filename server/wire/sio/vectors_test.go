package sio

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"reflect"
	"strconv"
	"strings"
	"testing"
)

// vectors is what testdata/record.mjs wrote.
type vectors struct {
	Encodes []struct {
		Text        string
		Attachments []string // base64
		Packet      vectorPacket
		Decoded     vectorPacket
	}
	Decodes []struct {
		Text    string
		Decoded vectorPacket
	}
	Refused []struct {
		Text    string
		Message string // the reference's
	}
	Stricter []string
	Strings  []struct{ Value, Quoted string }
}

// A vectorPacket has its attachments in Data, as {"$bytes":base64}. After decoding the reference
// no longer tells binary types from the others.
type vectorPacket struct {
	Type Type
	Nsp  string
	ID   *int64
	Data json.RawMessage
}

func (v vectorPacket) id() int64 {
	if v.ID == nil {
		return NoID
	}
	return *v.ID
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

// texts returns all texts that Parse accepts.
func (v vectors) texts() []string {
	var texts []string
	for _, e := range v.Encodes {
		texts = append(texts, e.Text)
	}
	for _, d := range v.Decodes {
		texts = append(texts, d.Text)
	}
	return texts
}

// stricter lists the recorded texts that the reference takes and Parse refuses.
var stricter = map[string]struct {
	err    *ParseError
	reason string
}{
	``:               {errType, "JavaScript's Number() of nothing is 0, which makes a CONNECT"},
	` `:              {errType, "so is its Number() of white space"},
	"\t" + `{"a":1}`: {errType, "so is its Number() of white space"},

	`2`:                   {errShape, "an event has a name"},
	`3`:                   {errShape, "an acknowledgement has an array, be it empty"},
	`31`:                  {errShape, "an acknowledgement has an array, be it empty"},
	`4`:                   {errShape, "an error says what is wrong"},
	`51-`:                 {errShape, "an event has a name"},
	`61-/admin,`:          {errShape, "an acknowledgement has an array, be it empty"},
	`2/admin["no comma"]`: {errShape, "all of it is the namespace, so the payload is missing"},

	`2 ["a"]`:           {errShape, "the reference takes white space before the payload for id 0"},
	"2\n" + `["a"]`:     {errShape, "the reference takes white space before the payload for id 0"},
	"2\ufeff" + `["a"]`: {errShape, "the reference takes a byte order mark for id 0"},
	`21 ["a"]`:          {errShape, "white space is no part of an id"},

	`5 1-["a"]`:  {errCount, "a count is digits"},
	`51e0-["a"]`: {errCount, "a count is digits"},
	`50x1-["a"]`: {errCount, "a count is digits"},
	`51.0-["a"]`: {errCount, "a count is digits"},
	`5+1-["a"]`:  {errCount, "a count is digits"},

	`29007199254740992["a"]`:               {errID, "JavaScript rounds larger ids, so the acknowledgement would miss"},
	`2123456789012345678901234567890["a"]`: {errID, "JavaScript rounds larger ids, so the acknowledgement would miss"},

	`2["a",` + strings.Repeat("[", 64) + strings.Repeat("]", 64) + `]`: {errDepth, "Limits.Depth"},
	`0/` + strings.Repeat("n", 255):                                    {errNamespace, "Limits.Namespace"},
	`2["` + strings.Repeat("e", 129) + `"]`:                            {errNameLong, "Limits.EventName"},
	`2[1` + strings.Repeat("0", 128) + `]`:                             {errNameLong, "Limits.EventName"},

	`51-["a",{"_placeholder":true,"num":0.5}]`:                                  {errPlaceholder, "num is an integer"},
	`51-["a",{"_placeholder":true,"num":-0}]`:                                   {errPlaceholder, "num is digits"},
	`51-["a",{"_placeholder":true,"num":0.0}]`:                                  {errPlaceholder, "num is digits"},
	`51-["a",{"_placeholder":true,"num":0e0}]`:                                  {errPlaceholder, "num is digits"},
	`51-["a",{"\u005fplaceholder":true,"n\u0075m":0}]`:                          {errPlaceholder, "nobody writes it so, and the escape tells such an object from a placeholder here"},
	`51-["a",{"_placeholder":true,"num":1,"num":0}]`:                            {errPlaceholder, "decoders differ in which of two equal keys they believe"},
	`51-["a",{"_placeholder":true,"_placeholder":true,"num":0}]`:                {errPlaceholder, "decoders differ in which of two equal keys they believe"},
	`51-["a",{"_placeholder":true,"_placeholder":false,"num":0}]`:               {errPlaceholder, "decoders differ in which of two equal keys they believe"},
	`51-["a",{"_placeholder":true,"num":0,"in":{"_placeholder":true,"num":0}}]`: {errPlaceholder, "an attachment has no members; the reference drops the inner one"},
}

func TestEncodesAsTheReference(t *testing.T) {
	for _, v := range loadVectors(t).Encodes {
		var data []byte
		attachments := 0
		if v.Packet.Data != nil {
			dec := json.NewDecoder(bytes.NewReader(v.Packet.Data))
			dec.UseNumber()
			data = reencode(t, nil, dec, &attachments)
		}
		typ := v.Packet.Type
		if attachments > 0 {
			typ += BinaryEvent - Event
		}
		p := Packet{Type: typ, Namespace: v.Packet.Nsp, ID: v.Packet.id(), Attachments: attachments, Data: data}
		if got := string(p.Append(nil)); got != v.Text {
			t.Errorf("got %s, want %s", got, v.Text)
		}
		if attachments != len(v.Attachments) {
			t.Errorf("%s: %d attachments, want %d", v.Text, attachments, len(v.Attachments))
		}
	}
}

// reencode appends the next value of dec in the words of this package; {"$bytes":…} becomes a placeholder.
func reencode(t *testing.T, dst []byte, dec *json.Decoder, attachments *int) []byte {
	t.Helper()
	switch token := nextToken(t, dec).(type) {
	case json.Delim:
		dst = append(dst, byte(token))
		for first := true; dec.More(); first = false {
			if !first {
				dst = append(dst, ',')
			}
			if token == '[' {
				dst = reencode(t, dst, dec, attachments)
				continue
			}
			key := nextToken(t, dec).(string)
			if key == "$bytes" {
				nextToken(t, dec)
				nextToken(t, dec)
				*attachments++
				return AppendPlaceholder(dst[:len(dst)-1], *attachments-1)
			}
			dst = append(AppendString(dst, key), ':')
			dst = reencode(t, dst, dec, attachments)
		}
		return append(dst, byte(nextToken(t, dec).(json.Delim)))
	case string:
		return AppendString(dst, token)
	case nil:
		return append(dst, "null"...)
	default: // json.Number, bool
		return fmt.Append(dst, token)
	}
}

func nextToken(t *testing.T, dec *json.Decoder) json.Token {
	t.Helper()
	token, err := dec.Token()
	if err != nil {
		t.Fatal(err)
	}
	return token
}

func TestQuotesAsTheReference(t *testing.T) {
	for _, s := range loadVectors(t).Strings {
		if got := string(AppendString(nil, s.Value)); got != s.Quoted {
			t.Errorf("got %s, want %s", got, s.Quoted)
		}
	}
}

func TestDecodesAsTheReference(t *testing.T) {
	v := loadVectors(t)
	for _, e := range v.Encodes {
		expectDecoded(t, e.Text, e.Decoded, func(num int) string { return e.Attachments[num] })
	}
	for _, d := range v.Decodes {
		// The recorder made attachment n of n+1 bytes with the value n.
		expectDecoded(t, d.Text, d.Decoded, func(num int) string {
			return base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{byte(num)}, num+1))
		})
	}
}

func expectDecoded(t *testing.T, text string, want vectorPacket, attachment func(num int) string) {
	t.Helper()
	p, err := Parse([]byte(text), Limits{})
	if err != nil {
		t.Errorf("Parse(%s): %v", text, err)
		return
	}
	typ := p.Type
	if typ.Binary() {
		typ -= BinaryEvent - Event
	}
	if typ != want.Type || p.Namespace != want.Nsp || p.ID != want.id() {
		t.Errorf("%s: got %v %q %d, want %v %q %d", text, typ, p.Namespace, p.ID, want.Type, want.Nsp, want.id())
	}
	if (p.Data == nil) != (want.Data == nil) {
		t.Errorf("%s: data is %s, want %s", text, p.Data, want.Data)
		return
	}
	if p.Data == nil {
		return
	}
	if !p.Type.Binary() {
		attachment = nil
	}
	if got, want := resolve(t, p.Data, attachment), resolve(t, want.Data, nil); !reflect.DeepEqual(got, want) {
		t.Errorf("%s: data is\n%v, want\n%v", text, got, want)
	}
}

// resolve decodes raw; unless attachment is nil, placeholders become {"$bytes":attachment(num)}.
func resolve(t *testing.T, raw json.RawMessage, attachment func(num int) string) any {
	t.Helper()
	if attachment != nil {
		if num, ok := Placeholder(raw); ok {
			return map[string]any{"$bytes": attachment(num)}
		}
	}
	switch raw[0] {
	case '{':
		members := make(map[string]any)
		for key, value := range unmarshal[map[string]json.RawMessage](t, raw) {
			members[key] = resolve(t, value, attachment)
		}
		return members
	case '[':
		elements := []any{}
		for _, value := range unmarshal[[]json.RawMessage](t, raw) {
			elements = append(elements, resolve(t, value, attachment))
		}
		return elements
	case '"', 't', 'f', 'n':
		return unmarshal[any](t, raw)
	}
	n, err := strconv.ParseFloat(string(raw), 64)
	if err != nil {
		return map[string]any{"$number": "Infinity"}
	}
	return n
}

func unmarshal[T any](t *testing.T, raw []byte) (v T) {
	t.Helper()
	if err := json.Unmarshal(raw, &v); err != nil {
		t.Fatalf("%s: %v", raw, err)
	}
	return v
}

func TestRefusesWhatTheReferenceRefuses(t *testing.T) {
	for _, r := range loadVectors(t).Refused {
		if p, err := Parse([]byte(r.Text), Limits{}); err == nil {
			t.Errorf("%q became %+v; the reference says %q", r.Text, p, r.Message)
		}
	}
}

func TestRefusesMoreThanTheReferenceForAReason(t *testing.T) {
	texts := loadVectors(t).Stricter
	if len(texts) != len(stricter) {
		t.Errorf("%d texts recorded, %d explained", len(texts), len(stricter))
	}
	for _, text := range texts {
		want, ok := stricter[text]
		if !ok {
			t.Errorf("%q is not explained", text)
			continue
		}
		if _, err := Parse([]byte(text), Limits{}); err != want.err {
			t.Errorf("%q: %v, want %v (%s)", text, err, want.err, want.reason)
		}
	}
}
