package chat

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"testing"
	"time"

	"parley/namespaces/identity"
	"parley/server/socketio"
	"parley/server/socketiotest"
)

// patience is how long a test waits for what should come at once.
const patience = 20 * time.Second

// open returns a server with /chat, which at the end of the test must have forgotten everybody.
func open(t *testing.T, opts *Options) (*socketio.Server, *Chat) {
	t.Helper()
	return openTo(t, identity.NewGate(nil), opts)
}

// openTo is open with a gate.
func openTo(t *testing.T, gate *identity.Gate, opts *Options) (*socketio.Server, *Chat) {
	t.Helper()
	srv := socketio.New(&socketio.Options{MaxRooms: 200})
	c := Mount(srv, gate, opts)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := srv.Shutdown(ctx); err != nil {
			t.Errorf("shutdown: %v", err)
		}
		c.visitors.Range(func(id, _ any) bool {
			t.Errorf("visitor %v is still there", id)
			return true
		})
		m, inMemory := c.store.(*memory)
		if !inMemory {
			return
		}
		if m.online.len() != 0 {
			t.Errorf("still online: %v", slices.Collect(maps.Keys(m.online.m)))
		}
		for id, r := range m.rooms.m {
			if len(r.users) != 0 || r.idle() {
				t.Errorf("room %s is kept with %d users", id, len(r.users))
			}
		}
	})
	return srv, c
}

// A person is a client of /chat.
type person struct {
	*socketiotest.Client
	t *testing.T
}

// visit connects a client, as a user if one is given.
func visit(t *testing.T, srv *socketio.Server, auth any) *person {
	t.Helper()
	p := &person{socketiotest.Connect(t, srv, "/chat", &socketiotest.Options{Auth: auth}), t}
	p.ask(ok, "rooms") // the connect hook, after which a user is online, has run
	return p
}

// join connects a user and lets them join a room, with what this brings left aside.
func join(t *testing.T, srv *socketio.Server, u User, room string) *person {
	t.Helper()
	p := visit(t, srv, u)
	p.ask(ok, "join", object{"roomId": room})
	p.Expect("room-users")
	return p
}

type object map[string]any

// ok is the least that an acknowledgement of success has.
const ok = `{"ok":true,"...":true}`

// refusalOf is the whole acknowledgement of a failure.
func refusalOf(code, message string) string {
	return fmt.Sprintf(`{"ok":false,"error":{"code":%q,"message":%q}}`, code, message)
}

// ask emits an event with an acknowledgement, which must match, and returns it.
func (p *person) ask(want, event string, args ...any) object {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	reply, err := p.EmitAck(ctx, event, args...)
	if err != nil {
		p.t.Fatalf("%s %v: %v", event, args, err)
	}
	var got object
	if err := reply.Decode(&got); err != nil {
		p.t.Fatalf("%s %v: %s: %v", event, args, reply.Args, err)
	}
	if !matches(parse(p.t, want), map[string]any(got)) {
		p.t.Fatalf("%s %v brings %s, want %s", event, args, reply.Args, want)
	}
	return got
}

// tell emits an event without an acknowledgement.
func (p *person) tell(event string, args ...any) {
	p.t.Helper()
	if err := p.Emit(event, args...); err != nil {
		p.t.Fatal(err)
	}
}

// hears checks that the very next event is this one.
func (p *person) hears(event, want string) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	e, err := p.Next(ctx)
	if err != nil {
		p.t.Fatalf("waiting for %s: %v", event, err)
	}
	if len(e.Args) != 1 || e.Name != event || !matches(parse(p.t, want), parse(p.t, string(e.Args[0]))) {
		p.t.Fatalf("hears %s %s, want %s %s", e.Name, e.Args, event, want)
	}
}

// hearsNothing checks that nothing more has been sent, after all that this client has asked for is done.
func (p *person) hearsNothing() {
	p.t.Helper()
	p.ask(ok, "rooms")
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if e, err := p.Next(ctx); !errors.Is(err, context.Canceled) {
		p.t.Fatalf("hears %s %s (%v), want nothing", e.Name, e.Args, err)
	}
}

func parse(t *testing.T, text string) any {
	t.Helper()
	var v any
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return v
}

var (
	timestamp = regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$`)
	messageID = regexp.MustCompile(`^[0-9a-f]{24}$`)
	roomID    = regexp.MustCompile(`^room_[0-9a-f]{24}$`)
)

// matches compares JSON. In what is wanted "$T" is a timestamp, "$id" a message id, "$room" the id of a room that was made, "$any" anything, and
// "...":true in an object allows fields that are not named.
func matches(want, got any) bool {
	switch want := want.(type) {
	case string:
		text, _ := got.(string)
		switch want {
		case "$T":
			return timestamp.MatchString(text)
		case "$id":
			return messageID.MatchString(text)
		case "$room":
			return roomID.MatchString(text)
		case "$any":
			return true
		}
	case []any:
		list, _ := got.([]any)
		return list != nil && slices.EqualFunc(want, list, matches)
	case map[string]any:
		fields, _ := got.(map[string]any)
		_, open := want["..."]
		named := maps.Clone(want)
		delete(named, "...")
		for k, v := range named {
			if f, there := fields[k]; !there || !matches(v, f) {
				return false
			}
		}
		return fields != nil && (open || len(fields) == len(named))
	}
	return reflect.DeepEqual(want, got)
}
