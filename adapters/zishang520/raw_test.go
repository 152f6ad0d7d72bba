package zishang520_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

var client = &http.Client{Timeout: 10 * time.Second}

// A raw is a client over polling that sends what it is told to.
type raw struct {
	t    *testing.T
	url  string
	news []string // packets that have come and nobody has asked for
}

// dial begins a session.
func dial(t *testing.T, url string) *raw {
	t.Helper()
	r := &raw{t: t, url: url + "/socket.io/?EIO=4&transport=polling"}
	first := r.next()
	_, rest, ok := strings.Cut(first, `"sid":"`)
	sid, _, _ := strings.Cut(rest, `"`)
	if !ok {
		t.Fatalf("the session begins with %q", first)
	}
	r.url += "&sid=" + sid
	return r
}

// join joins a namespace and returns its reply; "" is the main one.
func (r *raw) join(namespace string) string {
	r.t.Helper()
	r.send("40" + namespace)
	return r.next()
}

// try sends packets and returns the status of the answer.
func (r *raw) try(packets ...string) int {
	r.t.Helper()
	response, err := client.Post(r.url, "text/plain", strings.NewReader(strings.Join(packets, "\x1e")))
	if err != nil {
		r.t.Fatal(err)
	}
	_, _ = io.Copy(io.Discard, response.Body)
	_ = response.Body.Close()
	return response.StatusCode
}

func (r *raw) send(packets ...string) {
	r.t.Helper()
	if status := r.try(packets...); status != http.StatusOK {
		r.t.Fatalf("sending %q: status %d", packets, status)
	}
}

// poll fetches what has come; an error tells that the session has ended.
func (r *raw) poll() error {
	response, err := client.Get(r.url)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK {
		return fmt.Errorf("status %d, %q, %v", response.StatusCode, body, err)
	}
	r.news = append(r.news, strings.Split(string(body), "\x1e")...)
	return nil
}

// next returns the next packet from the server.
func (r *raw) next() string {
	r.t.Helper()
	for len(r.news) == 0 {
		if err := r.poll(); err != nil {
			r.t.Fatal(err)
		}
	}
	p := r.news[0]
	r.news = r.news[1:]
	return p
}

// expect fails the test if the next packet is another.
func (r *raw) expect(want string) {
	r.t.Helper()
	if got := r.next(); got != want {
		r.t.Fatalf("got %q, want %q", got, want)
	}
}

// ended waits for the end of the session.
func (r *raw) ended() {
	r.t.Helper()
	for deadline := time.Now().Add(5 * time.Second); time.Now().Before(deadline); {
		for _, p := range r.news {
			if p == "1" {
				return
			}
		}
		r.news = nil
		if r.poll() != nil {
			return
		}
	}
	r.t.Fatal("the session does not end")
}

// get returns the answer to a GET, without its body.
func get(t *testing.T, url string) *http.Response {
	t.Helper()
	response, err := client.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
	return response
}

// status returns that of the answer to a GET.
func status(t *testing.T, url string) int {
	t.Helper()
	return get(t, url).StatusCode
}

// serve serves a handler until the test ends.
func serve(t *testing.T, h http.Handler) (url string) {
	t.Helper()
	ts := httptest.NewServer(h)
	t.Cleanup(ts.Close)
	return ts.URL
}
