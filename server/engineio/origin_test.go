package engineio

import (
	"bytes"
	"context"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
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
		{"listed in capitals", Options{AllowedOrigins: []string{"https://App.test"}}, "https://app.test", true},
		{"below", Options{AllowedOrigins: []string{"https://*.app.test"}}, "https://one.two.app.test", true},
		{"the top itself", Options{AllowedOrigins: []string{"https://*.app.test"}}, "https://app.test", false},
		{"empty label", Options{AllowedOrigins: []string{"https://*.app.test"}}, "https://.app.test", false},
		{"below with another scheme", Options{AllowedOrigins: []string{"https://*.app.test"}}, "http://one.app.test", false},
		{"below with a port", Options{AllowedOrigins: []string{"https://*.app.test"}}, "https://one.app.test:8443", false},
		{"below on the port", Options{AllowedOrigins: []string{"https://*.app.test:8443"}}, "https://one.app.test:8443", true},
		{"suffix of below", Options{AllowedOrigins: []string{"https://*.app.test"}}, "https://evil-app.test", false},
		{"below as path", Options{AllowedOrigins: []string{"https://*.app.test"}}, "https://evil.test/.app.test", false},
		{"below as user", Options{AllowedOrigins: []string{"https://*.app.test"}}, "https://evil.test@one.app.test", false},
		{"decided", Options{AllowOrigin: onlyNull}, "null", true},
		{"decided against", Options{AllowOrigin: onlyNull}, "https://app.test", false},
		{"listed beside a decision", Options{AllowOrigin: onlyNull, AllowedOrigins: []string{"https://app.test"}}, "https://app.test", true},
		{"any", Options{AllowedOrigins: []string{"*"}}, "https://evil.test", true},
		{"null among any", Options{AllowedOrigins: []string{"*"}}, "null", true},
		{"loopback", Options{AllowLoopbackOrigins: true}, "http://localhost:5173", true},
		{"loopback address", Options{AllowLoopbackOrigins: true}, "http://127.0.0.1:1", true},
		{"loopback block", Options{AllowLoopbackOrigins: true}, "https://127.9.9.9", true},
		{"loopback IPv6", Options{AllowLoopbackOrigins: true}, "http://[::1]:5173", true},
		{"loopback mapped", Options{AllowLoopbackOrigins: true}, "http://[::ffff:127.0.0.1]", true},
		{"loopback name", Options{AllowLoopbackOrigins: true}, "http://app.localhost:5173", true},
		{"no loopback", Options{}, "http://localhost:5173", false},
		{"like loopback", Options{AllowLoopbackOrigins: true}, "http://localhost.evil.test", false},
		{"like a loopback address", Options{AllowLoopbackOrigins: true}, "http://127.0.0.1.evil.test", false},
		{"private address", Options{AllowLoopbackOrigins: true}, "http://10.0.0.1", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, c.opts)
			if c.opts.AllowLoopbackOrigins {
				w.host = "localhost" // as in TestForeignNamesForThisMachineAreRefused
			}
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

func onlyNull(_ *http.Request, origin string) bool { return origin == "null" }

// A page whose name is pointed at this machine is its own origin as far as the
// browser knows.
func TestForeignNamesForThisMachineAreRefused(t *testing.T) {
	open := Options{AllowLoopbackOrigins: true}
	for _, c := range []struct {
		name         string
		opts         Options
		host, origin string
		pass         bool
	}{
		{"own by name", open, "localhost:3000", "http://localhost:3000", true},
		{"own by address", open, "127.0.0.1:3000", "http://127.0.0.1:3000", true},
		{"own by IPv6 address", open, "[::1]:3000", "http://[::1]:3000", true},
		{"own below localhost", open, "app.localhost", "http://app.localhost", true},
		{"no browser", open, "127.0.0.1", "", true},
		{"rebound", open, "evil.test:3000", "http://evil.test:3000", false},
		{"rebound GET", open, "evil.test:3000", "", false},
		{"like localhost", open, "localhost.evil.test", "http://localhost.evil.test", false},
		{"page from this machine", open, "alias.test", "http://localhost:5173", true},
		{"listed", Options{AllowLoopbackOrigins: true, AllowedOrigins: []string{"https://chat.test"}}, "chat.test", "https://chat.test", true},
		{"GET of a listed host", Options{AllowLoopbackOrigins: true, AllowedOrigins: []string{"https://chat.test"}}, "chat.test", "", true},
		{"any", Options{AllowLoopbackOrigins: true, AllowedOrigins: []string{"*"}}, "evil.test", "http://evil.test", true},
		{"GET where any may", Options{AllowLoopbackOrigins: true, AllowedOrigins: []string{"*"}}, "evil.test", "", true},
		{"not in development", Options{}, "chat.test", "http://chat.test", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, c.opts)
			w.host = c.host
			var header []string
			if c.origin != "" {
				header = []string{"Origin", c.origin}
			}
			polled := w.request(http.MethodGet, "EIO=4&transport=polling", "", header...)
			_, upgraded := w.dialSocket("EIO=4&transport=websocket", header...)
			want := [2]int{200, 101}
			if !c.pass {
				want = [2]int{403, 400}
			}
			if got := [2]int{polled.status, upgraded.StatusCode}; got != want {
				t.Errorf("status %v, want %v", got, want)
			}
		})
	}
}

func TestOtherNamesPassBeyondLoopback(t *testing.T) {
	s := New(nil, &Options{AllowLoopbackOrigins: true})
	r := httptest.NewRequest(http.MethodGet, "http://chat.test/", nil)
	for _, c := range []struct {
		local net.Addr
		want  standing
	}{
		{&net.TCPAddr{IP: net.IPv4(192, 0, 2, 1)}, trusted},
		{&net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)}, refused},
		{&net.TCPAddr{IP: net.IPv6loopback}, refused},
		{&net.UnixAddr{}, trusted},
		{nil, trusted},
	} {
		at := r.WithContext(context.WithValue(t.Context(), http.LocalAddrContextKey, c.local))
		if got := s.judge(at, "http://chat.test"); got != c.want {
			t.Errorf("at %v: %v, want %v", c.local, got, c.want)
		}
	}
}

func TestCheckOrigin(t *testing.T) {
	for _, entry := range []string{
		"*", "https://app.example", "http://app.example:8080", "http://[::1]:3000", "https://*.app.example", "https://*.app.example:8443",
		"https://App.Example", "app://local", "capacitor://localhost", "http://app.example:443",
	} {
		if err := CheckOrigin(entry); err != nil {
			t.Errorf("%q: %v", entry, err)
		}
	}
	for _, entry := range []string{
		"", "null", "app.example", "//app.example", "https://", "https://*", "https://*.", "https://app.example/", "https://app.example/x",
		"https://app.example?x", "https://app.example#x", "https://user@app.example", "https://a b", "https://*.*.app.example",
		"https://app.*", "https://app.example:*", "https://app.example:443", "http://app.example:80", "https://*.app.example:443",
		"https://app.example:", "https://bücher.example", "*.app.example", "1http://x", "://x", "https://[::1", "polling",
	} {
		if err := CheckOrigin(entry); err == nil || !strings.Contains(err.Error(), strconv.Quote(entry)) {
			t.Errorf("%q: %v", entry, err)
		}
	}
}

func FuzzOrigins(f *testing.F) {
	f.Add("https://*.app.example", "https://one.app.example")
	f.Add("https://app.example", "null")
	f.Fuzz(func(t *testing.T, entry, origin string) {
		if CheckOrigin(entry) != nil || entry == "*" {
			return
		}
		l := newAllowList([]string{entry})
		plain := strings.ToLower(entry)
		if !strings.Contains(entry, "*") && !l.names(plain) {
			t.Errorf("%q does not match itself", entry)
		}
		if !l.names(origin) || origin == plain {
			return
		}
		scheme, below, _ := strings.Cut(plain, "*.")
		if u, err := url.Parse(origin); err != nil || !strings.HasPrefix(origin, scheme) || !strings.HasSuffix(u.Host, "."+below) || u.User != nil || u.Path != "" {
			t.Errorf("%q matches %q", entry, origin)
		}
	})
}

func TestOriginWithControlCharactersIsABadRequest(t *testing.T) {
	var told ConnectionError
	s := New(nil, &Options{AllowedOrigins: []string{"*"}, OnConnectionError: func(e ConnectionError) { told = e }})
	for _, origin := range []string{"https://a\x01", "\t", "https://a\x7f"} {
		w, r := httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/?EIO=4&transport=polling", nil)
		r.Header.Set("Origin", origin)
		s.ServeHTTP(w, r)
		if w.Code != 400 || w.Body.String() != `{"code":3,"message":"Bad request"}` || told.Context["name"] != "INVALID_ORIGIN" {
			t.Errorf("%q: %d %s %v", origin, w.Code, w.Body, told)
		}
	}
}

func TestRefusedOriginIsLoggedOnceAMinute(t *testing.T) {
	inBubble(t, Options{}, func(t *testing.T, w *world) {
		var log bytes.Buffer
		w.opts.Logger = slog.New(slog.NewTextHandler(&log, nil))
		w.opts.AllowedOrigins = []string{"https://app.test"}
		for range 3 {
			w.request(http.MethodGet, "", "", "Origin", "https://evil.test")
		}
		pass(logEvery)
		w.request(http.MethodGet, "", "", "Origin", "https://evil.test/"+strings.Repeat("x", 1000))
		lines := strings.Split(strings.TrimSpace(log.String()), "\n")
		if len(lines) != 2 || !strings.Contains(lines[0], "refused=1") || !strings.Contains(lines[1], "refused=3") || len(lines[1]) > 600 {
			t.Fatalf("log:\n%s", &log)
		}
		for _, part := range []string{"level=WARN", "origin=https://evil.test", "host=example.test", "https://app.test", "its own origin"} {
			if !strings.Contains(lines[0], part) {
				t.Errorf("%s: nothing of %s", lines[0], part)
			}
		}
	})
}
