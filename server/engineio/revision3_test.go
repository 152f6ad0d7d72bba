package engineio

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"parley/server/wire/eio"
)

var eio3 = Options{AllowEIO3: true}

// pollV3 begins a polling session of revision 3; more stands behind the query.
func (w *world) pollV3(more string) *poller {
	w.t.Helper()
	query := "EIO=3&transport=polling"
	a := w.request(http.MethodGet, query+more, "")
	p, ok, err := eio.NewPayloadV3([]byte(a.body), 1).Next()
	if a.status != 200 || !ok || p.Type != eio.Open {
		w.t.Fatalf("handshake: %d %q %v", a.status, a.body, err)
	}
	hs, err := eio.ParseHandshake(p.Data)
	if err != nil {
		w.t.Fatal(err)
	}
	return &poller{w, hs.SID, query + "&sid=" + hs.SID, await(w.t, "accept", w.ears)}
}

// socketV3 begins a session of revision 3 on a WebSocket.
func (w *world) socketV3(more string) *socket {
	w.t.Helper()
	s, _ := w.dialSocket("EIO=3&transport=websocket" + more)
	if open := s.read(); open[0] != '0' {
		w.t.Fatalf("open packet %q", open)
	}
	s.ear = await(w.t, "accept", w.ears)
	return s
}

func TestRevisionMustBeAdmittedAndStay(t *testing.T) {
	const unsupported, bad = `{"code":5,"message":"Unsupported protocol version"}`, `{"code":3,"message":"Bad request"}`
	w := newWorld(t, Options{})
	for _, version := range []string{"EIO=3&", "", "EIO=4.0&"} {
		w.expect("handshake", w.request(http.MethodGet, version+"transport=polling", ""), 400, unsupported)
	}
	w = newWorld(t, eio3)
	v3, v4 := w.pollV3(""), w.poll()
	if v3.s.Revision() != 3 || v4.s.Revision() != 4 || v3.s.Handshake().Revision != 3 {
		t.Errorf("revisions %d and %d", v3.s.Revision(), v4.s.Revision())
	}
	w.expect("4 for 3", w.request(http.MethodGet, "EIO=4&transport=polling&sid="+v3.sid, ""), 400, bad)
	w.expect("3 for 4", w.request(http.MethodGet, "EIO=3&transport=polling&sid="+v4.sid, ""), 400, bad)
	if _, res := w.dialSocket("EIO=4&transport=websocket&sid=" + v3.sid); res.StatusCode != 400 {
		t.Errorf("upgrade with another revision: %s", res.Status)
	}
}

func TestBinaryInEachForm(t *testing.T) {
	w := newWorld(t, eio3)
	w.hear = echo
	for query, packet := range map[string]string{
		"EIO=4&transport=websocket":       "b:\x01\x02",
		"EIO=4&transport=websocket&b64=1": "bAQI=",
		"EIO=3&transport=websocket":       "b:\x04\x01\x02",
		"EIO=3&transport=websocket&b64=1": "b4AQI=",
	} {
		s, _ := w.dialSocket(query)
		s.read()
		if frame, binary := strings.CutPrefix(packet, "b:"); binary {
			_ = s.write(0x82, []byte(frame))
		} else {
			s.send(packet)
		}
		s.send("4é")
		if got, next := s.read(), s.read(); got != packet || next != "4é" {
			t.Errorf("%s: %q, %q", query, got, next)
		}
	}
	for more, answers := range map[string][2]string{
		"":       {"2:4é", "\x00\x03\xff4é\x01\x03\xff\x04\x01\x02"},
		"&b64=1": {"2:4é", "2:4é6:b4AQI="},
	} {
		p := w.pollV3(more)
		w.expect("POST", p.post("2:4é"), 200, "ok")
		a := p.get()
		w.expect("text alone", a, 200, answers[0])
		if kind := a.header.Get("Content-Type"); kind != "text/plain; charset=UTF-8" {
			t.Errorf("content type %q", kind)
		}
		posted := w.request(http.MethodPost, p.query, "\x00\x03\xff4é\x01\x03\xff\x04\x01\x02", "Content-Type", "application/octet-stream")
		w.expect("octet-stream POST", posted, 200, "ok")
		a = p.get()
		w.expect("with binary", a, 200, answers[1])
		if binary := a.header.Get("Content-Type") == "application/octet-stream"; binary != (more == "") {
			t.Errorf("content type %q", a.header.Get("Content-Type"))
		}
	}
}

func TestBrokenPayloadEndsItsOwnSession(t *testing.T) {
	w := newWorld(t, eio3)
	other := w.pollV3("")
	for _, c := range []struct{ kind, body string }{
		{"text/plain", "abc"}, {"text/plain", ""}, {"text/plain", "5:4abc"}, {"text/plain", "2:4a1:9"}, {"text/plain", "4:4a\xff"},
		{"text/plain", strings.Repeat("9", 1000) + ":4"},
		{"application/octet-stream", "\x01\x05\xff\x04\x01\x02"}, {"application/octet-stream", "\x00\x09"}, {"application/octet-stream", "2:4a"},
	} {
		p := w.pollV3("")
		w.expect(c.body, w.request(http.MethodPost, p.query, c.body, "Content-Type", c.kind), 200, "ok")
		if cause := p.ended(ReasonParseError); cause == nil {
			t.Errorf("%q: no cause", c.body)
		}
		w.expect("GET", p.get(), 400, `{"code":1,"message":"Session ID unknown"}`)
	}
	for _, c := range []struct {
		op   byte
		data string
	}{{0x81, ""}, {0x81, "9"}, {0x81, "b2AQID"}, {0x82, ""}, {0x82, "\x02\x01"}} {
		s := w.socketV3("")
		_ = s.write(c.op, []byte(c.data))
		s.ended(ReasonParseError)
	}
	w.expect("POST", other.post("2:4x"), 200, "ok")
	if got := await(t, "the other's message", other.heard); got != "x" {
		t.Errorf("heard %q", got)
	}
}

func TestClientOfRevision3Pings(t *testing.T) {
	inBubble(t, eio3, func(t *testing.T, w *world) {
		s, p := w.socketV3(""), w.pollV3("")
		got := s.silent()
		for range 3 {
			pass(interval + timeout - slack)
			s.send("2")
			w.expect("POST", p.post("1:2"), 200, "ok")
			w.expect("GET", p.get(), 200, "1:3")
			if packet := <-got; packet != "3" {
				t.Errorf("got %q", packet)
			}
		}
		pass(interval + timeout - slack)
		if len(s.closed)+len(p.closed)+len(got) > 0 {
			t.Error("closed early, or pinged")
		}
		pass(2 * slack)
		s.ended(ReasonPingTimeout)
		p.ended(ReasonPingTimeout)
		w.expect("GET", p.get(), 400, `{"code":1,"message":"Session ID unknown"}`)
		pass(lingerForTests)
	})
}

func TestHeartbeatOfRevision3OutlivesAPause(t *testing.T) {
	inBubble(t, eio3, func(t *testing.T, w *world) {
		s := w.socketV3("")
		_ = s.silent()
		s.s.Pause()
		pass(3 * (interval + timeout))
		s.s.Resume()
		pass(interval + timeout - slack)
		if len(s.closed) > 0 {
			t.Error("closed while the server did not read")
		}
		pass(2 * slack)
		s.ended(ReasonPingTimeout)
		pass(lingerForTests)
	})
}

func TestHeartbeatInTheWrongDirection(t *testing.T) {
	w := newWorld(t, eio3)
	s, p := w.socketV3(""), w.pollV3("")
	s.send("3")
	w.expect("POST", p.post("1:3"), 200, "ok")
	for _, e := range []*ear{s.ear, p.ear} {
		if cause := e.ended(ReasonTransportError); !errors.Is(cause, errHeartbeat) {
			t.Errorf("cause %v", cause)
		}
	}
}

func TestPongsToWhoDoesNotReadAreBounded(t *testing.T) {
	w := newWorld(t, Options{AllowEIO3: true, SendQueuePackets: 10})
	p := w.pollV3("")
	w.expect("POST", p.post(strings.Repeat("1:2", 11)), 200, "ok")
	p.ended(ReasonSlow)
}

func TestUpgradeOfRevision3(t *testing.T) {
	w := newWorld(t, eio3)
	w.hear = echo
	p := w.pollV3("&b64=1")
	s, _ := w.dialSocket("EIO=3&transport=websocket&sid=" + p.sid)
	waiting := p.wait()
	s.send("2probe")
	if got := s.read(); got != "3probe" {
		t.Errorf("the probe was answered with %q", got)
	}
	w.expect("the GET that waits", <-waiting, 200, "1:6")
	w.expect("POST", p.post("10:b4AQIDBA=="), 200, "ok") // its echo goes over the WebSocket, in that one's form
	s.send("5")
	if got := s.read(); got != "b:\x04\x01\x02\x03\x04" {
		t.Errorf("got %q", got)
	}
	_ = s.write(0x82, []byte("\x04\xff"))
	if got := s.read(); got != "b:\x04\xff" {
		t.Errorf("got %q", got)
	}
	w.expect("GET", p.get(), 400, `{"code":3,"message":"Bad request"}`)
}

func TestCloseOfRevision3(t *testing.T) {
	w := newWorld(t, eio3)
	p := w.pollV3("")
	waiting := p.wait()
	w.expect("POST", p.post("1:1"), 200, "ok")
	w.expect("the GET that waits", <-waiting, 200, "1:6")
	p.ended(ReasonTransportClose)
	p = w.pollV3("")
	p.s.Close(ReasonForcedClose)
	w.expect("GET", p.get(), 200, "1:61:1")
	p.ended(ReasonForcedClose)
}

func TestJSONP(t *testing.T) {
	w := newWorld(t, eio3)
	w.hear = echo
	for version, c := range map[string]struct{ form, script string }{
		"3": {"6:4a\\\\nb\\n", `"6:4a\\nb\n"`},
		"4": {"4\u2028\"<é", `"4\u2028\"\u003cé"`},
	} {
		query := "EIO=" + version + "&transport=polling&b64=1&j=1x2"
		a := w.request(http.MethodGet, query, "")
		if a.status != 200 || !strings.HasPrefix(a.body, `___eio[12]("`) || !strings.HasSuffix(a.body, `");`) ||
			a.header.Get("Content-Type") != "text/javascript; charset=UTF-8" {
			t.Fatalf("handshake: %d %q %v", a.status, a.body, a.header)
		}
		e := await(t, "accept", w.ears)
		query += "&sid=" + e.s.ID()
		form := "x=1&d=" + strings.NewReplacer(`\`, "%5C", `"`, "%22").Replace(c.form) + "&y"
		w.expect("POST", w.request(http.MethodPost, query, form, "Content-Type", "application/x-www-form-urlencoded"), 200, "ok")
		w.expect("GET", w.request(http.MethodGet, query, ""), 200, `___eio[12](`+c.script+`);`)
		w.expect("POST", w.request(http.MethodPost, query, "x=1&d=%zz"), 200, "ok")
		e.ended(ReasonParseError)
	}
}

// TestJSONPOrigins: a script element of any page could read the answers.
func TestJSONPOrigins(t *testing.T) {
	for _, c := range []struct {
		name   string
		opts   Options
		header []string
		status int
	}{
		{"no browser", Options{}, nil, 200},
		{"own page", Options{}, []string{"Referer", "http://example.test/page", "Sec-Fetch-Site", "same-origin"}, 200},
		{"own page, old browser", Options{}, []string{"Referer", "http://example.test/page", "Cookie", "a=b"}, 200},
		{"own page that hides itself", Options{}, []string{"Sec-Fetch-Site", "same-origin", "Cookie", "a=b"}, 200},
		{"foreign page", Options{}, []string{"Referer", "http://evil.test/page"}, 403},
		{"foreign page that hides itself", Options{}, []string{"Sec-Fetch-Site", "cross-site"}, 403},
		{"cookies from nowhere", Options{}, []string{"Cookie", "a=b"}, 403},
		{"allowed page", Options{AllowedOrigins: []string{"https://app.test"}}, []string{"Referer", "https://app.test/page"}, 200},
		{"any page", Options{AllowedOrigins: []string{"*"}}, []string{"Sec-Fetch-Site", "cross-site"}, 200},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, c.opts)
			if a := w.request(http.MethodGet, "EIO=4&transport=polling&j=0", "", c.header...); a.status != c.status {
				t.Errorf("%d %q", a.status, a.body)
			}
		})
	}
}

// TestAnswerOfRevision3ComesFirst: some clients miss a packet that comes with it.
func TestAnswerOfRevision3ComesFirst(t *testing.T) {
	w := newWorld(t, eio3)
	began := time.Now()
	w.socketV3("")
	if d := time.Since(began); d < answerLead {
		t.Errorf("the first packet came after %v", d)
	}
}
