package engineio

import (
	"encoding/base64"
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestOpenPacketHasFiveKeys(t *testing.T) {
	overNetworks(t, func(t *testing.T, n network) {
		w := n.world(t, Options{PingInterval: 7 * time.Second, PingTimeout: 3 * time.Second, MaxPayload: 1234})
		polled := w.request(http.MethodGet, "EIO=4&transport=polling", "")
		s, _ := w.dialSocket("EIO=4&transport=websocket")
		for transport, packet := range map[string]string{Polling: polled.body, WebSocket: s.read()} {
			var open map[string]any
			if err := json.Unmarshal([]byte(packet[1:]), &open); err != nil || packet[0] != '0' {
				t.Fatalf("%q: %v", packet, err)
			}
			keys := slices.Sorted(maps.Keys(open))
			if strings.Join(keys, " ") != "maxPayload pingInterval pingTimeout sid upgrades" {
				t.Errorf("keys %v", keys)
			}
			if open["pingInterval"] != 7000.0 || open["pingTimeout"] != 3000.0 || open["maxPayload"] != 1234.0 {
				t.Errorf("%v", open)
			}
			upgrades, ok := open["upgrades"].([]any)
			if want := map[string]int{Polling: 1, WebSocket: 0}[transport]; !ok || len(upgrades) != want {
				t.Errorf("%s: upgrades %v", transport, open["upgrades"])
			}
		}
	})
}

func TestNoUpgradesAreOfferedWithoutThem(t *testing.T) {
	for _, opts := range []Options{{DisableUpgrade: true}, {Transports: []string{Polling}}} {
		w := newWorld(t, opts)
		if a := w.request(http.MethodGet, "EIO=4&transport=polling", ""); !strings.Contains(a.body, `"upgrades":[]`) {
			t.Errorf("%q", a.body)
		}
	}
}

func TestSessionIDsAreLongAndRandom(t *testing.T) {
	seen := map[string]bool{}
	var ones [idBytes * 8]int
	const n = 2000
	for range n {
		id := newID("")
		raw, err := base64.RawURLEncoding.DecodeString(id)
		if err != nil || len(raw) != idBytes || len(id) != 20 || seen[id] {
			t.Fatalf("id %q: %v", id, err)
		}
		seen[id] = true
		for bit := range ones {
			ones[bit] += int(raw[bit/8]>>(bit%8)) & 1
		}
	}
	for bit, k := range ones {
		if k < n*4/10 || k > n*6/10 {
			t.Errorf("bit %d is set in %d of %d ids", bit, k, n)
		}
	}
}

// The tag comes before the random part, whoever makes that, in both revisions.
func TestNodeTagBeginsEverySessionID(t *testing.T) {
	const tag = "no-_D9"
	for name, generate := range map[string]func(*http.Request) (string, error){
		"random":    nil,
		"generated": func(*http.Request) (string, error) { return newID(""), nil },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, Options{NodeTag: tag, GenerateID: generate, AllowEIO3: true})
			for query, body := range map[string]string{"EIO=4&transport=polling": "4x", "EIO=3&transport=polling": "2:4x"} {
				a := w.request(http.MethodGet, query, "")
				id := await(t, "accept", w.ears).s.ID()
				if len(id) != len(tag)+20 || !strings.HasPrefix(id, tag) || !strings.Contains(a.body, `"sid":"`+id+`"`) {
					t.Errorf("id %q in %q", id, a.body)
				}
				w.expect("POST", w.request(http.MethodPost, query+"&sid="+id, body), 200, "ok")
			}
		})
	}
}

func TestHandshakeTellsOfTheRequest(t *testing.T) {
	overNetworks(t, func(t *testing.T, n network) {
		w := n.world(t, Options{})
		w.request(http.MethodGet, "EIO=4&transport=polling&x=1&x=2&name=%C3%A9", "", "X-Test", "yes", "Cookie", "a=b")
		w.dialSocket("EIO=4&transport=websocket&x=1&x=2&name=%C3%A9", "X-Test", "yes", "Cookie", "a=b")
		for range 2 {
			h := await(t, "accept", w.ears).s.Handshake()
			header := h.Header()
			if header.Get("X-Test") != "yes" || header.Get("Cookie") != "a=b" || header.Get("Host") != "example.test" {
				t.Errorf("header %v", header)
			}
			if h.CrossDomain() {
				t.Error("no Origin makes it cross-domain")
			}
			if q := h.Query(); len(q["x"]) != 2 || q.Get("name") != "é" {
				t.Errorf("query %v", q)
			}
			if !strings.HasPrefix(h.URL, "/engine.io/?EIO=4&") || h.RemoteAddr == "" || h.Secure != (n.name == "tls") || time.Since(h.Time) > time.Minute {
				t.Errorf("%+v", h)
			}
		}
	})
}

func TestHandshakeTellsOfAnOrigin(t *testing.T) {
	w := newWorld(t, Options{})
	w.request(http.MethodGet, "EIO=4&transport=polling", "", "Origin", "http://example.test")
	if !await(t, "accept", w.ears).s.Handshake().CrossDomain() {
		t.Error("an Origin does not make it cross-domain")
	}
}

func TestRefusals(t *testing.T) {
	w := newWorld(t, Options{})
	p := w.poll()
	for query, c := range map[string]struct {
		method, body string
	}{
		"":                                        {"GET", `{"code":0,"message":"Transport unknown"}`},
		"EIO=4":                                   {"GET", `{"code":0,"message":"Transport unknown"}`},
		"EIO=4&transport=":                        {"GET", `{"code":0,"message":"Transport unknown"}`},
		"EIO=4&transport=__proto__":               {"GET", `{"code":0,"message":"Transport unknown"}`},
		"EIO=4&transport=webtransport":            {"GET", `{"code":0,"message":"Transport unknown"}`},
		"EIO=4&transport=polling&transport=x":     {"GET", `{"code":0,"message":"Transport unknown"}`},
		"EIO=4&transport=polling&sid=none":        {"GET", `{"code":1,"message":"Session ID unknown"}`},
		"EIO=4&transport=polling&sid=other":       {"POST", `{"code":1,"message":"Session ID unknown"}`},
		"EIO=4&transport=polling&sid=constructor": {"GET", `{"code":1,"message":"Session ID unknown"}`},
		"EIO=4&transport=polling":                 {"POST", `{"code":2,"message":"Bad handshake method"}`},
		"EIO=4&transport=polling&a":               {"PUT", `{"code":2,"message":"Bad handshake method"}`},
		"EIO=4&transport=polling&b":               {"OPTIONS", `{"code":2,"message":"Bad handshake method"}`},
		"EIO=4&transport=websocket":               {"GET", `{"code":3,"message":"Bad request"}`},
		"EIO=4&transport=websocket&sid=" + p.sid:  {"GET", `{"code":3,"message":"Bad request"}`},
		"EIO=3&transport=polling&sid=" + p.sid:    {"GET", `{"code":3,"message":"Bad request"}`},
		"transport=polling&sid=" + p.sid:          {"POST", `{"code":3,"message":"Bad request"}`},
		"EIO=3&transport=polling":                 {"GET", `{"code":5,"message":"Unsupported protocol version"}`},
		"EIO=04&transport=polling":                {"GET", `{"code":5,"message":"Unsupported protocol version"}`},
		"EIO=4&EIO=5&transport=polling":           {"GET", `{"code":5,"message":"Unsupported protocol version"}`},
		"transport=polling":                       {"GET", `{"code":5,"message":"Unsupported protocol version"}`},
	} {
		a := w.request(c.method, query, "")
		w.expect(c.method+" "+query, a, http.StatusBadRequest, c.body)
		if a.header.Get("Content-Type") != "application/json" {
			t.Errorf("%s: content type %q", query, a.header.Get("Content-Type"))
		}
	}
	if p.post("4still here").status != 200 || await(t, "the message", p.heard) != "still here" {
		t.Error("a refused request harmed the session it named")
	}
}

func TestRefusalsOfUpgradesAreText(t *testing.T) {
	w := newWorld(t, Options{AllowedOrigins: []string{"https://app.test"}})
	p := w.poll()
	for query, want := range map[string]string{
		"EIO=4&transport=x":                    "Transport unknown",
		"EIO=4&transport=websocket&sid=none":   "Session ID unknown",
		"EIO=4&transport=polling":              "Bad request",
		"EIO=4&transport=polling&sid=" + p.sid: "Bad request",
		"EIO=3&transport=websocket":            "Unsupported protocol version",
		"EIO=4&transport=websocket&foreign":    "Forbidden",
	} {
		var header []string
		if want == "Forbidden" {
			header = []string{"Origin", "https://evil.test"}
		}
		s, res := w.dialSocket(query, header...)
		body := make([]byte, len(want))
		_, _ = res.Body.Read(body)
		if res.StatusCode != http.StatusBadRequest || string(body) != want || res.Header.Get("Content-Type") != "text/html" {
			t.Errorf("%s: %s %q %v", query, res.Status, body, res.Header)
		}
		_ = s.SetReadDeadline(time.Now().Add(patience))
		if _, err := s.br.ReadByte(); err == nil || isTimeout(err) {
			t.Errorf("%s: the connection was not closed: %v", query, err)
		}
	}
}

func TestEmptySidBeginsASession(t *testing.T) {
	w := newWorld(t, Options{})
	if a := w.request(http.MethodGet, "EIO=4&transport=polling&sid=", ""); a.status != 200 || !strings.HasPrefix(a.body, "0{") {
		t.Errorf("%d %q", a.status, a.body)
	}
}

func TestDisabledTransportIsUnknown(t *testing.T) {
	w := newWorld(t, Options{Transports: []string{WebSocket}})
	w.expect("polling", w.request(http.MethodGet, "EIO=4&transport=polling", ""), 400, `{"code":0,"message":"Transport unknown"}`)
	s := w.socket()
	s.send("4hello")
	if got := await(t, "the message", s.heard); got != "hello" {
		t.Errorf("heard %q", got)
	}
}

func TestFullServerAnswersWith503(t *testing.T) {
	w := newWorld(t, Options{MaxSessions: 2})
	p, s := w.poll(), w.socket()
	a := w.request(http.MethodGet, "EIO=4&transport=polling", "")
	if a.status != http.StatusServiceUnavailable || a.header.Get("Retry-After") == "" {
		t.Errorf("%d %v", a.status, a.header)
	}
	if _, res := w.dialSocket("EIO=4&transport=websocket"); res.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("%s", res.Status)
	}
	if w.Stats().CurrentConnections != 2 {
		t.Errorf("%+v", w.Stats())
	}
	p.post("1")
	p.ended(ReasonTransportClose)
	eventually(t, "room for another session", func() bool { return w.Stats().CurrentConnections == 1 })
	w.poll().post("4x")
	_ = s.Close()
}

func TestSessionsThatWaitForTheirLastPollCount(t *testing.T) {
	w := newWorld(t, Options{MaxSessions: 1})
	p := w.poll()
	p.s.Close(ReasonForcedClose)
	p.ended(ReasonForcedClose)
	if a := w.request(http.MethodGet, "EIO=4&transport=polling", ""); a.status != http.StatusServiceUnavailable {
		t.Errorf("%d %q", a.status, a.body)
	}
	p.get()
	w.poll()
}
