package sio

import (
	"encoding/json"
	"strings"
	"testing"
)

func TestAppendStringReplacesInvalidUTF8(t *testing.T) {
	for s, want := range map[string]string{
		"\xff":             "\"\ufffd\"",
		"a\xc3":            "\"a\ufffd\"",
		"\xc3a":            "\"\ufffda\"",
		"\xed\xa0\x80":     "\"\ufffd\ufffd\ufffd\"",
		"ok \ufffd \xf0\"": "\"ok \ufffd \ufffd\\\"\"",
	} {
		if got := string(AppendString(nil, s)); got != want {
			t.Errorf("%q: got %q, want %q", s, got, want)
		}
	}
}

// checkString verifies that a string survives quoting, invalid bytes apart.
func checkString(t *testing.T, s string) {
	t.Helper()
	want := string([]rune(s))
	quoted := AppendString([]byte("kept"), s)
	if !strings.HasPrefix(string(quoted), "kept") {
		t.Fatalf("%q: what was in the buffer became %q", s, quoted)
	}
	quoted = quoted[len("kept"):]
	scan := scanner{text: quoted}
	if err := scan.document(); err != nil {
		t.Fatalf("%q: %q: %v", s, quoted, err)
	}
	var got string
	if err := json.Unmarshal(quoted, &got); err != nil || got != want {
		t.Fatalf("%q: encoding/json reads %q, %v", s, got, err)
	}
	if got := string(unquoted(quoted)); got != want {
		t.Fatalf("%q became %q, then %q", s, quoted, got)
	}
}

func TestEveryCharacterSurvivesQuoting(t *testing.T) {
	for r := range rune(0x110000) {
		if r < 0x3000 || r > 0xd700 && r < 0x10100 || r > 0x10fff0 {
			checkString(t, "a"+string(r)+"b")
		}
	}
	for b := range 256 {
		checkString(t, string([]byte{'a', byte(b), 'b'}))
	}
}

func TestEscapesAreUndone(t *testing.T) {
	for raw, want := range map[string]string{
		`""`:                         "",
		`"plain"`:                    "plain",
		`"\"\\\/\b\f\n\r\t"`:         "\"\\/\b\f\n\r\t",
		`"\u0041\u00e9\u4E16"`:       "Aé世",
		`"\ud83d\ude00!"`:            "😀!",
		`"\ud83d"`:                   "\ufffd",
		`"\ude00\ud83d"`:             "\ufffd\ufffd",
		`"\ud83dx\ude00"`:            "\ufffdx\ufffd",
		`"\ud83d\ud83d\ude00"`:       "\ufffd😀",
		`"\ud83dnude00"`:             "\ufffdnude00",
		`"\ud83d\n"`:                 "\ufffd\n",
		`"\u0000"`:                   "\x00",
		`"\\u0041"`:                  `\u0041`,
		`"\ufffd\ud800\udc00\uffff"`: "\ufffd\U00010000\uffff",
	} {
		if got := string(unquoted([]byte(raw))); got != want {
			t.Errorf("%s: got %q, want %q", raw, got, want)
		}
	}
}
