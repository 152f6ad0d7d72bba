package sio

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"
)

// jsonTexts are values and near misses, each of which encoding/json judges as JSON.parse does.
var jsonTexts = []string{
	`null`, `true`, `false`, `nul`, `True`, `truex`, `nullnull`, ``, ` `, `undefined`,
	`0`, `-0`, `1`, `10`, `01`, `-`, `-01`, `+1`, `1.5`, `1.`, `.5`, `-.5`, `1e5`, `1E+05`, `1e-5`, `1e`, `1e+`, `1.e5`, `0e0`, `0.0`, `1e999`, `0x10`, `1_0`, `1 2`, `--1`, `1-`, `NaN`, `Infinity`,
	`""`, `"a"`, `"`, `"a`, `"\"`, `"\\"`, `"\/\b\f\n\r\t\""`, `"\a"`, `"\'"`, `"\u"`, `"\u0"`, `"\u00e9"`, `"\u00E9"`, `"\u00g9"`, `"\ud800"`, `"\udc00\ud800"`, `"\ud83d\ude00"`, `'a'`, `"é世😀"`,
	"\"\x00\"", "\"\x1f\"", "\"\n\"", "\"\x7f\"", "\"\u2028\"", "\"a\tb\"",
	`[]`, `[ ]`, `[1]`, `[1,2]`, `[1,]`, `[,1]`, `[1 2]`, `[1,,2]`, `[`, `]`, `[1`, `[1,`, `[[]]`, `[]]`, `[}`, `[1}`, `[1;2]`,
	`{}`, `{ }`, `{"a":1}`, `{"a":1,"b":2}`, `{"a":1,}`, `{,}`, `{"a"}`, `{"a":}`, `{"a",1}`, `{a:1}`, `{1:1}`, `{null:1}`, `{"a" : 1 , "b" : {} }`, `{"a":1 "b":2}`, `{`, `}`, `{"a":1`, `{"a":1]`, `{"a":{"a":{}}}`, `{"a":1}}`, `{"":0}`, `{"a":1,"a":2}`,
	" \t\r\n1 \t\r\n", "\v1", "\f1", "\u00a01", "\ufeff1", "1\x00", `/**/1`, `1//`,
}

func TestScannerAgreesWithEncodingJSON(t *testing.T) {
	for _, text := range jsonTexts {
		checkScanner(t, []byte(text))
		for i := range text {
			checkScanner(t, []byte(text[:i]))
		}
	}
}

func checkScanner(t *testing.T, text []byte) {
	t.Helper()
	if !utf8.Valid(text) {
		return // Parse never gets that far
	}
	for _, attachments := range []int{0, 1} {
		s := scanner{text: text, levels: 64, attachments: attachments}
		err := s.document()
		if err == errDepth || err == errPlaceholder && attachments > 0 {
			continue
		}
		if err != nil && err != errSyntax {
			t.Fatalf("%q: %v", text, err)
		}
		if (err == nil) != json.Valid(text) {
			t.Fatalf("%q: %v, encoding/json says %v", text, err, json.Valid(text))
		}
		if err == nil && (s.levels != 64 || s.pos != len(text)) {
			t.Fatalf("%q: the scanner ended at %d with %d levels", text, s.pos, s.levels)
		}
	}
}

func TestDepthCountsNestingNotSize(t *testing.T) {
	text := `3[` + strings.Repeat(`[[]],{"a":{}},`, 10_000) + `0]`
	if _, err := Parse([]byte(text), Limits{Depth: 3}); err != nil {
		t.Error(err)
	}
}

func TestCheckJSON(t *testing.T) {
	for text, depth := range map[string]int{`1`: 0, `[]`: 1, ` {"a":[{"_placeholder":true,"num":9}]} `: 3} {
		if err := CheckJSON([]byte(text), depth); err != nil {
			t.Errorf("%s: %v", text, err)
		}
		if depth > 0 && CheckJSON([]byte(text), depth-1) == nil {
			t.Errorf("%s is no deeper than %d", text, depth-1)
		}
		if CheckJSON([]byte(text+"x"), depth) == nil || CheckJSON(nil, depth) == nil {
			t.Errorf("%s: what is no JSON is", text)
		}
	}
}
