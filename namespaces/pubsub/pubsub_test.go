package pubsub

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"parley/adapters/memory"
	"parley/namespaces/identity"
	"parley/server/adapter"
	"parley/server/socketio"
	"parley/server/socketiotest"
)

// patience is how long a test waits for what should come at once.
const patience = 20 * time.Second

type object map[string]any

const ok = `{"ok":true}`

func mount(t *testing.T, gate *identity.Gate, opts *Options) *socketio.Server {
	t.Helper()
	srv := socketio.New(nil)
	Mount(srv, gate, opts)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := srv.Shutdown(ctx); err != nil {
			t.Error(err)
		}
	})
	return srv
}

type client struct {
	*socketiotest.Client
	t *testing.T
}

func connect(t *testing.T, srv *socketio.Server, auth any) client {
	t.Helper()
	return client{socketiotest.Connect(t, srv, "/", &socketiotest.Options{Auth: auth}), t}
}

// ask emits an event with an acknowledgement, and returns it.
func (c client) ask(event string, args ...any) string {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	reply, err := c.EmitAck(ctx, event, args...)
	if err != nil || len(reply.Args) != 1 {
		c.t.Fatalf("%s %v: %s %v", event, args, reply.Args, err)
	}
	return string(reply.Args[0])
}

func (c client) accepted(event string, args ...any) {
	c.t.Helper()
	if got := c.ask(event, args...); got != ok {
		c.t.Fatalf("%s %v brings %s", event, args, got)
	}
}

// refused emits an event in both styles, and must hear why it is refused.
func (c client) refused(code, event string, args ...any) {
	c.t.Helper()
	got := c.ask(event, args...)
	body, found := strings.CutPrefix(got, `{"ok":false,"error":`)
	if !found || !strings.HasPrefix(body, `{"code":"`+code+`"`) {
		c.t.Fatalf("%s %v brings %s, want %s", event, args, got, code)
	}
	if err := c.Emit(event, args...); err != nil {
		c.t.Fatal(err)
	}
	c.hears("error", strings.TrimSuffix(body, "}"))
}

func (c client) hears(event, want string) {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	e, err := c.Next(ctx)
	if err != nil || e.Name != event || len(e.Args) != 1 || string(e.Args[0]) != want {
		c.t.Fatalf("hears %s %s (%v), want %s %s", e.Name, e.Args, err, event, want)
	}
}

func (c client) hearsNothing() {
	c.t.Helper()
	c.accepted("unsubscribe", "nothing")
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if e, err := c.Next(ctx); !errors.Is(err, context.Canceled) {
		c.t.Fatalf("hears %s %s (%v), want nothing", e.Name, e.Args, err)
	}
}

func TestSubscribersGetWhatIsPublished(t *testing.T) {
	srv := mount(t, identity.NewGate(nil), nil)
	a, b, out := connect(t, srv, nil), connect(t, srv, nil), connect(t, srv, nil)
	for _, c := range []client{a, b, out} {
		c.accepted("subscribe", "news")
	}
	out.accepted("unsubscribe", "news")
	for _, message := range []any{"x", 1, false, []int{}, object{"a": nil}} {
		want, _ := json.Marshal(message)
		payload := object{"channel": "news", "message": message}
		a.accepted("publish", payload)
		b.hears("message", string(want))
		if err := errors.Join(a.Emit("publish", payload), out.Emit("publish", payload)); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			a.hears("message", string(want))
			b.hears("message", string(want))
		}
	}
	for _, c := range []client{a, b, out} {
		c.hearsNothing()
	}
}

func TestBinaryIsPassedOn(t *testing.T) {
	a := connect(t, mount(t, identity.NewGate(nil), nil), nil)
	a.accepted("subscribe", "news")
	for _, data := range [][]byte{[]byte("x"), make([]byte, 10<<10)} {
		if err := errors.Join(
			a.Write(`51-["publish",{"channel":"news","message":{"x":{"_placeholder":true,"num":0}}}]`),
			a.WriteBinary(data),
		); err != nil {
			t.Fatal(err)
		}
	}
	if e := a.Expect("message"); len(e.Attachments) != 1 || !bytes.Equal(e.Attachments[0], []byte("x")) {
		t.Errorf("%s %q", e.Args, e.Attachments)
	}
	a.hears("error", `{"code":"too_large","message":"Message too large. Maximum 10KB."}`)
	a.refused("invalid", "publish", []byte("x"))
}

func TestWrongShapes(t *testing.T) {
	srv := mount(t, identity.NewGate(nil), nil)
	a, b := connect(t, srv, nil), connect(t, srv, nil)
	long := strings.Repeat("x", 251)
	for _, args := range [][]any{
		{}, {nil}, {1}, {true}, {[]string{"news"}}, {object{}}, {object{"channel": "news"}}, {""}, {long}, {"news", "more"}, {[]byte("news")},
	} {
		a.refused("invalid", "subscribe", args...)
		a.refused("invalid", "unsubscribe", args...)
		a.refused("invalid", "publish", args...)
	}
	for _, payload := range []any{
		object{"message": "x"}, object{"channel": "news", "message": nil}, object{"channel": 1, "message": "x"},
		object{"channel": nil, "message": "x"}, object{"channel": []string{"news"}, "message": "x"}, object{"channel": object{}, "message": "x"},
		object{"Channel": "news", "message": "x"}, object{"channel": "", "message": "x"}, object{"channel": long, "message": "x"},
		json.RawMessage(`{"channel":"news","channel":"news","message":"x"}`), json.RawMessage(`{"channel":"news","message":"x","message":"x"}`),
	} {
		a.refused("invalid", "publish", payload)
	}
	large := strings.Repeat("x", 10<<10)
	a.refused("too_large", "subscribe", large)
	a.refused("too_large", "publish", object{"channel": "news", "message": large})
	for _, private := range []string{"user:u1", b.ID(), a.ID()} {
		a.refused("forbidden", "subscribe", private)
		a.refused("forbidden", "unsubscribe", private)
		a.refused("forbidden", "publish", object{"channel": private, "message": "x"})
	}
	a.hearsNothing()
	b.hearsNothing()
}

func TestTooManyChannels(t *testing.T) {
	a := connect(t, mount(t, identity.NewGate(nil), nil), nil)
	for i := range 128 {
		a.accepted("subscribe", fmt.Sprint(i))
	}
	a.accepted("subscribe", "0")
	a.refused("limit", "subscribe", "one more")
}

func TestTokensLimitChannels(t *testing.T) {
	secret := []byte("0123456789abcdef0123456789abcdef")
	v, err := identity.NewVerifier(identity.Options{Secret: secret})
	if err != nil {
		t.Fatal(err)
	}
	srv := mount(t, identity.NewGate(v), nil)
	tokenFor := func(channels any) string {
		claims := jwt.MapClaims{"userId": "u1", "exp": time.Now().Add(time.Hour).Unix()}
		if channels != nil {
			claims["channels"] = channels
		}
		token, err := jwt.NewWithClaims(jwt.SigningMethodHS256, claims).SignedString(secret)
		if err != nil {
			t.Fatal(err)
		}
		return token
	}
	with := func(channels any) client { return connect(t, srv, object{"token": tokenFor(channels)}) }
	some, none, all := with([]string{"news.*", "weather"}), with([]string{}), with(nil)
	for _, channel := range []string{"news.de", "weather"} {
		some.accepted("subscribe", channel)
		some.accepted("publish", object{"channel": channel, "message": 1})
		all.accepted("subscribe", channel)
		none.refused("forbidden", "subscribe", channel)
	}
	for _, channel := range []string{"news", "NEWS.de", "weather.de", "*"} {
		some.refused("forbidden", "subscribe", channel)
		some.refused("forbidden", "publish", object{"channel": channel, "message": 1})
		some.accepted("unsubscribe", channel)
		all.accepted("subscribe", channel)
	}

	// A new token that allows less takes away what it does not allow.
	if got := some.ask("refresh-token", object{"token": tokenFor([]string{"weather"})}); !strings.HasPrefix(got, `{"ok":true`) {
		t.Fatal(got)
	}
	for _, channel := range []string{"news.de", "weather"} {
		all.accepted("publish", object{"channel": channel, "message": channel})
	}
	some.hears("message", `"weather"`)
	some.hearsNothing()
}

// A slowAdapter hears what is for a room only when it is told to.
type slowAdapter struct {
	adapter.Adapter
	asked   chan string
	proceed chan struct{}
}

func (a slowAdapter) Subscribed(ctx context.Context, rooms ...string) error {
	a.asked <- rooms[0]
	<-a.proceed
	return nil
}

// TestSubscriberIsToldWhenOthersReachIt: what is published on another server after the acknowledgement must come.
func TestSubscriberIsToldWhenOthersReachIt(t *testing.T) {
	a := slowAdapter{asked: make(chan string, 1), proceed: make(chan struct{})}
	bus := memory.NewBus(nil)
	srv := socketio.New(&socketio.Options{Adapter: func(local adapter.Local) (adapter.Adapter, error) {
		var err error
		a.Adapter, err = bus.Adapter(local)
		return a, err
	}})
	Mount(srv, identity.NewGate(nil), nil)
	defer srv.Shutdown(t.Context())
	c := connect(t, srv, object{"userId": "u", "username": "U"})
	told := make(chan string, 1)
	go func() { told <- c.ask("subscribe", "news") }()
	if channel := <-a.asked; channel != "news" {
		t.Errorf("waits for %s", channel)
	}
	select {
	case reply := <-told:
		t.Errorf("%s before others reach it", reply)
	default:
	}
	close(a.proceed)
	if reply := <-told; reply != ok {
		t.Error(reply)
	}
}
