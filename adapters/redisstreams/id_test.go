package redisstreams

import "testing"

func FuzzID(f *testing.F) {
	for _, text := range []string{"0-0", "1795342919941-0", "18446744073709551615-18446744073709551615", "", "-", "1", "01-1", "1-1-1", "+1-1", "18446744073709551616-0"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		at, ok := parseID(text)
		if ok && at.String() != text {
			t.Fatalf("%q became %v", text, at)
		}
		if at.before(at) || lastID.before(at) || at.before(id{}) {
			t.Fatalf("%q has no order", text)
		}
	})
}
