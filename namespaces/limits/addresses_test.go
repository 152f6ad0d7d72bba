package limits

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"parley/server/socketio"
)

func newAddresses(t *testing.T, o AddressOptions) (*Addresses, *clock) {
	t.Helper()
	c := &clock{time.Unix(1e9, 0)}
	a := NewAddresses(o)
	a.now = c.now
	return a, c
}

func connect(t *testing.T, a *Addresses, from string, want bool) {
	t.Helper()
	err := a.Admit(from)
	if (err == nil) != want || err != nil && !errors.Is(err, socketio.ErrOverloaded) {
		t.Fatalf("%s: %v", from, err)
	}
	if err == nil {
		a.Opened(from)
	}
}

func TestAnAddressHasSoManyConnections(t *testing.T) {
	var log bytes.Buffer
	a, c := newAddresses(t, AddressOptions{Most: 2, PerSecond: 100, Burst: 100, Logger: slog.New(slog.NewTextHandler(&log, nil))})
	connect(t, a, "192.0.2.1:1", true)
	connect(t, a, "[::ffff:192.0.2.1]:2", true)
	connect(t, a, "192.0.2.1:3", false)
	connect(t, a, "192.0.2.2:1", true)
	connect(t, a, "[2001:db8::1]:1", true)
	connect(t, a, "[2001:db8::2]:1", true)
	connect(t, a, "[2001:db8::3]:1", false)
	connect(t, a, "[2001:db8:0:1::1]:1", true)
	for range 10 {
		connect(t, a, "127.0.0.1:1", true)
		connect(t, a, "[::1]:1", true)
		connect(t, a, "@", true)
	}
	a.Closed("192.0.2.1:1")
	connect(t, a, "192.0.2.1:4", true)
	c.t = c.t.Add(time.Minute)
	connect(t, a, "192.0.2.1:5", false)
	if lines := strings.Count(log.String(), "--trusted-proxies"); lines != 2 {
		t.Errorf("%d lines in the log:\n%s", lines, &log)
	}
}

func TestAnAddressConnectsOnlySoOften(t *testing.T) {
	a, c := newAddresses(t, AddressOptions{Most: 1000, PerSecond: 2, Burst: 3})
	for range 3 {
		connect(t, a, "192.0.2.1:1", true)
	}
	connect(t, a, "192.0.2.1:1", false)
	c.t = c.t.Add(500 * time.Millisecond)
	connect(t, a, "192.0.2.1:1", true)
	connect(t, a, "192.0.2.1:1", false)
}

func TestAddressesAreForgotten(t *testing.T) {
	a, c := newAddresses(t, AddressOptions{Most: 10, PerSecond: 1, Burst: 5})
	connect(t, a, "192.0.2.1:1", true)
	for i := range 100_000 {
		c.t = c.t.Add(10 * time.Millisecond)
		from := fmt.Sprintf("10.%d.%d.%d:1", i>>16, i>>8&255, i&255)
		connect(t, a, from, true)
		a.Closed(from)
	}
	if len(a.byPrefix) > 2048 {
		t.Errorf("%d addresses are remembered", len(a.byPrefix))
	}
	if a.byPrefix[netip.MustParsePrefix("192.0.2.1/32")] == nil {
		t.Error("an address with a connection is forgotten")
	}
}

func TestOnlyTrustedProxiesAreBelieved(t *testing.T) {
	trusted := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("2001:db8::/32")}
	var got string
	h := BehindProxies(trusted, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got = r.RemoteAddr }))
	for _, c := range []struct {
		from      string
		forwarded []string
		want      string
	}{
		{"192.0.2.1:5", []string{"203.0.113.9"}, "192.0.2.1:5"},
		{"10.1.2.3:5", nil, "10.1.2.3:5"},
		{"10.1.2.3:5", []string{"203.0.113.9"}, "203.0.113.9:0"},
		{"[::ffff:10.1.2.3]:5", []string{"203.0.113.9"}, "203.0.113.9:0"},
		{"10.1.2.3:5", []string{"198.51.100.1, 203.0.113.9, 10.9.9.9"}, "203.0.113.9:0"},
		{"10.1.2.3:5", []string{"198.51.100.1", "203.0.113.9:4711", "[2001:db8::7]:1"}, "203.0.113.9:0"},
		{"10.1.2.3:5", []string{"2001:dead::1"}, "[2001:dead::1]:0"},
		{"10.1.2.3:5", []string{"10.4.4.4"}, "10.4.4.4:0"},
		{"10.1.2.3:5", []string{"203.0.113.9, unknown, 10.4.4.4"}, "10.4.4.4:0"},
		{"10.1.2.3:5", []string{"rubbish"}, "10.1.2.3:5"},
		{"10.1.2.3:5", []string{""}, "10.1.2.3:5"},
		{"@", []string{"203.0.113.9"}, "@"},
	} {
		r := httptest.NewRequest("GET", "/", nil)
		r.RemoteAddr = c.from
		r.Header["X-Forwarded-For"] = c.forwarded
		h.ServeHTTP(httptest.NewRecorder(), r)
		if got != c.want {
			t.Errorf("from %s for %q: %s, want %s", c.from, c.forwarded, got, c.want)
		}
	}
}

func FuzzForwarded(f *testing.F) {
	f.Add("10.1.2.3:5", "203.0.113.9, [2001:db8::7]:1, rubbish,,10.0.0.1")
	trusted := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}
	f.Fuzz(func(t *testing.T, from, forwarded string) {
		r := &http.Request{RemoteAddr: from, Header: http.Header{"X-Forwarded-For": {forwarded}}}
		client, ok := clientOf(trusted, r)
		if ok != client.IsValid() || ok && !strings.HasPrefix(from, "10.") && !strings.Contains(from, ":10.") && !strings.Contains(strings.ToLower(from), "ffff:") {
			t.Errorf("from %q for %q: %v, %t", from, forwarded, client, ok)
		}
	})
}
