package notifications

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"parley/namespaces/identity"
	"parley/server/socketio"
)

var secret = []byte("0123456789abcdef0123456789abcdef")

func token(t *testing.T, user, scope string) string {
	t.Helper()
	text, err := jwt.NewWithClaims(jwt.SigningMethodHS256, jwt.MapClaims{
		"userId": user, "username": user, "exp": time.Now().Add(time.Hour).Unix(), "scope": scope,
	}).SignedString(secret)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

const everyone = `{"to":{"everyone":true},"type":"system"}`

// post sends a request, from JSON and on loopback unless told otherwise.
func post(n *Notifications, body string, change func(r *http.Request)) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodPost, "http://localhost/api/notifications", strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json; charset=utf-8")
	if change != nil {
		change(r)
	}
	w := httptest.NewRecorder()
	n.Handler().ServeHTTP(w, r)
	return w
}

// answers checks an answer: a code, or nothing for ids.
func answers(t *testing.T, what string, w *httptest.ResponseRecorder, status int, code string) {
	t.Helper()
	var got struct {
		IDs   []string
		Error struct{ Code, Message string }
	}
	err := json.Unmarshal(w.Body.Bytes(), &got)
	if w.Code != status || err != nil || got.Error.Code != code || w.Header().Get("Content-Type") != "application/json" ||
		(code == "") != (len(got.IDs) > 0) || (code == "") != (got.Error.Message == "") {
		t.Errorf("%s: %d %s %v (%v), want %d %s", what, w.Code, w.Body, w.Header(), err, status, code)
	}
}

func TestPost(t *testing.T) {
	srv, n := mount(t, nil)
	p := visit(t, srv, "u1", 0)
	p.ask(`{"ok":true}`, "join-room", object{"roomId": "tea"})
	for i, to := range []string{`{"userId":"u1"}`, `{"userIds":["u1","u2"]}`, `{"room":"tea"}`, `{"everyone":true}`} {
		answers(t, to, post(n, `{"to":`+to+`,"type":"mention","data":{"postId":7,"read":true}}`, nil), http.StatusAccepted, "")
		want := sent(nil)
		if i < 2 {
			want["recipientId"] = "u1"
		}
		p.hears("notification", want)
		p.hears("unread-count", object{"count": i + 1})
	}
	for _, body := range []string{
		"", "null", "1", `"x"`, "[]", "{", "{} {}", "\xff", `{}`, everyone + ",",
		`{"type":"system"}`, `{"to":null,"type":"system"}`, `{"to":{},"type":"system"}`, `{"to":[],"type":"system"}`, `{"to":"u1","type":"system"}`,
		`{"to":{"everyone":false},"type":"system"}`, `{"to":{"everyone":1},"type":"system"}`, `{"To":{"everyone":true},"type":"system"}`,
		`{"to":{"userId":"u1","everyone":true},"type":"system"}`, `{"to":{"userId":"u1","userIds":["u2"]},"type":"system"}`,
		`{"to":{"userId":"u1","userId":"u2"},"type":"system"}`, `{"to":{"userid":"u1"},"type":"system"}`,
		`{"to":{"userId":""},"type":"system"}`, `{"to":{"userId":7},"type":"system"}`, `{"to":{"userId":null},"type":"system"}`,
		`{"to":{"userIds":[]},"type":"system"}`, `{"to":{"userIds":"u1"},"type":"system"}`, `{"to":{"userIds":[null]},"type":"system"}`,
		`{"to":{"room":""},"type":"system"}`, `{"to":{"room":{}},"type":"system"}`,
		`{"to":{"everyone":true}}`, `{"to":{"everyone":true},"type":"x"}`, `{"to":{"everyone":true},"type":null}`, `{"to":{"everyone":true},"type":["system"]}`,
		`{"to":{"everyone":true},"type":"system","data":null}`, `{"to":{"everyone":true},"type":"system","data":[]}`, `{"to":{"everyone":true},"type":"system","data":"x"}`,
		`{"to":{"everyone":true},"type":"system","data":{"a":1,"a":2}}`,
	} {
		answers(t, body, post(n, body, nil), http.StatusBadRequest, "invalid")
	}
	answers(t, "a private room", post(n, `{"to":{"room":"user:u1"},"type":"system"}`, nil), http.StatusForbidden, "forbidden")
	answers(t, "large data", post(n, `{"to":{"everyone":true},"type":"system","data":{"x":"`+strings.Repeat("x", 10<<10)+`"}}`, nil), http.StatusRequestEntityTooLarge, "too_large")
	answers(t, "a large body", post(n, everyone+strings.Repeat(" ", 64<<10), nil), http.StatusRequestEntityTooLarge, "too_large")
	p.hearsNothing()
}

func TestPostOfTheWrongKind(t *testing.T) {
	_, n := mount(t, nil)
	set := func(name, value string) func(*http.Request) {
		return func(r *http.Request) { r.Header.Set(name, value) }
	}
	for _, kind := range []string{"", "text/plain", "application/x-www-form-urlencoded", "application/json;;", "multipart/form-data"} {
		answers(t, kind, post(n, everyone, set("Content-Type", kind)), http.StatusUnsupportedMediaType, "unsupported_media_type")
	}
	for _, method := range []string{http.MethodGet, http.MethodPut, http.MethodDelete, http.MethodOptions} {
		w := post(n, everyone, func(r *http.Request) { r.Method = method })
		answers(t, method, w, http.StatusMethodNotAllowed, "method_not_allowed")
		if w.Header().Get("Allow") != "POST, OPTIONS" {
			t.Errorf("%s: %v", method, w.Header())
		}
	}
	for _, origin := range []string{"https://evil.example", "null", "http://localhost.evil.example", "x\x01"} {
		answers(t, origin, post(n, everyone, set("Origin", origin)), http.StatusForbidden, "forbidden")
	}
	answers(t, "a loopback origin", post(n, everyone, set("Origin", "http://localhost:5173")), http.StatusAccepted, "")
	w := post(n, "", func(r *http.Request) {
		r.Method = http.MethodOptions
		r.Header.Set("Origin", "http://localhost:5173")
		r.Header.Set("Access-Control-Request-Method", "POST")
	})
	if w.Code != http.StatusNoContent || !strings.Contains(w.Header().Get("Access-Control-Allow-Methods"), "POST") {
		t.Errorf("preflight: %d %v", w.Code, w.Header())
	}
}

func TestPostWithKeys(t *testing.T) {
	srv := socketio.New(nil)
	v, err := identity.NewVerifier(identity.Options{Secret: secret})
	if err != nil {
		t.Fatal(err)
	}
	n := Mount(srv, identity.NewGate(v), nil)
	t.Cleanup(func() { _ = srv.Shutdown(t.Context()) })
	for _, c := range []struct {
		authorization string
		status        int
		code          string
	}{
		{"Bearer " + token(t, "svc", "x "+Scope), http.StatusAccepted, ""},
		{"Bearer " + token(t, "svc", "notifications"), http.StatusForbidden, "forbidden"},
		{"Bearer " + token(t, "svc", ""), http.StatusForbidden, "forbidden"},
		{"Bearer rubbish", http.StatusUnauthorized, "token_invalid"},
		{"Basic " + token(t, "svc", Scope), http.StatusUnauthorized, "token_missing"},
		{"", http.StatusUnauthorized, "token_missing"},
	} {
		w := post(n, everyone, func(r *http.Request) { r.Header.Set("Authorization", c.authorization) })
		answers(t, c.authorization, w, c.status, c.code)
	}
	inQuery := post(n, everyone, func(r *http.Request) { r.URL.RawQuery = "token=" + token(t, "svc", Scope) })
	answers(t, "a token in the query", inQuery, http.StatusUnauthorized, "token_missing")
}

func FuzzOrder(f *testing.F) {
	f.Add(everyone)
	f.Add(`{"to":{"userIds":["a"]},"type":"like","data":{"id":1,"x":[{}]}}`)
	f.Fuzz(func(t *testing.T, body string) {
		o, err := parseOrder([]byte(body))
		var e *socketio.Error
		if err != nil {
			if !errors.As(err, &e) || e.Code != "invalid" {
				t.Fatal(err)
			}
			return
		}
		d := Draft{Type: o.Type, Data: o.Data}
		c, err := d.content(1 << 10)
		if err != nil {
			if !errors.As(err, &e) {
				t.Fatal(err)
			}
			return
		}
		if _, err := json.Marshal(string(c.Data)); err != nil || c.Data != nil && c.Data.Kind() != '{' {
			t.Errorf("%q: data %q", body, c.Data)
		}
	})
}
