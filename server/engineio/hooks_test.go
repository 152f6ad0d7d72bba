package engineio

import (
	"errors"
	"fmt"
	"io"
	"log"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
)

func TestCookieNamesTheSessionOfAPollingHandshake(t *testing.T) {
	w := newWorld(t, Options{Cookie: &http.Cookie{}})
	a := w.request(http.MethodGet, "EIO=4&transport=polling", "")
	p := &poller{w: w, ear: await(t, "accept", w.ears)}
	p.query = "EIO=4&transport=polling&sid=" + p.s.ID()
	if got, want := a.header.Get("Set-Cookie"), "io="+p.s.ID()+"; Path=/; HttpOnly; SameSite=Lax"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	_, upgraded := w.dialSocket("EIO=4&transport=websocket")
	for what, h := range map[string]http.Header{
		"POST": p.post("4x").header, "upgrade": upgraded.Header, "refusal": w.request(http.MethodGet, "", "").header,
	} {
		if got := h.Values("Set-Cookie"); len(got) > 0 {
			t.Errorf("%s: %q", what, got)
		}
	}
}

func TestCookieFollowsItsTemplate(t *testing.T) {
	w := newWorld(t, Options{Cookie: &http.Cookie{Name: "sticky", Value: "x", Path: "/a", MaxAge: 60, Secure: true, SameSite: http.SameSiteNoneMode}})
	got := w.request(http.MethodGet, "EIO=4&transport=polling", "").header.Get("Set-Cookie")
	if want := "sticky=" + await(t, "accept", w.ears).s.ID() + "; Path=/a; Max-Age=60; HttpOnly; Secure; SameSite=None"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestHeadersHookSeesEverySuccess(t *testing.T) {
	w := newWorld(t, Options{Headers: func(h http.Header, r *http.Request, initial bool) {
		h.Set("X-Seen", fmt.Sprint(r.Method, " ", initial))
	}})
	seen := func(what string, h http.Header, want string) {
		t.Helper()
		if got := h.Get("X-Seen"); got != want {
			t.Errorf("%s: %q, want %q", what, got, want)
		}
	}
	seen("handshake", w.request(http.MethodGet, "EIO=4&transport=polling", "").header, "GET true")
	await(t, "accept", w.ears)
	p := w.poll()
	got := p.wait()
	_ = p.s.Send(text("x"))
	seen("poll", await(t, "the answer", got).header, "GET false")
	seen("POST", p.post("4x").header, "POST false")
	seen("method", w.request(http.MethodPut, p.query, "").header, "")
	_, res := w.dialSocket("EIO=4&transport=websocket&sid=" + p.sid)
	seen("upgrade", res.Header, "GET false")
	_, res = w.dialSocket("EIO=4&transport=websocket")
	seen("WebSocket", res.Header, "GET true")
	seen("refusal", w.request(http.MethodGet, "EIO=4&transport=polling&sid=none", "").header, "")
	seen("bad upgrade", w.request(http.MethodGet, "EIO=4&transport=websocket", "", "Upgrade", "websocket").header, "")
}

func TestAllowRequestIsAskedOnceASession(t *testing.T) {
	var mu sync.Mutex
	asked := 0
	w := newWorld(t, Options{AllowRequest: func(r *http.Request) error {
		mu.Lock()
		defer mu.Unlock()
		asked++
		switch r.Header.Get("Authorization") {
		case "":
			return errors.New("who <are> you?")
		case "silent":
			return errors.New("")
		}
		return nil
	}})
	w.expect("refused", w.request(http.MethodGet, "EIO=4&transport=polling", ""), 403, `{"code":4,"message":"who \u003care\u003e you?"}`)
	w.expect("silent", w.request(http.MethodGet, "EIO=4&transport=polling", "", "Authorization", "silent"), 403, `{"code":4,"message":"Forbidden"}`)
	_, res := w.dialSocket("EIO=4&transport=websocket")
	if body, _ := io.ReadAll(res.Body); res.StatusCode != 400 || string(body) != "who <are> you?" {
		t.Errorf("%s %q", res.Status, body)
	}
	w.request(http.MethodGet, "EIO=4&transport=polling", "", "Authorization", "yes")
	e := await(t, "accept", w.ears)
	p := &poller{w, e.s.ID(), "EIO=4&transport=polling&sid=" + e.s.ID(), e}
	p.post("4x")
	p.upgrade()
	if asked != 4 {
		t.Errorf("asked %d times", asked)
	}
}

func TestGenerateIDMakesTheIDs(t *testing.T) {
	var told ConnectionError
	w := newWorld(t, Options{
		GenerateID: func(r *http.Request) (string, error) {
			if id := r.Header.Get("X-Id"); id != "fail" {
				return id, nil
			}
			return "", errors.New("no luck")
		},
		OnConnectionError: func(e ConnectionError) { told = e },
	})
	begin := func(id string) answer { return w.request(http.MethodGet, "EIO=4&transport=polling", "", "X-Id", id) }
	if a := begin("Az09-._~"); a.status != 200 || await(t, "accept", w.ears).s.ID() != "Az09-._~" {
		t.Errorf("%+v", a)
	}
	for id, want := range map[string]error{
		"Az09-._~": errIDInUse, "": errBadID, "a b": errBadID, "a/b": errBadID, "a&b": errBadID, "é": errBadID, `"`: errBadID,
		strings.Repeat("x", maxID+1): errBadID, "fail": errors.New("no luck"),
	} {
		w.expect(id, begin(id), 400, `{"code":3,"message":"Bad request"}`)
		if told.Context["name"] != "ID_GENERATION_ERROR" || told.Context["error"] != want.Error() {
			t.Errorf("%q: %v", id, told.Context)
		}
	}
	if _, res := w.dialSocket("EIO=4&transport=websocket", "X-Id", "Az09-._~"); res.StatusCode != 400 {
		t.Errorf("WebSocket: %s", res.Status)
	}
	if s, res := w.dialSocket("EIO=4&transport=websocket", "X-Id", strings.Repeat("x", maxID)); res.StatusCode != 101 || !strings.Contains(s.read(), strings.Repeat("x", maxID)) {
		t.Errorf("WebSocket: %s", res.Status)
	}
	eventually(t, "two sessions are counted and no id is claimed", func() bool {
		w.mu.Lock()
		defer w.mu.Unlock()
		return w.live == 2 && len(w.claimed) == 0
	})
}

func TestAnIDIsGivenToOneOfManyAtATime(t *testing.T) {
	w := newWorld(t, Options{GenerateID: func(*http.Request) (string, error) { return "same", nil }})
	var wg sync.WaitGroup
	status := make(chan int, 20)
	for range cap(status) {
		wg.Go(func() { status <- w.request(http.MethodGet, "EIO=4&transport=polling", "").status })
	}
	wg.Wait()
	close(status)
	count := map[int]int{}
	for code := range status {
		count[code]++
	}
	if !maps.Equal(count, map[int]int{200: 1, 400: 19}) {
		t.Errorf("%v", count)
	}
}

func TestConnectionErrorsTellWhy(t *testing.T) {
	var told []ConnectionError
	w := newWorld(t, Options{
		MaxSessions:       2,
		MaxHeader:         2000,
		OnConnectionError: func(e ConnectionError) { told = append(told, e) },
	})
	p, s := w.poll(), w.socket()
	for _, c := range []struct {
		query, header, value string
		code                 int
		context              map[string]string
	}{
		{"transport=__proto__", "", "", 0, map[string]string{"transport": "__proto__"}},
		{"EIO=4&transport=polling&sid=none", "", "", 1, map[string]string{"sid": "none"}},
		{"EIO=4&transport=websocket", "", "", 3, map[string]string{"name": "TRANSPORT_HANDSHAKE_ERROR", "transport": "websocket"}},
		{"EIO=4&transport=websocket&sid=" + p.sid, "", "", 3, map[string]string{"name": "TRANSPORT_MISMATCH", "transport": "websocket", "previousTransport": "polling"}},
		{"EIO=4&transport=polling&sid=" + s.sid, "", "", 3, map[string]string{"name": "TRANSPORT_MISMATCH", "transport": "polling", "previousTransport": "websocket"}},
		{"EIO=3&transport=polling&sid=" + p.sid, "", "", 3, map[string]string{"name": "PROTOCOL_MISMATCH", "protocol": "3"}},
		{"EIO=3&transport=polling", "", "", 5, map[string]string{"protocol": "3"}},
		{"EIO=4&transport=polling", "Origin", "https://evil.test", 4, map[string]string{"name": "ORIGIN_NOT_ALLOWED", "origin": "https://evil.test", "host": "example.test"}},
		{"EIO=4&transport=polling", "X-Long", strings.Repeat("x", 2000), 3, map[string]string{"name": "HEADER_TOO_LARGE"}},
		{"EIO=4&transport=polling", "", "", 3, map[string]string{"name": "UNAVAILABLE"}},
	} {
		told = nil
		var header []string
		if c.header != "" {
			header = []string{c.header, c.value}
		}
		a := w.request(http.MethodGet, c.query, "", header...)
		if len(told) != 1 {
			t.Fatalf("%s: told %d times", c.query, len(told))
		}
		e := told[0]
		want := fmt.Sprintf(`{"code":%d,"message":"%s"}`, c.code, e.Message)
		if e.Code != c.code || !maps.Equal(e.Context, c.context) || e.Request == nil || a.body != want {
			t.Errorf("%s: %+v, %q", c.query, e, a.body)
		}
	}
	told = nil
	if w.request(http.MethodPost, "EIO=4&transport=polling", ""); told[0].Code != 2 || told[0].Context["method"] != "POST" {
		t.Errorf("POST: %+v", told)
	}
	w.dialSocket("EIO=4&transport=websocket&sid=none")
	if len(told) != 2 || told[1].Code != 1 {
		t.Errorf("%+v", told)
	}
}

func TestLargeHandshakeIsRefused(t *testing.T) {
	w := newWorld(t, Options{MaxHeader: 1000})
	long := strings.Repeat("x", 1000)
	w.expect("header", w.request(http.MethodGet, "EIO=4&transport=polling", "", "X-Long", long), 431, `{"code":3,"message":"URL and header are larger than MaxHeader"}`)
	w.expect("URL", w.request(http.MethodGet, "EIO=4&transport=polling&x="+long, ""), 431, `{"code":3,"message":"URL and header are larger than MaxHeader"}`)
	if _, res := w.dialSocket("EIO=4&transport=websocket", "X-Long", long); res.StatusCode != 431 {
		t.Errorf("WebSocket: %s", res.Status)
	}
	w.poll()
}

// A hook that panics ends its own request, and leaves nothing behind.
func TestPanicInAHookEndsItsRequestOnly(t *testing.T) {
	const evil = "X-Evil"
	check := func(hook string) func(r *http.Request) {
		return func(r *http.Request) {
			if r.Header.Get(evil) == hook {
				panic("evil " + hook)
			}
		}
	}
	headers, allow, id, origin, failed := check("headers"), check("allow"), check("id"), check("origin"), check("error")
	s := New(nil, &Options{
		Headers:           func(_ http.Header, r *http.Request, _ bool) { headers(r) },
		AllowRequest:      func(r *http.Request) error { allow(r); return nil },
		GenerateID:        func(r *http.Request) (string, error) { id(r); return newID(""), nil },
		AllowOrigin:       func(r *http.Request, _ string) bool { origin(r); return true },
		OnConnectionError: func(e ConnectionError) { failed(e.Request) },
	})
	w := &world{t: t, host: "example.test", ears: make(chan *ear, 100), Server: s}
	s.accept = func(session *Session) Receiver {
		switch session.Handshake().Header().Get(evil) {
		case "accept":
			panic("evil accept")
		case "close":
			session.Close(ReasonForcedClose)
			panic("evil accept after Close")
		}
		e := &ear{t: t, s: session, heard: make(chan string, 10), closed: make(chan ending, 1)}
		w.ears <- e
		return e
	}
	ts := httptest.NewUnstartedServer(s)
	ts.Config.ErrorLog = log.New(io.Discard, "", 0)
	ts.Start()
	defer ts.Close()
	w.serveAt(ts.Listener.Addr().String())
	defer w.shutdown()

	p := w.poll()
	for _, hook := range []string{"headers", "allow", "id", "origin", "accept", "close"} {
		if a := w.request(http.MethodGet, "EIO=4&transport=polling", "", evil, hook, "Origin", "https://x.test"); a.err == nil {
			t.Errorf("%s: the handshake was answered with %d", hook, a.status)
		}
		w.ended("EIO=4&transport=websocket", evil, hook, "Origin", "https://x.test")
	}
	if a := w.request(http.MethodGet, "EIO=4&transport=polling&sid=none", "", evil, "error"); a.err == nil {
		t.Errorf("the refused request was answered with %d", a.status)
	}
	w.ended("EIO=4&transport=websocket&sid="+p.sid, evil, "headers")
	for len(w.ears) > 0 { // the sessions whose answers the hook kept back
		(<-w.ears).s.Close(ReasonForcedClose)
	}
	eventually(t, "one session is counted and no id is claimed", func() bool {
		w.mu.Lock()
		defer w.mu.Unlock()
		return w.live == 1 && len(w.claimed) == 0
	})
	p.post("4x")
	_ = p.upgrade().Close()
}
