package main

import (
	"bytes"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var testSecret = strings.Repeat("k", 32)

// printed runs "parley token" and returns the token.
func printed(t *testing.T, args ...string) string {
	t.Helper()
	var stdout, stderr bytes.Buffer
	if code := run(append([]string{"token"}, args...), []string{"PARLEY_JWT_SECRET=" + testSecret}, nil, &stdout, &stderr); code != exitOK || stderr.Len() > 0 {
		t.Fatalf("code %d: %s", code, &stderr)
	}
	return strings.TrimSpace(stdout.String())
}

// secretFile returns the flag that gives the secret to a server.
func secretFile(t *testing.T) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(name, []byte(testSecret+"\r\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return "--jwt-secret-file=" + name
}

func TestWithAKeyOnlyTokensLetIn(t *testing.T) {
	r := start(t, secretFile(t))
	main := handshake(t, r.url, "/socket.io/")
	main.send(t, `40{"token":"`+printed(t, "--user", "u1")+`"}`)
	main.await(t, `40{"sid"`)
	ann := connect(t, r.url, "/socket.io/", `40/chat,{"token":"`+printed(t, "--user", "u1", "--name", "Ann", "--ttl", "1m")+`","userId":"u2","username":"Bob"}`)
	ann.send(t, `42/chat,0["join",{"roomId":"tea","userId":"u2","username":"Bob"}]`)
	ann.await(t, `"users":[{"userId":"u1","username":"Ann"}]`)
	for _, auth := range []string{`{"userId":"u1","username":"Ann"}`, `{"token":"` + printed(t, "--user", "u1", "--jwt-issuer", "x") + `x"}`} {
		refusedBy(t, r.url, "/chat", auth)
		refusedBy(t, r.url, "/", auth)
	}
	if status, _ := get(t, r.url+"/metrics"); status != http.StatusNotFound {
		t.Errorf("metrics for everybody: %d", status)
	}
	if log := r.log.String(); strings.Contains(log, "open mode") || strings.Contains(log, testSecret) {
		t.Errorf("the log:\n%s", log)
	}
}

func refusedBy(t *testing.T, url, namespace, auth string) {
	t.Helper()
	c := handshake(t, url, "/socket.io/")
	c.send(t, "40"+namespace+","+auth)
	if text := c.poll(t); !strings.Contains(text, `{"message":"Authentication failed","data":{"code":"token_`) {
		t.Errorf("%s with %s: %s", namespace, auth, text)
	}
}

func TestAddressDependsOnTheKey(t *testing.T) {
	for want, environ := range map[string][]string{
		"127.0.0.1:3000": {"PARLEY_JWT_SECRET="},
		":3000":          {"PARLEY_JWT_SECRET=" + testSecret},
		":80":            {"PARLEY_JWT_SECRET=" + testSecret, "PARLEY_ADDR=:80"},
	} {
		if c, err := parseConfig(nil, environ); err != nil || c.addr != want {
			t.Errorf("%q: %v, %v", environ, c, err)
		}
	}
}

func TestSecretsAreNotRepeated(t *testing.T) {
	var stdout, stderr bytes.Buffer
	run([]string{"--jwt-secret", "too-short-a-secret"}, nil, nil, &stdout, &stderr)
	run([]string{"--help"}, []string{"PARLEY_JWT_SECRET=too-short-a-secret"}, nil, &stdout, &stderr)
	run([]string{"token", "--user", "u"}, []string{"PARLEY_JWT_SECRET=too-short-a-secret"}, nil, &stdout, &stderr)
	if text := stdout.String() + stderr.String(); strings.Contains(text, "too-short") {
		t.Errorf("it is shown:\n%s", text)
	}
}

func TestTokenSaysWhatIsMissing(t *testing.T) {
	for _, c := range []struct {
		args    []string
		environ string
		want    string
	}{
		{[]string{"--name", "Ann"}, "PARLEY_JWT_SECRET=" + testSecret, "--user is missing"},
		{[]string{"--user", "u1"}, "", "there is no key"},
		{[]string{"--user", "u1", "--jwt-jwks", "keys.json"}, "", "--jwt-private-key is missing"},
		{[]string{"--user", "u1", "--jwt-private-key", "/nowhere"}, "", "--jwt-private-key: "},
		{[]string{"--user", "u1"}, "PARLEY_JWT_SECRET=short", "--jwt-secret: Secret has 5 bytes"},
		{[]string{"--user", strings.Repeat("u", 251)}, "PARLEY_JWT_SECRET=" + testSecret, "--user is longer than 250 bytes"},
		{[]string{"--user", "u1", "--ttl", "soon"}, "PARLEY_JWT_SECRET=" + testSecret, `--ttl "soon": `},
		{[]string{"--addr", ":1"}, "", "--addr"},
	} {
		var stdout, stderr bytes.Buffer
		code := run(append([]string{"token"}, c.args...), []string{c.environ}, nil, &stdout, &stderr)
		if code != exitUsage || stdout.Len() > 0 || !strings.Contains(stderr.String(), c.want) {
			t.Errorf("%q: code %d, %s%s, want %q", c.args, code, &stdout, &stderr, c.want)
		}
	}
	var help, stderr bytes.Buffer
	if code := run([]string{"token", "--help"}, nil, nil, &help, &stderr); code != exitOK || !strings.Contains(help.String(), "--ttl") || strings.Contains(help.String(), "PARLEY_USER") {
		t.Errorf("code %d: %s%s", code, &help, &stderr)
	}
}

func TestRateLimitIsAFlag(t *testing.T) {
	for limit, want := range map[int]int{0: 15, 3: 3} {
		t.Run(fmt.Sprint(limit), func(t *testing.T) {
			r := start(t, fmt.Sprintf("--rate-limit=%d", limit))
			c := connect(t, r.url, "/socket.io/", `40/chat,{"userId":"u1","username":"Ann"}`)
			packets := []string{`42/chat,["join",{"roomId":"tea"}]`}
			for range 15 {
				packets = append(packets, `42/chat,["chat-message",{"content":"x"}]`)
			}
			c.send(t, append(packets, `42/chat,99["rooms"]`)...)
			accepted := 0
			for done := false; !done; {
				text := c.poll(t)
				accepted += strings.Count(text, `["chat-message",`)
				done = strings.Contains(text, "43/chat,99")
			}
			if accepted != want {
				t.Errorf("%d messages were accepted, want %d", accepted, want)
			}
		})
	}
}
