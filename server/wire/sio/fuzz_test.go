package sio

import (
	"bytes"
	"testing"
)

func FuzzParse(f *testing.F) {
	v := loadVectors(f)
	for _, text := range v.texts() {
		f.Add([]byte(text))
	}
	for _, r := range v.Refused {
		f.Add([]byte(r.Text))
	}
	for _, text := range v.Stricter {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		checkParse(t, text, Limits{})
		checkParse(t, text, Limits{Attachments: 1, Depth: 2, Namespace: 4, EventName: 3})
		checkParse(t, text, Limits{Attachments: 1000, Depth: MaxDepth, Namespace: 1000, EventName: 1000})
		// A namespace and an unescaped name, whatever the text.
		if allocs := testing.AllocsPerRun(10, func() { _, _ = Parse(text, Limits{}) }); allocs > 2 {
			t.Fatalf("%q: %v allocations", text, allocs)
		}
	})
}

func FuzzJSON(f *testing.F) {
	for _, text := range jsonTexts {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) { checkScanner(t, text) })
}

func FuzzString(f *testing.F) {
	for _, s := range loadVectors(f).Strings {
		f.Add(s.Value)
	}
	f.Add("\xff\xc3a\xed\xa0\x80")
	f.Fuzz(checkString)
}

func FuzzRenumber(f *testing.F) {
	for _, text := range loadVectors(f).texts() {
		if i := bytes.IndexByte([]byte(text), '['); i >= 0 {
			f.Add([]byte(text[i:]), 3)
		}
	}
	f.Fuzz(func(t *testing.T, raw []byte, base int) {
		if got := Renumber(nil, raw, 0); !bytes.Equal(got, raw) {
			t.Fatalf("%q became %q with the same numbers", raw, got)
		}
		base &= 0xffff
		s := scanner{text: raw, levels: MaxDepth, attachments: anyAttachment - base}
		if s.document() != nil {
			return // raised, the numbers might be out of range
		}
		raised := Renumber(nil, raw, base)
		// Lowered again the text is the old one, so nothing but the numbers was touched.
		if got := Renumber(nil, raised, -base); !bytes.Equal(got, raw) {
			t.Fatalf("%q became %q and then %q", raw, raised, got)
		}
	})
}
