package e2e

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"parley/server/socketio"
)

const (
	transportClose = "transport close"
	transportError = "transport error"
	parseError     = "parse error"
	forcedClose    = "forced close"
	pingTimeout    = "ping timeout"
	clientLeft     = "client namespace disconnect"
	serverKicked   = "server namespace disconnect"
)

// A watcher is a client that asks why other sockets ended.
type watcher struct {
	*wsConn
	asked int
}

func watch(t testing.TB, srv *server) *watcher { return &watcher{wsConn: joinWS(t, srv)} }

// want waits for the end of a socket, which must have this reason.
func (w *watcher) want(t testing.TB, id, reason string) {
	t.Helper()
	w.sendText(fmt.Sprintf(`42%d["reason-of",%q]`, w.asked, id))
	got := w.text()
	for strings.HasPrefix(got, `42["cast",`) {
		got = w.text() // the watcher is in the namespace, too
	}
	if want := fmt.Sprintf(`43%d[%q]`, w.asked, reason); got != want {
		t.Errorf("the server's reason: %s, want %s", got, want)
	}
	w.asked++
}

func TestPollingCarriesTextAndBinary(t *testing.T) {
	srv := start(t, socketio.Options{})
	p, _ := joinPolling(t, srv)
	p.wantEcho("hello")
	p.send(`451-["echo",{"_placeholder":true,"num":0}]`, "bAQIDBA==")
	p.want(`451-["echo",{"_placeholder":true,"num":0}]`, "bAQIDBA==")
	// Attachments may come in a later request than their packet.
	p.send(`451-["echo",{"_placeholder":true,"num":0}]`)
	p.send("bAQIDBA==")
	p.want(`451-["echo",{"_placeholder":true,"num":0}]`, "bAQIDBA==")
}

func TestPollingDecodesBase64AsNodeDoes(t *testing.T) {
	srv := start(t, socketio.Options{})
	p, _ := joinPolling(t, srv)
	for sent, back := range map[string]string{
		"b+/8=": "b+/8=", "b-_8": "b+/8=", "b+/8": "b+/8=", "b": "b", "bAA": "bAA==",
	} {
		p.send(`451-["echo",{"_placeholder":true,"num":0}]`, sent)
		p.want(`451-["echo",{"_placeholder":true,"num":0}]`, back)
	}
}

func TestOnePollTakesAllThatWaits(t *testing.T) {
	srv := start(t, socketio.Options{})
	p, _ := joinPolling(t, srv)
	var in, out []string
	for i := range 100 {
		in = append(in, fmt.Sprintf(`42%d["ack",%d]`, i, i))
		out = append(out, fmt.Sprintf(`43%d[%d]`, i, i))
	}
	p.send(in...)
	p.want(out[0]) // the first poll may have been answered before the last reply was there
	p.want(out[1:]...)
}

func TestPollingHeaders(t *testing.T) {
	srv := start(t, socketio.Options{})
	p, _ := joinPolling(t, srv)
	a := p.post(`42["echo",1]`)
	if a.status != 200 || a.body != "ok" || a.header.Get("Content-Type") != "text/html" ||
		a.header.Get("Content-Length") != "2" || a.header.Get("Cache-Control") != "no-store" {
		t.Errorf("POST: %d %q %v", a.status, a.body, a.header)
	}
	a = p.get()
	if a.status != 200 || a.body != `42["echo",1]` || a.header.Get("Content-Type") != "text/plain; charset=UTF-8" ||
		a.header.Get("Content-Length") != "12" || a.header.Get("Cache-Control") != "no-store" || a.header.Get("ETag") != "" {
		t.Errorf("GET: %d %q %v", a.status, a.body, a.header)
	}
}

func TestSecondPollClosesSession(t *testing.T) {
	srv := start(t, socketio.Options{})
	w := watch(t, srv)
	p, id := joinPolling(t, srv)
	one, two := p.begin(), p.begin()
	first, second := <-one, <-two
	if first.status != http.StatusOK {
		first, second = second, first
	}
	if first.status != 200 || first.body != "1" || second.status != 400 || second.body != "" {
		t.Errorf("the polls got %d %q and %d %q", first.status, first.body, second.status, second.body)
	}
	p.wantGone()
	w.want(t, id, transportError)
}

// halfPost begins a POST and returns when the server reads its body, which it
// shows by asking for it.
func halfPost(t testing.TB, srv *server, p *pollClient, length int) (io.WriteCloser, *bufio.Reader) {
	t.Helper()
	conn := dialTCP(t, srv)
	_, err := fmt.Fprintf(conn, "POST /socket.io/?%s HTTP/1.1\r\nHost: %s\r\nContent-Type: text/plain\r\n"+
		"Content-Length: %d\r\nExpect: 100-continue\r\n\r\n", p.query(), srv.host(), length)
	if err != nil {
		t.Fatal(err)
	}
	in := bufio.NewReader(conn)
	line, err := in.ReadString('\n')
	if err != nil || !strings.HasPrefix(line, "HTTP/1.1 100 ") {
		t.Fatalf("the server does not ask for the body: %q %v", line, err)
	}
	_, _ = in.ReadString('\n')
	return conn, in
}

func TestSecondPostClosesSession(t *testing.T) {
	srv := start(t, socketio.Options{})
	w := watch(t, srv)
	p, id := joinPolling(t, srv)
	_, first := halfPost(t, srv, p, 100)
	waiting := p.begin()
	if a := p.post(`42["echo",1]`); a.status != 400 || a.body != "" {
		t.Errorf("the second POST got %d %q", a.status, a.body)
	}
	if line, err := first.ReadString('\n'); err == nil && !strings.HasPrefix(line, "HTTP/1.1 4") {
		t.Errorf("the first POST got %q", line)
	}
	if a := <-waiting; a.status == http.StatusOK && a.body != "1" {
		t.Errorf("the poll got %q", a.body)
	}
	w.want(t, id, transportError)
	p.wantGone()
}

func TestAbortedPostClosesSession(t *testing.T) {
	srv := start(t, socketio.Options{})
	w := watch(t, srv)
	p, id := joinPolling(t, srv)
	conn, _ := halfPost(t, srv, p, 100)
	_ = conn.Close()
	w.want(t, id, transportError)
	p.wantGone()
}

func TestAbortedPollClosesSession(t *testing.T) {
	srv := start(t, socketio.Options{})
	w := watch(t, srv)
	p, id := joinPolling(t, srv)
	conn := dialTCP(t, srv)
	if _, err := fmt.Fprintf(conn, "GET /socket.io/?%s HTTP/1.1\r\nHost: %s\r\n\r\n", p.query(), srv.host()); err != nil {
		t.Fatal(err)
	}
	_ = conn.Close()
	w.want(t, id, transportError)
	p.wantGone()
}

// afterPost sends a POST while a GET waits, and returns both answers. That the
// GET is there first cannot be seen from outside, only that it was not, so the
// client tries until it was.
func afterPost(t *testing.T, srv *server, body string, header ...string) (get, post answer, p *pollClient, id string) {
	t.Helper()
	for range 50 {
		p, id = joinPolling(t, srv)
		waiting := p.begin()
		time.Sleep(time.Millisecond)
		post = p.post(body, header...)
		if get = <-waiting; get.status == http.StatusOK {
			return get, post, p, id
		}
	}
	t.Fatalf("no GET was in time; the last got %d %q", get.status, get.body)
	return get, post, p, id
}

func TestPostsThatEndTheSession(t *testing.T) {
	srv := start(t, socketio.Options{})
	w := watch(t, srv)
	for _, row := range []struct {
		name, body, contentType string
		status                  int
		get                     string
		reason                  string
	}{
		{"unknown packet type", "abc", "", 200, "1", parseError},
		{"packet type 7", "7", "", 200, "1", parseError},
		{"bad packet behind a good one", "3" + separator + "x", "", 200, "1", parseError},
		{"empty packet in the middle", "3" + separator + separator + "3", "", 200, "1", parseError},
		{"separator at the end", "3" + separator, "", 200, "1", parseError},
		{"close packet", "1", "", 200, "6", transportClose},
		{"ping from the client", "2", "", 200, "1", transportError},
		{"octet-stream", "4hello", "application/octet-stream", 400, "1", transportError},
		{"event on an unjoined namespace", `42/custom,["echo",1]`, "", 200, "1", forcedClose},
	} {
		t.Run(row.name, func(t *testing.T) {
			var header []string
			if row.contentType != "" {
				header = []string{"Content-Type", row.contentType}
			}
			get, post, p, id := afterPost(t, srv, row.body, header...)
			want := ""
			if row.status == 200 {
				want = "ok"
			}
			if post.status != row.status || post.body != want {
				t.Errorf("POST: %d %q, want %d %q", post.status, post.body, row.status, want)
			}
			if get.body != row.get {
				t.Errorf("GET: %q, want %q", get.body, row.get)
			}
			w.want(t, id, row.reason)
			p.wantGone()
		})
	}
}

func TestEmptyPostClosesSession(t *testing.T) {
	srv := start(t, socketio.Options{})
	w := watch(t, srv)
	p, id := joinPolling(t, srv)
	if a := p.post(""); a.status != 200 || a.body != "ok" {
		t.Errorf("POST: %d %q", a.status, a.body)
	}
	w.want(t, id, parseError)
}

func TestPacketsBeforeABadOneAreHandledAndNoneBehindIt(t *testing.T) {
	notNode(t, "it drops events whose handlers have not begun when the session ends")
	srv := start(t, socketio.Options{})
	w := watch(t, srv)
	for bad, reason := range map[string]string{"x": parseError, "1": transportClose} {
		listener := joinWS(t, srv)
		p, id := joinPolling(t, srv)
		p.post(strings.Join([]string{`42["cast",{},"before"]`, bad, `42["cast",{},"behind"]`}, separator))
		w.want(t, id, reason)
		listener.want(`42["cast","before"]`)
		listener.sendText(`420["ack",0]`)
		listener.want(`430[0]`)
		_ = listener.Close()
	}
}

func TestPayloadLimit(t *testing.T) {
	const limit = 1000
	srv := start(t, socketio.Options{MaxPayload: limit})
	event := func(size int) string {
		const frame = `42["echo",""]`
		return `42["echo","` + strings.Repeat("x", size-len(frame)) + `"]`
	}
	p, _ := joinPolling(t, srv)
	exact := event(limit)
	p.send(exact)
	p.want(exact)
	for _, row := range []struct {
		name, body string
		chunked    bool
	}{
		{"one byte too much", event(limit + 1), false},
		{"one byte too much in chunks", event(limit + 1), true},
		{"much too much", event(100 * limit), false},
		{"much too much in chunks", event(100 * limit), true},
		{"too much in all", event(limit/2) + separator + event(limit/2), false},
		{"too much in all in chunks", event(limit/2) + separator + event(limit/2), true},
	} {
		t.Run(row.name, func(t *testing.T) {
			var in io.Reader = strings.NewReader(row.body)
			if row.chunked {
				in = io.MultiReader(in) // hides the length
			}
			req, err := http.NewRequest("POST", srv.url+"/socket.io/?"+p.query(), in)
			if err != nil {
				t.Fatal(err)
			}
			res, err := httpClient(t).Do(req)
			if err != nil {
				t.Fatal(err)
			}
			defer res.Body.Close()
			body, _ := io.ReadAll(res.Body)
			if res.StatusCode != http.StatusRequestEntityTooLarge || len(body) > 0 {
				t.Errorf("got %d %q", res.StatusCode, body)
			}
			p.wantEcho("still open")
		})
	}
}

func TestOtherMethodsOnASession(t *testing.T) {
	srv := start(t, socketio.Options{})
	p, _ := joinPolling(t, srv)
	for _, method := range []string{"PUT", "HEAD", "OPTIONS", "DELETE", "PATCH"} {
		a := must(request(t, srv, method, p.query(), ""))(t)
		if a.status != http.StatusInternalServerError || a.body != "" {
			t.Errorf("%s: %d %q", method, a.status, a.body)
		}
	}
	p.wantEcho("still open")
}

func TestKickWhileAPollWaits(t *testing.T) {
	srv := start(t, socketio.Options{})
	w := watch(t, srv)
	get, _, p, id := afterPost(t, srv, `42["kick",true]`)
	// Both packets may fit into the answer; official clients stop at the first.
	if get.body != "41" && get.body != "41"+separator+"1" {
		t.Errorf("the poll got %q", get.body)
	}
	if get.body == "41" {
		if a := p.get(); a.body != "6"+separator+"1" && a.body != "1" {
			t.Errorf("the next poll got %d %q", a.status, a.body)
		}
	}
	w.want(t, id, serverKicked)
	p.wantGone()
}

func TestKickWhileNoPollWaits(t *testing.T) {
	srv := start(t, socketio.Options{})
	w := watch(t, srv)
	p, id := joinPolling(t, srv)
	p.send(`42["echo","last words"]`, `42["kick",true]`)
	w.want(t, id, serverKicked)
	var got []string
	for len(got) == 0 || got[len(got)-1] != "1" {
		a := p.get()
		if a.status != http.StatusOK {
			t.Fatalf("after %q came %d %q", got, a.status, a.body)
		}
		for packet := range strings.SplitSeq(a.body, separator) {
			if packet != "6" {
				got = append(got, packet)
			}
		}
	}
	if all := strings.Join(got, " "); all != `42["echo","last words"] 41 1` {
		t.Errorf("the polls got %s", all)
	}
	p.wantGone()
}
