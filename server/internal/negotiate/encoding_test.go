package negotiate

import (
	"slices"
	"testing"
)

var offers = []string{"gzip", "deflate"}

func TestEncoding(t *testing.T) {
	for _, c := range []struct {
		accept []string
		want   string
	}{
		{nil, ""},
		{[]string{""}, ""},
		{[]string{"gzip"}, "gzip"},
		{[]string{"GZIP"}, "gzip"},
		{[]string{"gzip, deflate, br, zstd"}, "gzip"},
		{[]string{"deflate, gzip"}, "gzip"},
		{[]string{"deflate"}, "deflate"},
		{[]string{"br"}, ""},
		{[]string{"identity"}, ""},
		{[]string{"*"}, "gzip"},
		{[]string{"*;q=0"}, ""},
		{[]string{"gzip;q=0, *"}, "deflate"},
		{[]string{"*, gzip;q=0"}, "deflate"},
		{[]string{"gzip;q=0.5, deflate;q=0.8"}, "deflate"},
		{[]string{"gzip;q=0.5,deflate ; Q = 0.500"}, "gzip"},
		{[]string{"gzip;q=0", "deflate;q=0"}, ""},
		{[]string{"br", "deflate"}, "deflate"},
		{[]string{"gzip;q=2"}, ""},
		{[]string{"gzip;q=-1"}, ""},
		{[]string{"gzip;q=NaN"}, ""},
		{[]string{"gzip;q=x, deflate"}, "deflate"},
		{[]string{"gzip;level=9"}, "gzip"},
		{[]string{"xgzip, ,;,=;q"}, ""},
	} {
		if got := Encoding(c.accept, offers...); got != c.want {
			t.Errorf("%q: %q, want %q", c.accept, got, c.want)
		}
	}
}

func FuzzEncoding(f *testing.F) {
	f.Add("gzip;q=0.5, deflate;q=0.8, *;q=0")
	f.Fuzz(func(t *testing.T, accept string) {
		got := Encoding([]string{accept}, offers...)
		if got != "" && !slices.Contains(offers, got) {
			t.Errorf("%q: %q was not offered", accept, got)
		}
	})
}
