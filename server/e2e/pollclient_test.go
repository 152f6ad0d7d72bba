package e2e

import (
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

const separator = "\x1e"

// handshake is the payload of the open packet.
type handshake struct {
	SID          string   `json:"sid"`
	Upgrades     []string `json:"upgrades"`
	PingInterval int      `json:"pingInterval"`
	PingTimeout  int      `json:"pingTimeout"`
	MaxPayload   int      `json:"maxPayload"`
}

// parseHandshake takes the open packet, which must have these keys and no others.
func parseHandshake(t testing.TB, packet string) (hs handshake) {
	t.Helper()
	payload, ok := strings.CutPrefix(packet, "0")
	in := json.NewDecoder(strings.NewReader(payload))
	in.DisallowUnknownFields()
	var keys map[string]any
	err := in.Decode(&hs)
	_ = json.Unmarshal([]byte(payload), &keys)
	if !ok || err != nil || len(keys) != 5 || hs.SID == "" || hs.Upgrades == nil {
		t.Fatalf("the open packet is %q (%v)", packet, err)
	}
	return hs
}

// An answer is what an HTTP request got.
type answer struct {
	status int
	body   string
	header http.Header
}

// request sends an HTTP request to the server; err is of the connection.
func request(t testing.TB, srv *server, method, query, body string, header ...string) (answer, error) {
	t.Helper()
	return requestPath(t, srv, method, "?"+query, body, header...)
}

// requestPath sends a request for what is below the server's path.
func requestPath(t testing.TB, srv *server, method, path, body string, header ...string) (answer, error) {
	t.Helper()
	var in io.Reader
	if body != "" {
		in = strings.NewReader(body)
	}
	req, err := http.NewRequest(method, srv.url+"/socket.io/"+path, in)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	res, err := httpClient(t).Do(req)
	if err != nil {
		return answer{}, err
	}
	defer res.Body.Close()
	content, err := io.ReadAll(res.Body)
	return answer{res.StatusCode, string(content), res.Header}, err
}

// httpClient has connections of its own, of which none is left after the test.
func httpClient(t testing.TB) *http.Client {
	transport := &http.Transport{DisableKeepAlives: true}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, Timeout: patience}
}

// A pollClient is a session over polling.
type pollClient struct {
	t   testing.TB
	srv *server
	handshake
	waiting []string // packets of a payload that were not asked for yet
}

const pollQuery = "EIO=4&transport=polling"

func openPolling(t testing.TB, srv *server) *pollClient {
	t.Helper()
	a := must(request(t, srv, "GET", pollQuery, ""))(t)
	if a.status != http.StatusOK {
		t.Fatalf("handshake: %d %s", a.status, a.body)
	}
	return &pollClient{t: t, srv: srv, handshake: parseHandshake(t, a.body)}
}

// joinPolling opens a session, joins the main namespace and returns the socket's id.
func joinPolling(t testing.TB, srv *server) (p *pollClient, id string) {
	t.Helper()
	p = openPolling(t, srv)
	p.send("40")
	id = socketID(t, p.packet(), "")
	if event := p.packet(); !strings.HasPrefix(event, `42["welcome"`) {
		t.Fatalf("after the CONNECT reply came %q", event)
	}
	return p, id
}

func must(a answer, err error) func(testing.TB) answer {
	return func(t testing.TB) answer {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
}

func (p *pollClient) query() string { return pollQuery + "&sid=" + p.SID }

func (p *pollClient) get() answer {
	p.t.Helper()
	return must(request(p.t, p.srv, "GET", p.query(), ""))(p.t)
}

// begin sends a GET; its answer comes from the channel.
func (p *pollClient) begin() <-chan answer {
	done := make(chan answer, 1)
	go func() {
		a, err := request(p.t, p.srv, "GET", p.query(), "")
		if err != nil {
			a.body = err.Error()
		}
		done <- a
	}()
	return done
}

func (p *pollClient) post(body string, header ...string) answer {
	p.t.Helper()
	return must(request(p.t, p.srv, "POST", p.query(), body, header...))(p.t)
}

// send posts packets, which the server must take.
func (p *pollClient) send(packets ...string) {
	p.t.Helper()
	if a := p.post(strings.Join(packets, separator)); a.status != http.StatusOK || a.body != "ok" {
		p.t.Fatalf("POST: %d %q", a.status, a.body)
	}
}

// packet returns the next packet, polling for it if need be.
func (p *pollClient) packet() string {
	p.t.Helper()
	deadline := time.Now().Add(patience)
	for len(p.waiting) == 0 {
		a := p.get()
		if a.status != http.StatusOK || time.Now().After(deadline) {
			p.t.Fatalf("GET: %d %q", a.status, a.body)
		}
		p.waiting = slices.DeleteFunc(strings.Split(a.body, separator), func(packet string) bool { return packet == "6" })
	}
	next := p.waiting[0]
	p.waiting = p.waiting[1:]
	return next
}

// want reads the next packets, which must be these.
func (p *pollClient) want(packets ...string) {
	p.t.Helper()
	for _, want := range packets {
		if got := p.packet(); got != want {
			p.t.Fatalf("got %q, want %q", shorten(got), shorten(want))
		}
	}
}

// wantEcho proves that the session works.
func (p *pollClient) wantEcho(word string) {
	p.t.Helper()
	p.send(`42["echo","` + word + `"]`)
	p.want(`42["echo","` + word + `"]`)
}

// wantGone checks that the server does not know the session.
func (p *pollClient) wantGone() {
	p.t.Helper()
	if a := p.get(); a.status != http.StatusBadRequest || a.body != `{"code":1,"message":"Session ID unknown"}` {
		p.t.Errorf("after its end the session answers %d %q", a.status, a.body)
	}
}
