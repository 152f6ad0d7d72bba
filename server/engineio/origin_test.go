package engineio

import (
	"net/http"
	"strings"
	"testing"
)

func TestOrigins(t *testing.T) {
	const host = "example.test"
	for _, c := range []struct {
		name   string
		opts   Options
		origin string
		pass   bool
	}{
		{"none", Options{}, "", true},
		{"own", Options{}, "http://" + host, true},
		{"own over TLS before a proxy", Options{}, "https://" + host, true},
		{"own in capitals", Options{}, "http://EXAMPLE.test", true},
		{"own with the scheme's port", Options{}, "http://" + host + ":80", true},
		{"own with the other scheme's port", Options{}, "http://" + host + ":443", false},
		{"own on another port", Options{}, "http://" + host + ":8080", false},
		{"foreign", Options{}, "https://evil.test", false},
		{"suffix", Options{}, "https://evil-" + host, false},
		{"prefix", Options{}, "https://" + host + ".evil.test", false},
		{"own as user", Options{}, "https://" + host + "@evil.test", false},
		{"null", Options{}, "null", false},
		{"other scheme", Options{}, "file://" + host, false},
		{"no URL", Options{}, "http://[::1", false},
		{"no scheme", Options{}, host, false},
		{"listed", Options{AllowedOrigins: []string{"https://app.test"}}, "https://app.test", true},
		{"own beside a list", Options{AllowedOrigins: []string{"https://app.test"}}, "http://" + host, true},
		{"not listed", Options{AllowedOrigins: []string{"https://app.test"}}, "https://app.test.evil.test", false},
		{"listed with another scheme", Options{AllowedOrigins: []string{"https://app.test"}}, "http://app.test", false},
		{"any", Options{AllowedOrigins: []string{"*"}}, "https://evil.test", true},
		{"null among any", Options{AllowedOrigins: []string{"*"}}, "null", true},
		{"loopback", Options{AllowLoopbackOrigins: true}, "http://localhost:5173", true},
		{"loopback address", Options{AllowLoopbackOrigins: true}, "http://127.0.0.1:1", true},
		{"loopback block", Options{AllowLoopbackOrigins: true}, "https://127.9.9.9", true},
		{"loopback IPv6", Options{AllowLoopbackOrigins: true}, "http://[::1]:5173", true},
		{"loopback mapped", Options{AllowLoopbackOrigins: true}, "http://[::ffff:127.0.0.1]", true},
		{"no loopback", Options{}, "http://localhost:5173", false},
		{"like loopback", Options{AllowLoopbackOrigins: true}, "http://localhost.evil.test", false},
		{"like a loopback address", Options{AllowLoopbackOrigins: true}, "http://127.0.0.1.evil.test", false},
		{"private address", Options{AllowLoopbackOrigins: true}, "http://10.0.0.1", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, c.opts)
			var header []string
			if c.origin != "" {
				header = []string{"Origin", c.origin}
			}
			p := w.poll() // the allow-list holds for every request, not for handshakes alone
			polled := w.request(http.MethodGet, "EIO=4&transport=polling", "", header...)
			posted := w.request(http.MethodPost, p.query, "4x", header...)
			_, upgraded := w.dialSocket("EIO=4&transport=websocket", header...)
			want := [3]int{200, 200, 101}
			if !c.pass {
				want = [3]int{403, 403, 400}
			}
			if got := [3]int{polled.status, posted.status, upgraded.StatusCode}; got != want {
				t.Errorf("status %v, want %v", got, want)
			}
			if !c.pass && polled.body != `{"code":4,"message":"Forbidden"}` {
				t.Errorf("body %q", polled.body)
			}
			if heard := len(p.heard) > 0; heard && !c.pass {
				t.Error("a foreign page's message was delivered")
			}
			for _, h := range []http.Header{polled.header, posted.header, upgraded.Header} {
				allowed := h.Get("Access-Control-Allow-Origin")
				switch {
				case c.origin == "" || !c.pass:
					if allowed != "" {
						t.Errorf("allowed origin %q", allowed)
					}
				case allowed != c.origin && allowed != "*":
					t.Errorf("allowed origin %q", allowed)
				}
				if allowed != "*" && c.origin != "" && !strings.Contains(h.Get("Vary"), "Origin") {
					t.Errorf("Vary %q", h.Get("Vary"))
				}
			}
		})
	}
}

func TestPreflight(t *testing.T) {
	w := newWorld(t, Options{AllowedOrigins: []string{"https://app.test"}})
	ask := func(origin string) answer {
		return w.request(http.MethodOptions, "EIO=4&transport=polling&sid=x", "",
			"Origin", origin, "Access-Control-Request-Method", "POST", "Access-Control-Request-Headers", "x-one, x-two")
	}
	a := ask("https://app.test")
	w.expect("OPTIONS", a, http.StatusNoContent, "")
	if a.header.Get("Access-Control-Allow-Origin") != "https://app.test" || a.header.Get("Access-Control-Allow-Headers") != "x-one, x-two" ||
		!strings.Contains(a.header.Get("Access-Control-Allow-Methods"), "POST") {
		t.Errorf("header %v", a.header)
	}
	if a := ask("https://evil.test"); a.status != http.StatusForbidden || a.header.Get("Access-Control-Allow-Origin") != "" {
		t.Errorf("a foreign page got %d %v", a.status, a.header)
	}
}
