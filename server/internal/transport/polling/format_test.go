package polling

import (
	"bytes"
	"net/url"
	"strings"
	"testing"
)

// asForm is what a browser sends for a payload (engine.io-client 3, polling-jsonp.js).
func asForm(payload string) []byte {
	escaped := strings.ReplaceAll(payload, `\n`, "\\\n")
	escaped = strings.ReplaceAll(escaped, "\n", `\n`)
	return []byte("d=" + url.QueryEscape(escaped))
}

func TestFormPayload(t *testing.T) {
	for _, payload := range []string{"", "4x", "6:4a+b c", "\n", `\n`, `\\n`, `\\\n`, `\`, `\\`, "é😀&=%", `2["a\nb"]` + "\n\n"} {
		for _, form := range [][]byte{asForm(payload), append([]byte("a=1&dd=2&"), asForm(payload)...), append(asForm(payload), "&d=other"...)} {
			if got, err := formPayload(form); err != nil || string(got) != payload {
				t.Errorf("%s: %q, %v, want %q", form, got, err, payload)
			}
		}
	}
	for _, form := range []string{"", "&", "x=1", "=d", "d=%", "d=%g0", "D=4x"} {
		if got, err := formPayload([]byte(form)); err == nil {
			t.Errorf("%q: %q", form, got)
		}
	}
}

func FuzzFormPayload(f *testing.F) {
	f.Add([]byte("d=4a%5Cn&x"))
	f.Add([]byte(`\\\n`))
	f.Fuzz(func(t *testing.T, form []byte) {
		if got, err := formPayload(form); err == nil && len(got) > len(form) {
			t.Fatalf("%q became %q", form, got)
		}
		// A client's escapes are undone, unless it sends what they cannot tell apart.
		if payload := string(form); !strings.Contains(payload, "\\\n") {
			if got, err := formPayload(asForm(payload)); err != nil || !bytes.Equal(got, form) {
				t.Fatalf("%q became %q, %v", payload, got, err)
			}
		}
	})
}
