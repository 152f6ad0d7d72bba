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
	revisions := make(chan int, 1)
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
