package notifications

import (
	"context"
	"encoding/json"
	"errors"
	"regexp"
	"testing"
	"time"

	"parley/namespaces/identity"
	"parley/server/socketio"
	"parley/server/socketiotest"
)

// patience is how long a test waits for what should come at once.
const patience = 20 * time.Second

// mount returns a server with /notifications in open mode.
func mount(t *testing.T, opts *Options) (*socketio.Server, *Notifications) {
	t.Helper()
	srv := socketio.New(&socketio.Options{AllowLoopbackOrigins: true})
	n := Mount(srv, identity.NewGate(nil), opts)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := srv.Shutdown(ctx); err != nil {
			t.Errorf("shutdown: %v", err)
		}
		if m, inMemory := n.store.(*memory); inMemory {
			check(t, m)
		}
	})
	return srv, n
}

// check verifies what a memory says of itself. Nobody is connected.
func check(t *testing.T, m *memory) {
	t.Helper()
	bytes := 0
	for user, b := range m.inbox {
		unread := 0
		for _, n := range b.kept {
			bytes += n.size()
			if !n.Read {
				unread++
			}
		}
		if b.sockets != 0 || b.place == nil || b.unread != unread || len(b.kept) > m.opts.Kept {
			t.Errorf("%s: %d sockets, away: %t, unread %d of %d, counted %d", user, b.sockets, b.place != nil, unread, len(b.kept), b.unread)
		}
	}
	if m.bytes != bytes || m.away.Len() != len(m.inbox) {
		t.Errorf("%d bytes, counted %d; %d users, %d away", bytes, m.bytes, len(m.inbox), m.away.Len())
	}
}

// A person is a client of /notifications.
type person struct {
	*socketiotest.Client
	t *testing.T
}

// visit connects a client, as a user if the id is not empty, which has then heard
// of its unread notifications.
func visit(t *testing.T, srv *socketio.Server, user string, unread int) *person {
	t.Helper()
	if user == "" {
		return &person{socketiotest.Connect(t, srv, "/notifications", nil), t}
	}
	auth := object{"userId": user, "username": user}
	p := &person{socketiotest.Connect(t, srv, "/notifications", &socketiotest.Options{Auth: auth}), t}
	p.hears("unread-count", object{"count": unread})
	return p
}

type object map[string]any

// ask emits an event with an acknowledgement, which must be this one.
func (p *person) ask(want, event string, args ...any) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	reply, err := p.EmitAck(ctx, event, args...)
	if err != nil {
		p.t.Fatalf("%s %v: %v", event, args, err)
	}
	if len(reply.Args) != 1 || normal(reply.Args[0]) != normal(want) {
		p.t.Fatalf("%s %v brings %s, want %s", event, args, reply.Args, want)
	}
}

// refused asks for something, first with an acknowledgement and then without, and
// must hear why not.
func (p *person) refused(code, event string, args ...any) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	reply, err := p.EmitAck(ctx, event, args...)
	if err != nil {
		p.t.Fatalf("%s %v: %v", event, args, err)
	}
	var got struct {
		OK    bool
		Error struct{ Code, Message string }
	}
	if err := reply.Decode(&got); err != nil || got.OK || got.Error.Code != code || got.Error.Message == "" {
		p.t.Fatalf("%s %v brings %s (%v), want %s", event, args, reply.Args, err, code)
	}
	if err := p.Emit(event, args...); err != nil {
		p.t.Fatal(err)
	}
	p.hears("error", object{"code": code, "message": got.Error.Message})
}

// hears checks that the very next event is this one.
func (p *person) hears(event string, want any) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	e, err := p.Next(ctx)
	if err != nil {
		p.t.Fatalf("waiting for %s: %v", event, err)
	}
	if len(e.Args) != 1 || e.Name != event || normal(e.Args[0]) != normal(want) {
		p.t.Fatalf("hears %s %s, want %s %s", e.Name, e.Args, event, normal(want))
	}
}

// hearsNothing checks that nothing more has been sent.
func (p *person) hearsNothing() {
	p.t.Helper()
	p.ask(`{"ok":true}`, "leave-room", object{"roomId": "none"})
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if e, err := p.Next(ctx); !errors.Is(err, context.Canceled) {
		p.t.Fatalf("hears %s %s (%v), want nothing", e.Name, e.Args, err)
	}
}

var (
	timestamp = regexp.MustCompile(`"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"`)
	id        = regexp.MustCompile(`"[0-9a-f]{24}"`)
)

// normal returns JSON, given as text or bytes, or that of a value, with sorted names,
// without the times, and without the ids.
func normal(v any) string {
	var raw []byte
	switch v := v.(type) {
	case string:
		raw = []byte(v)
	case interface{ MarshalJSON() ([]byte, error) }:
		raw, _ = v.MarshalJSON()
	default:
		raw, _ = json.Marshal(v)
	}
	var parsed any
	if err := json.Unmarshal(raw, &parsed); err != nil {
		return "not JSON: " + string(raw)
	}
	sorted, _ := json.Marshal(parsed)
	return string(id.ReplaceAllLiteral(timestamp.ReplaceAllLiteral(sorted, []byte(`"$T"`)), []byte(`"$id"`)))
}
