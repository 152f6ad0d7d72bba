// Package e2e drives the server from outside: with the official client in Node
// and in Chromium, and with raw bytes that no client would send.
//
// "go test ./server/e2e -peer=node" runs the same against Node's own server,
// which tells a wrong test from a wrong server.
package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"runtime"
	"runtime/pprof"
	"slices"
	"strings"
	"testing"
	"time"

	"parley/server/socketio"
)

var peer = flag.String("peer", "go", `the server under test: "go" or "node"`)

// patience bounds waits for what should come at once.
const patience = 15 * time.Second

// A server is a running peer with the application of app_test.go.
type server struct {
	url string
	io  *socketio.Server // nil if the peer is Node
	// certificate is the SHA-256 hash of that of WebTransport, if it is served.
	certificate []int
}

func (s *server) host() string { return strings.TrimPrefix(s.url, "http://") }

// start runs the server until the end of the test, which fails if anything of
// the server is left then.
func start(t *testing.T, opts socketio.Options) *server {
	t.Helper()
	switch *peer {
	case "go":
	case "node":
		return startNode(t, opts)
	default:
		t.Fatalf("-peer=%s: neither go nor node", *peer)
	}
	before := runtime.NumGoroutine()
	log := &testLog{t: t}
	opts.Logger = slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelError}))
	io := socketio.New(&opts)
	mount(io)
	mux := http.NewServeMux()
	mux.Handle("/socket.io/", io)
	for path, file := range pageFiles {
		mux.HandleFunc(path, func(w http.ResponseWriter, r *http.Request) {
			http.ServeFile(w, r, filepath.Join("js", filepath.FromSlash(file)))
		})
	}
	ts := httptest.NewServer(mux)
	stopWebTransport := func() {}
	srv := &server{url: ts.URL, io: io}
	if slices.Contains(opts.Transports, "webtransport") {
		srv.certificate, stopWebTransport = startWebTransport(t, io, ts.Listener.Addr().String())
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := io.Shutdown(ctx); err != nil {
			t.Errorf("Shutdown: %v", err)
		}
		stopWebTransport()
		ts.Close()
		settle(t, before)
	})
	return srv
}

// settle waits until no more goroutines run than there were.
func settle(t *testing.T, before int) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for runtime.NumGoroutine() > before {
		if time.Now().After(deadline) {
			var stacks bytes.Buffer
			_ = pprof.Lookup("goroutine").WriteTo(&stacks, 1)
			t.Fatalf("%d goroutines left, %d before:\n%s", runtime.NumGoroutine(), before, stacks.Bytes())
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// testLog makes what the server logs as an error fail the test, except what
// the application does on purpose.
type testLog struct{ t *testing.T }

func (l *testLog) Write(line []byte) (int, error) {
	if !bytes.Contains(line, []byte(errPrivate.Error())) && !bytes.Contains(line, []byte("the name of a server-side event is reserved")) {
		l.t.Errorf("server log: %s", line)
	}
	return len(line), nil
}

// startNode runs the same application on Node's socket.io.
func startNode(t *testing.T, opts socketio.Options) *server {
	t.Helper()
	if opts.MaxPayload == 0 {
		opts.MaxPayload = 1_000_000
	}
	if opts.Transports == nil {
		opts.Transports = []string{"polling", "websocket"}
	}
	given, err1 := json.Marshal(map[string]any{
		"pingInterval":      milliseconds(opts.PingInterval, 25_000),
		"pingTimeout":       milliseconds(opts.PingTimeout, 20_000),
		"upgradeTimeout":    milliseconds(opts.UpgradeTimeout, 10_000),
		"connectTimeout":    milliseconds(opts.ConnectTimeout, 45_000),
		"maxHttpBufferSize": opts.MaxPayload,
		"transports":        opts.Transports,
		"allowUpgrades":     !opts.DisableUpgrade,
		"allowEIO3":         opts.AllowEIO3,
	})
	pages, err2 := json.Marshal(pageFiles)
	if err := errors.Join(err1, err2); err != nil {
		t.Fatal(err)
	}
	node := startScript(t, "reference.mjs", string(given), string(pages))
	var ready struct{ URL string }
	node.next(&ready, patience)
	return &server{url: ready.URL}
}

func milliseconds(d time.Duration, fallback int64) int64 {
	if d == 0 {
		return fallback
	}
	return d.Milliseconds()
}

// notNode says why a test or row does not hold for Node's server.
func notNode(t *testing.T, why string) {
	t.Helper()
	if *peer == "node" {
		t.Skip("differs from Node on purpose: " + why)
	}
}
