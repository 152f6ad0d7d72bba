package forward

import (
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"parley/adapters/redisconn/redistest"
)

// A server that stands still takes connections and requests, for its system does so, and answers nothing. Requests that wait
// for it are answered at hand, later ones at once, until it goes on.
func TestServerThatStandsStill(t *testing.T) {
	client := redistest.Start(t).Client(t)
	opts := Options{PeerTimeout: 300 * time.Millisecond}
	door := start(t, client, opts, nobody)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	opts.URL = "http://" + l.Addr().String()
	frozen, err := New(client, &opts)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := frozen.Close(ctx); err != nil {
			t.Error(err)
		}
	}()
	eventually(t, "the other is listed", func() bool { return frozen.Stats().Listed })
	target := path(frozen.Tag())
	answers := make(chan int, 10)
	ask := func(method string, body io.Reader) {
		status, _ := door.do(method, target, body)
		answers <- status
	}
	go ask("GET", nil)
	go ask("POST", strings.NewReader("2"))
	go ask("POST", strings.NewReader(strings.Repeat("x", 10<<20))) // more than the system takes for it
	for range 3 {
		if status := await(t, "an answer", answers); status != http.StatusTeapot {
			t.Errorf("status %d", status)
		}
	}
	ask("GET", nil)
	if status, forwarded := <-answers, door.Stats().Forwarded; status != http.StatusTeapot || forwarded != 0 {
		t.Errorf("status %d, %d forwarded", status, forwarded)
	}

	web := &http.Server{Handler: frozen.Handler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "back") }))}
	defer web.Close()
	go func() { _ = web.Serve(l) }()
	eventually(t, "it is tried again", func() bool {
		status, body := door.get(target)
		return status == http.StatusOK && body == "back"
	})
}

// A server that lives may take its time.
func TestSilentPollsOfALivingServerAreWaitedFor(t *testing.T) {
	const timeout = time.Second
	door, owner := pair(t, Options{PeerTimeout: timeout}, func(w http.ResponseWriter, _ *http.Request) {
		time.Sleep(2 * timeout)
		_, _ = io.WriteString(w, "at last")
	})
	if status, body := door.get(owner.target()); status != http.StatusOK || body != "at last" {
		t.Errorf("%d %q", status, body)
	}
	if s := owner.Stats(); s.Accepted != 1 {
		t.Errorf("%d accepted", s.Accepted)
	}
}

// What asks whether a server is there is no request of a client, and nothing is left of it.
func TestWatchEndsWithTheWaiting(t *testing.T) {
	door, owner := pair(t, Options{PeerTimeout: shortestPeerTime}, func(http.ResponseWriter, *http.Request) {})
	if status, _ := door.get(owner.target()); status != http.StatusOK {
		t.Errorf("status %d", status)
	}
	p := door.directory.find(t.Context(), owner.Tag())
	eventually(t, "nobody asks any more", func() bool {
		p.watch.mu.Lock()
		defer p.watch.mu.Unlock()
		return !p.watch.running && len(p.watch.waiting) == 0
	})
}
