package e2e

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"

	"parley/namespaces/identity"
	"parley/namespaces/notifications"
	"parley/namespaces/plain"
	"parley/namespaces/pubsub"
	"parley/server/socketio"
)

// TestServicesWithOfficialClients runs notifications, channels and /ws as a browser
// and a service use them.
func TestServicesWithOfficialClients(t *testing.T) {
	notNode(t, "these namespaces are ours")
	srv := socketio.New(nil)
	gate := identity.NewGate(nil)
	pubsub.Mount(srv, gate, nil)
	hub := plain.New(srv, gate, nil)
	mux := http.NewServeMux()
	mux.Handle("/socket.io/", srv)
	mux.Handle("/api/notifications", notifications.Mount(srv, gate, nil).Handler())
	mux.Handle("/ws", hub)
	ts := httptest.NewServer(mux)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := hub.Shutdown(ctx); err != nil {
			t.Error(err)
		}
		if err := srv.Shutdown(ctx); err != nil {
			t.Error(err)
		}
		ts.Close()
	})
	node := startScript(t, "services.mjs", ts.URL)
	for {
		var step struct {
			Name, Trouble string
			Done          bool
		}
		node.next(&step, patience)
		if step.Trouble != "" {
			t.Errorf("%s: %s", step.Name, step.Trouble)
		}
		if step.Done {
			break
		}
	}
	node.wait()
}
