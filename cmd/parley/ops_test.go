package main

import (
	"net/http"
	"regexp"
	"strings"
	"testing"
)

// startOps starts a server with tokens, and returns the operators' address too.
func startOps(t *testing.T, args ...string) (r *running, ops string) {
	t.Helper()
	r = start(t, append([]string{"--ops-addr", "127.0.0.1:0"}, args...)...)
	return r, "http://" + r.log.await(t, `msg="serving operators" addr=(\S+)`)[1]
}

func post(t *testing.T, url, payload string, header ...string) (int, string) {
	t.Helper()
	req, err := http.NewRequest(http.MethodPost, url, strings.NewReader(payload))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, body(t, res)
}

func TestRevokedTokensEndTheirSockets(t *testing.T) {
	r, ops := startOps(t, secretFile(t))
	token := printed(t, "--user", "u1")
	c := connect(t, r.url, "/socket.io/", `40/chat,{"token":"`+token+`"}`)
	other := connect(t, r.url, "/socket.io/", `40/chat,{"token":"`+printed(t, "--user", "u2")+`"}`)
	if status, text := post(t, ops+"/admin/revoke", `{"userId":"u1"}`); status != http.StatusOK || strings.TrimSpace(text) != `{"ok":true}` {
		t.Fatalf("%d %s", status, text)
	}
	c.await(t, `42/chat,["error",{"code":"token_revoked",`)
	refusedBy(t, r.url, "/chat", `{"token":"`+token+`"}`)
	other.send(t, `42/chat,0["rooms"]`)
	other.await(t, `43/chat,0[{"ok":true`)
}

func TestRevocationsAreChecked(t *testing.T) {
	_, ops := startOps(t, secretFile(t))
	for _, c := range []struct {
		body   string
		header []string
		status int
	}{
		{`{"jti":"t1"}`, nil, http.StatusOK},
		{`{"userId":"u1","before":"2026-01-02T03:04:05Z"}`, nil, http.StatusOK},
		{`{}`, nil, http.StatusBadRequest},
		{``, nil, http.StatusBadRequest},
		{`null`, nil, http.StatusBadRequest},
		{`{"jti":"t1","userId":"u1"}`, nil, http.StatusBadRequest},
		{`{"jti":"t1","before":"2026-01-02T03:04:05Z"}`, nil, http.StatusBadRequest},
		{`{"userId":"u1","before":"yesterday"}`, nil, http.StatusBadRequest},
		{`{"user":"u1"}`, nil, http.StatusBadRequest},
		{`{"jti":"t1"}{}`, nil, http.StatusBadRequest},
		{`{"jti":"` + strings.Repeat("x", maxRevocation) + `"}`, nil, http.StatusBadRequest},
		{`{"jti":"t1"}`, []string{"Content-Type", "text/plain"}, http.StatusUnsupportedMediaType},
		{`{"jti":"t1"}`, []string{"Origin", "http://127.0.0.1"}, http.StatusForbidden},
	} {
		if status, text := post(t, ops+"/admin/revoke", c.body, c.header...); status != c.status {
			t.Errorf("%.60s %q: %d %s", c.body, c.header, status, text)
		}
	}
	if status, _ := get(t, ops+"/admin/revoke"); status != http.StatusMethodNotAllowed {
		t.Errorf("GET: %d", status)
	}
	_, ops = startOps(t)
	if status, _ := post(t, ops+"/admin/revoke", `{"jti":"t1"}`); status != http.StatusConflict {
		t.Errorf("in open mode: %d", status)
	}
}

func TestMetrics(t *testing.T) {
	r, ops := startOps(t, "--rate-limit=1")
	c := connect(t, r.url, "/socket.io/", `40/chat,{"userId":"u1","username":"Ann"}`)
	c.send(t, `42/chat,["join",{"roomId":"tea"}]`, `42/chat,0["chat-message",{"content":"x"}]`, `42/chat,1["chat-message",{"content":"x"}]`)
	c.await(t, `43/chat,1[{"ok":false`)
	gone := connect(t, r.url, "/socket.io/", `40/chat,`)
	gone.send(t, `41/chat,`, `1`)
	if status, _ := get(t, r.url+"/socket.io/?EIO=4&transport=polling&sid=nobody"); status != http.StatusBadRequest {
		t.Errorf("a session of nobody: %d", status)
	}
	line := regexp.MustCompile(`^(# (HELP|TYPE) [a-z_]+ .+|[a-z_]+(\{[a-z]+="[^"]*"(,[a-z]+="[^"]*")*\})? -?\d+)$`)
	for _, url := range []string{r.url, ops} {
		status, text := get(t, url+"/metrics")
		if status != http.StatusOK {
			t.Fatalf("%s: %d", url, status)
		}
		for l := range strings.Lines(text) {
			if !line.MatchString(strings.TrimSuffix(l, "\n")) {
				t.Errorf("not a line of Prometheus: %q", l)
			}
		}
		for _, want := range []string{
			`socket_io_connect_total{namespace="/chat"} 2`, `socket_io_disconnect_total{namespace="/chat",reason="client namespace disconnect"} 1`,
			"socket_io_connected 1", `socket_io_errors_total{code="1",name=""} 1`, `parley_sessions{transport="polling"} 1`,
			`parley_sessions_total{transport="polling"} 2`, `parley_sessions_closed_total{reason="transport close"} 1`, "parley_rate_limited_total 1",
		} {
			if !strings.Contains(text, "\n"+want+"\n") {
				t.Errorf("%s has no %s:\n%s", url, want, text)
			}
		}
	}
}

func TestProfilesDoNotShowTheCommandLine(t *testing.T) {
	_, ops := startOps(t)
	if status, text := get(t, ops+"/debug/pprof/goroutine?debug=1"); status != http.StatusOK || !strings.Contains(text, "goroutine profile") {
		t.Errorf("%d %.80s", status, text)
	}
	if status, _ := get(t, ops+"/debug/pprof/cmdline"); status != http.StatusNotFound {
		t.Errorf("the command line: %d", status)
	}
}
