package engineio

import (
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

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

func TestCORSOptions(t *testing.T) {
	w := newWorld(t, Options{AllowedOrigins: []string{"https://app.test"}, CORS: CORS{
		DisableCredentials: true,
		Methods:            []string{"GET", "POST"},
		AllowedHeaders:     []string{"X-One", "X-Two"},
		ExposedHeaders:     []string{"X-Three", "X-Four"},
		MaxAge:             90 * time.Second,
	}})
	preflight := map[string]string{
		"Access-Control-Allow-Methods": "GET,POST", "Access-Control-Allow-Headers": "X-One,X-Two", "Access-Control-Max-Age": "90", "Vary": "Origin",
	}
	simple := map[string]string{"Access-Control-Allow-Origin": "https://app.test", "Access-Control-Expose-Headers": "X-Three,X-Four", "Vary": "Origin"}
	maps.Copy(preflight, simple)
	check := func(what string, got http.Header, want map[string]string) {
		t.Helper()
		for name := range got {
			if strings.HasPrefix(name, "Access-Control-") && want[name] == "" {
				t.Errorf("%s: unexpected %s", what, name)
			}
		}
		for name, value := range want {
			if v := got.Values(name); len(v) != 1 || v[0] != value {
				t.Errorf("%s: %s is %q, want %q", what, name, v, value)
			}
		}
	}
	const origin = "https://app.test"
	ask := w.request(http.MethodOptions, "", "", "Origin", origin, "Access-Control-Request-Method", "POST", "Access-Control-Request-Headers", "x-evil")
	check("preflight", ask.header, preflight)
	check("handshake", w.request(http.MethodGet, "EIO=4&transport=polling", "", "Origin", origin).header, simple)
	check("refusal", w.request(http.MethodGet, "", "", "Origin", origin).header, simple)
	_, upgraded := w.dialSocket("EIO=4&transport=websocket", "Origin", origin)
	check("upgrade", upgraded.Header, simple)
}

func TestCredentialsAreForOriginsThatAreNamed(t *testing.T) {
	w := newWorld(t, Options{AllowedOrigins: []string{"*", "https://app.test"}})
	for origin, want := range map[string][2]string{
		"https://app.test":     {"https://app.test", "true"},
		"http://example.test":  {"http://example.test", "true"},
		"https://unknown.test": {"*", ""},
	} {
		h := w.request(http.MethodGet, "EIO=4&transport=polling", "", "Origin", origin).header
		if got := [2]string{h.Get("Access-Control-Allow-Origin"), h.Get("Access-Control-Allow-Credentials")}; got != want {
			t.Errorf("%s: %q, want %q", origin, got, want)
		}
	}
}

func TestImpossibleCORSPanicsWithItsName(t *testing.T) {
	for name, cors := range map[string]CORS{
		"Methods":        {Methods: []string{"GET, POST"}},
		"AllowedHeaders": {AllowedHeaders: []string{"X One"}},
		"ExposedHeaders": {ExposedHeaders: []string{""}},
		"MaxAge":         {MaxAge: -1},
	} {
		panics(t, "Options.CORS."+name, func() { New(nil, &Options{CORS: cors}) })
	}
}

func TestAdmitServesOtherHandlers(t *testing.T) {
	s := New(nil, &Options{AllowedOrigins: []string{"https://app.test"}})
	for origin, want := range map[string]bool{"": true, "https://app.test": true, "https://evil.test": false} {
		w, r := httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "http://example.test/ws", nil)
		if origin != "" {
			r.Header.Set("Origin", origin)
		}
		if got := s.Admit(w, r); got != want || got != (w.Code == 200) || got && origin != w.Header().Get("Access-Control-Allow-Origin") {
			t.Errorf("%q: %t, %d %v", origin, got, w.Code, w.Header())
		}
	}
}
