package e2e

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"parley/server/socketio"
)

func TestHandshakeOverPolling(t *testing.T) {
	srv := start(t, socketio.Options{PingInterval: 20 * time.Second, PingTimeout: 15 * time.Second, MaxPayload: 5000})
	a := must(request(t, srv, "GET", pollQuery, ""))(t)
	if a.status != http.StatusOK {
		t.Fatalf("status %d", a.status)
	}
	hs := parseHandshake(t, a.body)
	if !slices.Equal(hs.Upgrades, []string{"websocket"}) || hs.PingInterval != 20_000 || hs.PingTimeout != 15_000 || hs.MaxPayload != 5000 {
		t.Errorf("handshake %+v", hs)
	}
	if got := a.header.Get("Content-Type"); got != "text/plain; charset=UTF-8" {
		t.Errorf("Content-Type %q", got)
	}
	if got := a.header.Get("Cache-Control"); got != "no-store" {
		t.Errorf("Cache-Control %q", got)
	}
}

func TestHandshakeOverWebSocketOffersNoUpgrade(t *testing.T) {
	srv := start(t, socketio.Options{})
	_, hs := openWS(t, srv)
	if len(hs.Upgrades) != 0 || hs.PingInterval != 25_000 || hs.PingTimeout != 20_000 || hs.MaxPayload != 1_000_000 {
		t.Errorf("handshake %+v", hs)
	}
}

func TestSessionIDsAreLongAndNeverTheSame(t *testing.T) {
	srv := start(t, socketio.Options{})
	seen := map[string]bool{}
	for range 50 {
		p, id := joinPolling(t, srv)
		if len(p.SID) < 20 { // 120 bits in base64
			t.Fatalf("sid %q", p.SID)
		}
		if seen[p.SID] || seen[id] || p.SID == id {
			t.Fatalf("sid %q or id %q was there before", p.SID, id)
		}
		seen[p.SID], seen[id] = true, true
	}
}

func TestUpgradesFollowTheTransports(t *testing.T) {
	for _, row := range []struct {
		name    string
		opts    socketio.Options
		polling string // the upgrades, or the refusal
		ws      int    // status of an upgrade request
	}{
		{"both", socketio.Options{}, "websocket", 101},
		{"upgrade disabled", socketio.Options{DisableUpgrade: true}, "", 101},
		{"polling only", socketio.Options{Transports: []string{"polling"}}, "", 400},
		{"websocket only", socketio.Options{Transports: []string{"websocket"}}, `{"code":0,"message":"Transport unknown"}`, 101},
	} {
		t.Run(row.name, func(t *testing.T) {
			srv := start(t, row.opts)
			a := must(request(t, srv, "GET", pollQuery, ""))(t)
			got := a.body
			if a.status == http.StatusOK {
				got = strings.Join(parseHandshake(t, a.body).Upgrades, ",")
			}
			if got != row.polling {
				t.Errorf("polling: %q, want %q", got, row.polling)
			}
			if got := rawRequest(t, srv, upgradeRequest(srv, wsQuery)); got.StatusCode != row.ws {
				t.Errorf("websocket: status %d, want %d", got.StatusCode, row.ws)
			}
		})
	}
}

// The texts of the refusals, by code.
var refusals = []string{
	`{"code":0,"message":"Transport unknown"}`,
	`{"code":1,"message":"Session ID unknown"}`,
	`{"code":2,"message":"Bad handshake method"}`,
	`{"code":3,"message":"Bad request"}`,
	`{"code":4,"message":"Forbidden"}`,
	`{"code":5,"message":"Unsupported protocol version"}`,
}

func TestRequestsAreRefusedWithCodes(t *testing.T) {
	srv := start(t, socketio.Options{})
	session := openPolling(t, srv).query()
	for _, row := range []struct {
		name, method, query string
		code                int
	}{
		{"nothing at all", "GET", "", 0},
		{"no transport", "GET", "EIO=4", 0},
		{"empty transport", "GET", "EIO=4&transport=", 0},
		{"unknown transport", "GET", "EIO=4&transport=abc", 0},
		{"transport __proto__", "GET", "EIO=4&transport=__proto__", 0},
		{"transport constructor", "GET", "EIO=4&transport=constructor", 0},
		{"transport webtransport", "GET", "EIO=4&transport=webtransport", 0},
		{"transport in capitals", "GET", "EIO=4&transport=POLLING", 0},
		{"last transport counts", "GET", "EIO=4&transport=polling&transport=abc", 0},
		{"unknown sid", "GET", pollQuery + "&sid=abcdefghijklmnopqrst", 1},
		{"unknown sid, POST", "POST", pollQuery + "&sid=abcdefghijklmnopqrst", 1},
		{"sid __proto__", "GET", pollQuery + "&sid=__proto__", 1},
		{"sid toString", "POST", pollQuery + "&sid=toString", 1},
		{"sid of 10,000 bytes", "GET", pollQuery + "&sid=" + strings.Repeat("a", 10_000), 1},
		{"handshake by POST", "POST", pollQuery, 2},
		{"handshake by PUT", "PUT", pollQuery, 2},
		{"handshake by DELETE", "DELETE", pollQuery, 2},
		{"handshake by OPTIONS", "OPTIONS", pollQuery, 2},
		{"websocket without an upgrade", "GET", wsQuery, 3},
		{"session with another revision", "GET", strings.Replace(session, "EIO=4", "EIO=3", 1), 3},
		{"session without a revision", "GET", strings.Replace(session, "EIO=4&", "", 1), 3},
		{"session with another transport", "GET", strings.Replace(session, "polling", "websocket", 1), 3},
		{"no revision", "GET", "transport=polling", 5},
		{"revision 3", "GET", "EIO=3&transport=polling", 5},
		{"revision 5", "GET", "EIO=5&transport=polling", 5},
		{"revision abc", "GET", "EIO=abc&transport=polling", 5},
		{"revision 04", "GET", "EIO=04&transport=polling", 5},
	} {
		t.Run(row.name, func(t *testing.T) {
			a := must(request(t, srv, row.method, row.query, ""))(t)
			if a.status != http.StatusBadRequest || a.body != refusals[row.code] {
				t.Errorf("got %d %q, want 400 %q", a.status, a.body, refusals[row.code])
			}
			if got := a.header.Get("Content-Type"); got != "application/json" {
				t.Errorf("Content-Type %q", got)
			}
		})
	}
}

func TestUnusualHandshakesThatPass(t *testing.T) {
	srv := start(t, socketio.Options{})
	for _, row := range []struct{ name, query string }{
		{"empty sid", pollQuery + "&sid="},
		{"last revision counts", "EIO=3&EIO=4&transport=polling"},
		{"last transport counts", "EIO=4&transport=abc&transport=polling"},
		{"revision twice", "EIO=4&EIO=4&transport=polling"},
		{"another order", "transport=polling&t=Pq1&EIO=4"},
		{"escaped", "EI%4f=4&transport=poll%69ng"},
		{"cache buster", pollQuery + "&t=abc123"},
		{"empty cache buster", "t&EIO=4&t=&transport=polling"},
		{"foreign parameters", pollQuery + "&token=%00%ff&a=;&%zz=1"},
	} {
		t.Run(row.name, func(t *testing.T) {
			a := must(request(t, srv, "GET", row.query, ""))(t)
			if a.status != http.StatusOK {
				t.Fatalf("%d %s", a.status, a.body)
			}
			parseHandshake(t, a.body)
		})
	}
}

func TestPathMayHaveMoreBehindIt(t *testing.T) {
	srv := start(t, socketio.Options{})
	for _, path := range []string{"/socket.io/any/thing", "/socket.io/any/thing/"} {
		head := "GET " + path + "?" + pollQuery + " HTTP/1.1\r\nHost: " + srv.host() + "\r\n\r\n"
		if res := rawRequest(t, srv, head); res.StatusCode != http.StatusOK {
			t.Errorf("%s: %d %s", path, res.StatusCode, res.body)
		}
		upgrade := strings.Replace(upgradeRequest(srv, wsQuery), "/socket.io/", path, 1)
		if res := rawRequest(t, srv, upgrade); res.StatusCode != http.StatusSwitchingProtocols {
			t.Errorf("%s: %d", path, res.StatusCode)
		}
	}
}

func TestUpgradeRequestsAreRefused(t *testing.T) {
	srv := start(t, socketio.Options{})
	good := upgradeRequest(srv, wsQuery)
	change := func(old, new string) string {
		t.Helper()
		if !strings.Contains(good, old) {
			t.Fatalf("no %q in the request", old)
		}
		return strings.Replace(good, old, new, 1)
	}
	for _, row := range []struct {
		name, request string
		status        []int
		body          string // "": not looked at
	}{
		{"unknown transport", change("transport=websocket", "transport=abc"), []int{400}, "Transport unknown"},
		{"transport __proto__", change("transport=websocket", "transport=__proto__"), []int{400}, "Transport unknown"},
		{"no transport", change("&transport=websocket", ""), []int{400}, "Transport unknown"},
		{"unknown sid", change("transport=websocket", "transport=websocket&sid=abc"), []int{400}, "Session ID unknown"},
		{"sid __proto__", change("transport=websocket", "transport=websocket&sid=__proto__"), []int{400}, "Session ID unknown"},
		{"POST", change("GET ", "POST "), []int{400, 405}, ""},
		{"no key", change("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n", ""), []int{400}, ""},
		{"short key", change("dGhlIHNhbXBsZSBub25jZQ==", "dGhl"), []int{400}, ""},
		{"key that is no base64", change("dGhlIHNhbXBsZSBub25jZQ==", "********************=="), []int{400}, ""},
		{"no version", change("Sec-WebSocket-Version: 13\r\n", ""), []int{400, 426}, ""},
		{"version 12", change("Version: 13", "Version: 12"), []int{400, 426}, ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			res := rawRequest(t, srv, row.request)
			if !slices.Contains(row.status, res.StatusCode) {
				t.Errorf("status %d, want %d", res.StatusCode, row.status)
			}
			if row.body != "" && res.body != row.body {
				t.Errorf("body %q, want %q", res.body, row.body)
			}
			if !res.Close {
				t.Error("the connection stays open")
			}
		})
	}
}

// Node completes this handshake and then breaks the connection, which clients
// cannot tell from a refusal.
func TestUpgradeRequestWithAnotherRevisionIsRefused(t *testing.T) {
	notNode(t, "it answers 101")
	srv := start(t, socketio.Options{})
	res := rawRequest(t, srv, upgradeRequest(srv, "EIO=3&transport=websocket"))
	if res.StatusCode != http.StatusBadRequest || res.body != "Unsupported protocol version" {
		t.Errorf("got %d %q", res.StatusCode, res.body)
	}
	res = rawRequest(t, srv, upgradeRequest(srv, pollQuery))
	if res.StatusCode != http.StatusBadRequest || res.body != "Bad request" {
		t.Errorf("got %d %q for transport=polling", res.StatusCode, res.body)
	}
}

func TestFirstSubprotocolIsChosen(t *testing.T) {
	srv := start(t, socketio.Options{})
	res := rawRequest(t, srv, upgradeRequest(srv, wsQuery, "Sec-WebSocket-Protocol: one, two"))
	if got := res.Header.Get("Sec-WebSocket-Protocol"); res.StatusCode != 101 || got != "one" {
		t.Errorf("got %d, protocol %q", res.StatusCode, got)
	}
}

// Compression is not negotiated, so the answer must not speak of it.
func TestNoExtensionIsNegotiated(t *testing.T) {
	srv := start(t, socketio.Options{})
	res := rawRequest(t, srv, upgradeRequest(srv, wsQuery, "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits"))
	if got := res.Header.Get("Sec-WebSocket-Extensions"); res.StatusCode != 101 || got != "" {
		t.Errorf("got %d, extensions %q", res.StatusCode, got)
	}
}
