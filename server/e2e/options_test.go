package e2e

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"parley/server/socketio"
)

// mountOptions puts what the scenarios of js/options.mjs need.
func mountOptions(ns *socketio.Namespace) {
	tries := socketio.NewKey[int]("tries")
	late := func(ctx context.Context, _ *socketio.Socket, _ socketio.None) (string, error) {
		return "late", wait(ctx, 100*time.Millisecond)
	}
	socketio.OnAck(ns, "late", late)
	socketio.OnAck(ns, "late-at-first", func(ctx context.Context, s *socketio.Socket, _ socketio.None) (int, error) {
		n, _ := tries.Get(s)
		tries.Set(s, n+1)
		if n > 0 {
			return n + 1, nil
		}
		return 1, wait(ctx, 200*time.Millisecond)
	})
	socketio.OnAck(ns, "header", func(_ context.Context, s *socketio.Socket, name string) (string, error) {
		return s.Handshake().Header().Get(name), nil
	})
}

func wait(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// paths serves the server where the scenarios of js/options.mjs look for it.
func paths(srv *server) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/socket.io", srv.io)
	mux.Handle("/socket.io/", srv.io)
	mux.HandleFunc("/no-websocket/", func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Upgrade") != "" {
			http.Error(w, "no upgrades here", http.StatusBadRequest)
			return
		}
		srv.io.ServeHTTP(w, r)
	})
	mux.HandleFunc("/sticky/", func(w http.ResponseWriter, r *http.Request) {
		const name, value = "node", "1"
		if cookie, err := r.Cookie(name); r.URL.Query().Has("sid") && (err != nil || cookie.Value != value) {
			http.Error(w, "the wrong server", http.StatusBadRequest)
			return
		}
		http.SetCookie(w, &http.Cookie{Name: name, Value: value, HttpOnly: true})
		srv.io.ServeHTTP(w, r)
	})
	return mux
}

func TestOptionsOfTheOfficialClient(t *testing.T) {
	notNode(t, "it has fewer paths")
	srv := start(t, socketio.Options{})
	front := httptest.NewServer(paths(srv))
	t.Cleanup(front.Close)
	driver := startScript(t, "node.mjs", task{"url": front.URL, "mode": "upgrade", "options": true}.json())
	outcomes(t, driver)
	driver.wait()
}
