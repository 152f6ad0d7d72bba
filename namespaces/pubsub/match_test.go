package pubsub

import (
	"regexp"
	"strings"
	"testing"
)

func TestMatch(t *testing.T) {
	for _, c := range []struct {
		pattern, name string
		want          bool
	}{
		{"news", "news", true}, {"news", "newsx", false}, {"", "", true}, {"", "x", false},
		{"*", "", true}, {"*", "x.y", true}, {"news.*", "news.", true}, {"news.*", "news.a.b", true}, {"news.*", "news", false},
		{"*.news", "a.news", true}, {"*.news", "a.newsx", false}, {"a*a", "a", false}, {"a*a", "aa", true},
		{"a*b*c", "axbxbxc", true}, {"a*b*c", "acb", false}, {"**", "x", true}, {"*ab*ab", "ab", false}, {"[a-z]", "a", false}, {"?", "a", false},
	} {
		if got := match(c.pattern, c.name); got != c.want {
			t.Errorf("match(%q, %q) = %t", c.pattern, c.name, got)
		}
	}
}

func FuzzMatch(f *testing.F) {
	f.Add("a*b*", "acb")
	f.Add("*aa*a", "aaa")
	f.Fuzz(func(t *testing.T, pattern, name string) {
		form, err := regexp.Compile(`\A(?s:` + strings.ReplaceAll(regexp.QuoteMeta(pattern), `\*`, `.*`) + `)\z`)
		if err != nil {
			return // not UTF-8
		}
		if want := form.MatchString(name); match(pattern, name) != want {
			t.Errorf("match(%q, %q) is not %t", pattern, name, want)
		}
	})
}
