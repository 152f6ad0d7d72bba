package identity

import (
	"bufio"
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"parley/server/socketio"
	"parley/server/socketiotest"
)

const patience = 30 * time.Second

// guarded returns a server with namespaces behind a gate.
func guarded(t *testing.T, revoked *Revocations, namespaces ...string) (*socketio.Server, *Gate) {
	t.Helper()
	v, err := NewVerifier(Options{Secret: secret, Revocations: revoked})
	if err != nil {
		t.Fatal(err)
	}
	srv, g := socketio.New(&socketio.Options{AllowEIO3: true}), NewGate(v)
	for _, name := range namespaces {
		g.Guard(srv.Of(name))
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := srv.Shutdown(ctx); err != nil {
			t.Error(err)
		}
	})
	return srv, g
}

func signed(t *testing.T, key []byte, user string, life time.Duration) string {
	t.Helper()
	s, err := NewSigner(SignerOptions{Secret: key})
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	token, err := s.Sign(Claims{User: User{UserID: user}, ID: user + "'s token", Issued: now, Expires: now.Add(life)})
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// TestOfficialClientsAtTheGate: every namespace and every transport asks for a token alike.
func TestOfficialClientsAtTheGate(t *testing.T) {
	var revoked Revocations
	srv, gate := guarded(t, &revoked, "/", "/a", "/b")
	web := httptest.NewServer(srv)
	defer web.Close()
	other := signed(t, secret, "u2", time.Hour)
	client, reports := clients(t, map[string]any{"url": web.URL, "secret": string(secret), "tokens": map[string]string{
		"good": signed(t, secret, "u1", time.Hour), "other": other,
		"none": "", "rubbish": "rubbish", "expired": signed(t, secret, "u1", -time.Second),
		"forged": signed(t, []byte(strings.Repeat("x", 32)), "u1", time.Hour),
	}})

	var seen map[string]string
	next(t, reports, &seen)
	if len(seen) != 3*3*8+2*3*2 {
		t.Errorf("%d outcomes", len(seen))
	}
	const failed = "Authentication failed"
	for name, outcome := range seen {
		words := strings.Fields(name)
		want := map[string]string{
			"good": "in", "other": "in", "header": "in", "none": failed + ": token_missing", "query": failed + ": token_missing",
			"rubbish": failed + ": token_invalid", "expired": failed + ": token_expired", "forged": failed + ": token_invalid",
		}[words[len(words)-1]]
		if slices.Contains(words, "2.x") && want != "in" {
			if outcome != failed { // all that these clients are told
				t.Errorf("%s: %s", name, outcome)
			}
		} else if outcome != want {
			t.Errorf("%s: %s, want %s", name, outcome, want)
		}
	}

	var lives struct {
		Ends, Refreshes []string
		Connected       bool
	}
	next(t, reports, &lives)
	if !slices.Equal(lives.Ends, []string{CodeExpired, "io server disconnect"}) {
		t.Errorf("a token that ends: %q", lives.Ends)
	}
	if !slices.Equal(lives.Refreshes, []string{"forbidden", CodeInvalid, "ok"}) || !lives.Connected {
		t.Errorf("a token that is refreshed: %q, connected %t", lives.Refreshes, lives.Connected)
	}

	if err := revoked.RevokeToken("u2's token", time.Now().Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	gate.Sweep()
	if _, err := client.Write([]byte("go on\n")); err != nil {
		t.Fatal(err)
	}
	var end struct{ Revoked []string }
	next(t, reports, &end)
	if !slices.Equal(end.Revoked, []string{CodeRevoked, "io server disconnect"}) {
		t.Errorf("a token that is revoked: %q", end.Revoked)
	}
}

// clients starts the script of official clients.
func clients(t *testing.T, given any) (stdin interface{ Write([]byte) (int, error) }, reports *bufio.Scanner) {
	t.Helper()
	text, err := json.Marshal(given)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*patience)
	t.Cleanup(cancel)
	node := exec.CommandContext(ctx, "node", "identity.mjs", string(text))
	node.Dir = filepath.Join("..", "..", "server", "e2e", "js")
	node.Stderr = os.Stderr
	in, err := node.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := node.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := node.Start(); err != nil {
		t.Fatalf("%v; make test installs what is missing", err)
	}
	t.Cleanup(func() {
		_ = in.Close()
		_ = node.Wait()
	})
	return in, bufio.NewScanner(out)
}

func next(t *testing.T, reports *bufio.Scanner, report any) {
	t.Helper()
	if !reports.Scan() {
		t.Fatalf("the clients ended early: %v", reports.Err())
	}
	if err := json.Unmarshal(reports.Bytes(), report); err != nil {
		t.Fatal(err)
	}
}

func TestWhoIsBehindASocket(t *testing.T) {
	open := NewGate(nil)
	srv := socketio.New(nil)
	open.Guard(srv.Of("/"))
	defer srv.Shutdown(context.Background())
	socketio.OnAck(srv.Of("/"), "who", func(_ context.Context, s *socketio.Socket, _ socketio.None) (string, error) {
		p, known := Of(s)
		if p.Verified {
			t.Error("verified, in open mode")
		}
		if !known {
			return "nobody", nil
		}
		return p.UserID + " " + p.Username, nil
	})
	for _, c := range []struct {
		auth any
		want string
	}{
		{map[string]any{"userId": "u1", "username": "Ann"}, "u1 Ann"},
		{map[string]any{"userId": "u1", "username": "Ann", "token": "rubbish"}, "u1 Ann"},
		{map[string]any{"userId": "u1"}, "nobody"},
		{map[string]any{"userId": 1, "username": "Ann"}, "nobody"},
		{map[string]any{"UserId": "u1", "username": "Ann"}, "nobody"},
		{map[string]any{"userId": strings.Repeat("u", MaxName+1), "username": "Ann"}, "nobody"},
		{nil, "nobody"},
	} {
		client := socketiotest.Connect(t, srv, "/", &socketiotest.Options{Auth: c.auth})
		reply, err := client.EmitAck(t.Context(), "who")
		if err != nil {
			t.Fatal(err)
		}
		var who string
		if err := reply.Decode(&who); err != nil || who != c.want {
			t.Errorf("%v: %q, want %q", c.auth, who, c.want)
		}
	}
}

func TestRequests(t *testing.T) {
	v, err := NewVerifier(Options{Secret: secret})
	if err != nil {
		t.Fatal(err)
	}
	token := signed(t, secret, "u1", time.Hour)
	for _, c := range []struct {
		name    string
		verify  *Verifier
		header  string
		url     string
		inQuery bool
		user    string
		code    string
	}{
		{"bearer", v, "Authorization: Bearer " + token, "/", false, "u1", ""},
		{"scheme in other case", v, "Authorization: bearer  " + token, "/", false, "u1", ""},
		{"another scheme", v, "Authorization: Basic " + token, "/", false, "", CodeMissing},
		{"query", v, "X: y", "/?token=" + token, true, "u1", ""},
		{"query where none is taken", v, "X: y", "/?token=" + token, false, "", CodeMissing},
		{"said", v, "User-Id: u9", "/?userId=u9", true, "", CodeMissing},
		{"open: header", nil, "User-Id: u9", "/?userId=u8", true, "u9", ""},
		{"open: query", nil, "X: y", "/?userId=u8", false, "u8", ""},
		{"open: nobody", nil, "X: y", "/", false, "", ""},
		{"open: too long", nil, "User-Id: " + strings.Repeat("u", MaxName+1), "/", false, "", ""},
	} {
		r := httptest.NewRequest(http.MethodGet, c.url, nil)
		name, value, _ := strings.Cut(c.header, ": ")
		r.Header.Set(name, value)
		p, err := NewGate(c.verify).Request(r, c.inQuery)
		if p.UserID != c.user || codeOf(err) != c.code || p.Verified != (c.verify != nil) {
			t.Errorf("%s: %+v, %v", c.name, p, err)
		}
	}
}

// TestTheEndOfAToken is exact about time, also for a token that was refreshed.
func TestTheEndOfAToken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv, _ := guarded(t, nil, "/")
		auth := func(life time.Duration) map[string]string {
			return map[string]string{"token": signed(t, secret, "u1", life)}
		}
		a := socketiotest.Connect(t, srv, "/", &socketiotest.Options{Auth: auth(time.Minute)})
		b := socketiotest.Connect(t, srv, "/", &socketiotest.Options{Auth: auth(time.Minute)})
		time.Sleep(30 * time.Second)
		if _, err := b.EmitAck(t.Context(), "refresh-token", auth(time.Hour)); err != nil {
			t.Fatal(err)
		}
		n := func() int { synctest.Wait(); return len(srv.Of("/").Sockets()) }
		time.Sleep(29 * time.Second)
		if n() != 2 {
			t.Error("a socket has ended before its token")
		}
		time.Sleep(time.Second)
		if n() != 1 {
			t.Error("a socket has outlived its token, or one that was refreshed has ended with the first")
		}
		a.Expect("error")
		time.Sleep(time.Hour)
		if n() != 0 {
			t.Error("a socket has outlived its second token")
		}
	})
}
