package webtransport

import (
	"context"
	"crypto/tls"
	"errors"
	"net/http"
	"strings"
	"testing"

	"parley/server/socketio"
)

func TestShutdownOfTheServerDeliversWhatWaits(t *testing.T) {
	w := newWorld(t, socketio.Options{SendQueueBytes: 8 << 20})
	c := w.connect()
	text := strings.Repeat("x", 900_000)
	for range 3 {
		if err := w.io.Of("/").Emit("last", text); err != nil {
			t.Fatal(err)
		}
	}
	done := make(chan error, 1)
	go func() { done <- w.io.Shutdown(t.Context()) }()
	for range 3 {
		if got := c.want(`42["last",`); len(got) < len(text) {
			t.Errorf("%d bytes came", len(got))
		}
	}
	c.gone()
	w.reason("server shutting down")
	if err := <-done; err != nil {
		t.Error(err)
	}
	w.open("0").gone()
}

func TestShutdownEndsClients(t *testing.T) {
	w := newWorld(t, socketio.Options{})
	c := w.connect()
	w.open() // which has sent nothing
	if _, _, err := w.session(); err != nil {
		t.Fatal(err)
	}
	if err := w.wt.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
	c.gone()
	w.reason("transport close")
	if err := w.wt.ListenAndServe(); !errors.Is(err, http.ErrServerClosed) {
		t.Errorf("ListenAndServe afterwards: %v", err)
	}
}

func TestShutdownThatMayNotWaitCutsOff(t *testing.T) {
	w := newWorld(t, socketio.Options{})
	c := w.connect()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := w.wt.Shutdown(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	c.gone()
	w.reason("transport close")
}

func TestListenAndServe(t *testing.T) {
	io := socketio.New(nil)
	config := &tls.Config{Certificates: []tls.Certificate{{}}}
	if err := New(io, &Options{Addr: "nonsense", TLSConfig: config}).ListenAndServe(); err == nil {
		t.Error("an impossible address is served")
	}
	wt := New(io, &Options{Addr: "127.0.0.1:0", TLSConfig: config})
	served := make(chan error, 1)
	go func() { served <- wt.ListenAndServe() }()
	if err := wt.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
	if err := <-served; !errors.Is(err, http.ErrServerClosed) {
		t.Errorf("got %v", err)
	}
}

func TestNewNeedsACertificate(t *testing.T) {
	for _, opts := range []*Options{nil, {}} {
		func() {
			defer func() {
				if v := recover(); v != "webtransport: Options.TLSConfig is missing" {
					t.Errorf("panic with %v", v)
				}
			}()
			New(socketio.New(nil), opts)
		}()
	}
}
