package socketio_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"parley/server/socketio"
)

// TestMiddlewareOfMainRefusesRevision3: nobody asked to join "/", and who is refused
// may still join another namespace.
func TestMiddlewareOfMainRefusesRevision3(t *testing.T) {
	srv := newServer(t, &socketio.Options{AllowEIO3: true})
	srv.Of("/").Use(func(context.Context, *socketio.Socket) error {
		return &socketio.Error{Code: "no", Message: "not \"here\""}
	})
	revisions := make(chan uint8, 1)
	srv.Of("/open").OnConnect(func(_ context.Context, s *socketio.Socket) { revisions <- s.Handshake().Revision })
	web := httptest.NewServer(srv)
	defer web.Close()
	const query = "/socket.io/?EIO=3&transport=polling"
	body := ask3(t, web, query, "")
	var opened struct{ SID string }
	_, packet, _ := strings.Cut(body, ":0")
	if err := json.NewDecoder(strings.NewReader(packet)).Decode(&opened); err != nil {
		t.Fatalf("%q: %v", body, err)
	}
	until := func(want string) {
		t.Helper()
		for !strings.HasSuffix(body, want) {
			body += ask3(t, web, query+"&sid="+opened.SID, "")
		}
	}
	until(`16:44"not \"here\""`)
	ask3(t, web, query+"&sid="+opened.SID, "8:40/open,")
	until(`8:40/open,`)
	if r := receive(t, revisions); r != 3 {
		t.Errorf("revision %d", r)
	}
}

// TestSocketOfRevision3WaitsForItsPredecessor: both have the same id, by which an
// application may know them.
func TestSocketOfRevision3WaitsForItsPredecessor(t *testing.T) {
	srv := newServer(t, &socketio.Options{AllowEIO3: true})
	withSync(srv.Of("/"))
	calls, gate := make(chan string, 10), make(chan struct{})
	again := srv.Of("/again")
	again.OnConnect(func(_ context.Context, s *socketio.Socket) { calls <- "connect " + s.ID() })
	again.OnDisconnect(func(_ context.Context, s *socketio.Socket, _ socketio.Reason) {
		<-gate
		calls <- "disconnect " + s.ID()
	})
	web := httptest.NewServer(srv)
	defer web.Close()
	const query = "/socket.io/?EIO=3&transport=polling"
	body := ask3(t, web, query, "")
	var opened struct{ SID string }
	_, packet, _ := strings.Cut(body, ":0")
	if err := json.NewDecoder(strings.NewReader(packet)).Decode(&opened); err != nil {
		t.Fatalf("%q: %v", body, err)
	}
	session, id := query+"&sid="+opened.SID, " /again#"+opened.SID
	ask3(t, web, session, "9:40/again,")
	for !strings.HasSuffix(body, "9:40/again,") {
		body += ask3(t, web, session, "")
	}
	ask3(t, web, session, `9:41/again,9:40/again,11:420["sync"]`)
	for !strings.HasSuffix(body, "5:430[]") { // all of it has been read
		body += ask3(t, web, session, "")
	}
	close(gate)
	for _, want := range []string{"connect", "disconnect", "connect"} {
		if got := receive(t, calls); got != want+id {
			t.Errorf("%s, want %s", got, want+id)
		}
	}
}

// ask3 gets, or posts a body.
func ask3(t *testing.T, web *httptest.Server, query, body string) string {
	t.Helper()
	method := http.MethodGet
	if body != "" {
		method = http.MethodPost
	}
	req, err := http.NewRequest(method, web.URL+query, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	res, err := web.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK {
		t.Fatalf("%s %s: %s %q %v", method, query, res.Status, text, err)
	}
	return string(text)
}
