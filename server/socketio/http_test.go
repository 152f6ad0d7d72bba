package socketio_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"parley/server/engineio"
	"parley/server/socketio"
	"parley/server/socketiotest"
)

// fetch gives a server one request; header is names and values in turn.
func fetch(srv http.Handler, method, target string, header ...string) *httptest.ResponseRecorder {
	w, r := httptest.NewRecorder(), httptest.NewRequest(method, target, nil)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	srv.ServeHTTP(w, r)
	return w
}

const noTransport = `{"code":0,"message":"Transport unknown"}`

func TestClientFilesFollowTheOrigins(t *testing.T) {
	srv := newServer(t, &socketio.Options{AllowedOrigins: []string{"https://app.test"}})
	const file = "/any/path/socket.io.esm.min.js"
	if w := fetch(srv, "GET", file); w.Code != 200 || w.Header().Values("Vary")[0] != "Origin" {
		t.Errorf("%d %v", w.Code, w.Header())
	}
	if w := fetch(srv, "GET", file, "Origin", "https://app.test"); w.Code != 200 || w.Header().Get("Access-Control-Allow-Origin") != "https://app.test" {
		t.Errorf("%d %v", w.Code, w.Header())
	}
	if w := fetch(srv, "GET", file, "Origin", "https://evil.test"); w.Code != 403 {
		t.Errorf("%d", w.Code)
	}
	if w := fetch(srv, "OPTIONS", file, "Origin", "https://app.test", "Access-Control-Request-Method", "GET"); w.Code != 204 {
		t.Errorf("%d", w.Code)
	}
	for _, target := range []string{"/socket.io/socket.io.css", "/socket.io/socket.io.js/", "/socket.io"} {
		if w := fetch(srv, "GET", target); w.Code != 400 || w.Body.String() != noTransport {
			t.Errorf("%s: %d %.80q", target, w.Code, w.Body)
		}
	}
	if w := fetch(srv, "POST", file); w.Code != 400 {
		t.Errorf("POST: %d", w.Code)
	}
}

func TestClientFilesCanBeSwitchedOff(t *testing.T) {
	srv := newServer(t, &socketio.Options{DisableClient: true})
	if w := fetch(srv, "GET", "/socket.io/socket.io.js"); w.Code != 400 || w.Body.String() != noTransport {
		t.Errorf("%d %.80q", w.Code, w.Body)
	}
}

// Clients with addTrailingSlash: false leave the last slash out.
func TestPathWithoutItsLastSlash(t *testing.T) {
	srv := newServer(t, nil)
	mux := http.NewServeMux()
	mux.Handle("/socket.io/", srv)
	mux.Handle("/socket.io", srv)
	for _, transport := range []string{socketiotest.Polling, socketiotest.WebSocket} {
		c := socketiotest.Connect(t, mux, "/", &socketiotest.Options{Path: "/socket.io", Transport: transport})
		c.Close()
	}
}

func TestHTTPOptionsReachTheEngine(t *testing.T) {
	var failed []int
	srv := newServer(t, &socketio.Options{
		AllowOrigin:       func(_ *http.Request, origin string) bool { return origin == "null" },
		CORS:              socketio.CORS{ExposedHeaders: []string{"X-Seen"}},
		Cookie:            &http.Cookie{Name: "sticky"},
		Headers:           func(h http.Header, _ *http.Request, _ bool) { h.Set("X-Seen", "yes") },
		GenerateID:        func(r *http.Request) (string, error) { return r.URL.Query().Get("id"), nil },
		NodeTag:           "tag-",
		MaxHeader:         1000,
		OnConnectionError: func(e engineio.ConnectionError) { failed = append(failed, e.Code) },
		AllowRequest: func(r *http.Request) error {
			if r.Header.Get("Authorization") == "" {
				return errors.New("who are you?")
			}
			return nil
		},
	})
	const handshake = "/socket.io/?EIO=4&transport=polling&id=secret"
	w := fetch(srv, "GET", handshake, "Authorization", "yes", "Origin", "null")
	if h := w.Header(); w.Code != 200 || !strings.Contains(w.Body.String(), `"sid":"tag-secret"`) || h.Get("X-Seen") != "yes" ||
		h.Get("Access-Control-Expose-Headers") != "X-Seen" || !strings.HasPrefix(h.Get("Set-Cookie"), "sticky=tag-secret;") {
		t.Errorf("%d %q %v", w.Code, w.Body, h)
	}
	if w := fetch(srv, "GET", handshake); w.Code != 403 || !strings.Contains(w.Body.String(), "who are you?") {
		t.Errorf("%d %q", w.Code, w.Body)
	}
	if w := fetch(srv, "GET", handshake, "Authorization", strings.Repeat("x", 1000)); w.Code != 431 {
		t.Errorf("%d %q", w.Code, w.Body)
	}
	if len(failed) != 2 || failed[0] != 4 || failed[1] != 3 {
		t.Errorf("codes %v", failed)
	}
}

// The middlewares of Express have their place around the handler.
func TestMiddlewareWrapsTheServer(t *testing.T) {
	srv := newServer(t, nil)
	guarded := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") == "" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		w.Header().Set("X-Frame-Options", "DENY")
		srv.ServeHTTP(w, r)
	})
	for _, transport := range []string{socketiotest.Polling, socketiotest.WebSocket} {
		opts := &socketiotest.Options{Transport: transport, Header: http.Header{"Authorization": {"yes"}}}
		socketiotest.Connect(t, guarded, "/", opts).Close()
		opts.Header = nil
		if _, err := socketiotest.Dial(context.Background(), guarded, "/", opts); err == nil {
			t.Errorf("%s: a client without a header passed", transport)
		}
	}
}
