package plain

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"parley/namespaces/identity"
	"parley/server/socketio"
)

// patience is how long a test waits for what should come at once.
const patience = 20 * time.Second

// open serves a hub, which at the end of the test must go at once.
func open(t *testing.T, gate *identity.Gate, opts *Options) (*Hub, string) {
	t.Helper()
	srv := socketio.New(&socketio.Options{AllowLoopbackOrigins: true})
	h := New(srv, gate, opts)
	web := httptest.NewServer(h)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := h.Shutdown(ctx); err != nil || len(h.clients) > 0 {
			t.Errorf("shutdown: %v, %d clients left", err, len(h.clients))
		}
		web.Close()
		_ = srv.Shutdown(ctx)
	})
	return h, web.URL
}

// A peer is a client of /ws.
type peer struct {
	*websocket.Conn
	t      *testing.T
	cancel context.CancelFunc
}

// dial connects as a user, who has then heard of it.
func dial(t *testing.T, url, user string) *peer {
	t.Helper()
	p := dialWith(t, url+"?userId="+user, nil)
	p.hears(`{"type":"connected","userId":"` + user + `","timestamp":"$T"}`)
	return p
}

func dialWith(t *testing.T, url string, opts *websocket.DialOptions) *peer {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	conn, _, err := websocket.Dial(ctx, url, opts)
	if err != nil {
		cancel()
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cancel()
		_ = conn.CloseNow()
	})
	return &peer{conn, t, cancel}
}

// refusedWith dials and returns the status of the refusal.
func refusedWith(t *testing.T, url string, header http.Header) int {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	conn, res, err := websocket.Dial(ctx, url, &websocket.DialOptions{HTTPHeader: header})
	if err == nil {
		_ = conn.CloseNow()
		t.Fatal("not refused")
	}
	if res == nil {
		t.Fatal(err)
	}
	return res.StatusCode
}

func (p *peer) say(text string) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := p.Write(ctx, websocket.MessageText, []byte(text)); err != nil {
		p.t.Fatal(err)
	}
}

func (p *peer) message(content string) {
	p.t.Helper()
	text, _ := json.Marshal(map[string]string{"type": "message", "content": content})
	p.say(string(text))
}

var timestamp = regexp.MustCompile(`"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"`)

// next returns the next message, without its time, or the error of the connection.
func (p *peer) next() (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	_, text, err := p.Read(ctx)
	return timestamp.ReplaceAllLiteralString(string(text), `"$T"`), err
}

func (p *peer) hears(want string) {
	p.t.Helper()
	if got, err := p.next(); err != nil || got != want {
		p.t.Fatalf("hears %s (%v), want %s", got, err, want)
	}
}

func (p *peer) hearsError(code, message string) {
	p.t.Helper()
	got, err := p.next()
	if err != nil || !strings.HasPrefix(got, `{"type":"error","code":"`+code+`","message":"`+message) {
		p.t.Fatalf("hears %s (%v), want %s", got, err, code)
	}
}

// hearsNothing checks that nothing more has been sent.
func (p *peer) hearsNothing() {
	p.t.Helper()
	p.say(`{"type":"nothing"}`)
	p.hearsError("invalid", "The type")
}

// isClosed reads until the connection is closed, which must be with this status.
func (p *peer) isClosed(status websocket.StatusCode) {
	p.t.Helper()
	for {
		if _, err := p.next(); err != nil {
			if got := websocket.CloseStatus(err); got != status {
				p.t.Fatalf("closed with %d (%v), want %d", got, err, status)
			}
			return
		}
	}
}
