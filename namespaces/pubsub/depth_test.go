package pubsub

import (
	"context"
	"strings"
	"testing"

	"parley/namespaces/identity"
	"parley/server/socketio"
	"parley/server/socketiotest"
)

func TestDeeper(t *testing.T) {
	for text, want := range map[string]bool{
		`{"a":[1,{}]}`:              false,
		`[{"a":[[]]}]`:              true,
		`[[[]],[[]],[[]],{"a":[]}]`: false,
		`"[[[["`:                    false,
		`["\\\"[[[[",[]]`:           false,
		`["\\\\",[[[]]]]`:           true,
	} {
		if deeper([]byte(text), 3) != want {
			t.Errorf("%s: not %v", text, want)
		}
	}
}

// A server that lets more through itself leaves it to the namespace what others have to read.
func TestNothingTooDeepIsPassedOn(t *testing.T) {
	srv := socketio.New(&socketio.Options{MaxDepth: 5000})
	t.Cleanup(func() {
		if err := srv.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
	})
	Mount(srv, identity.NewGate(nil), nil)
	a := client{socketiotest.Connect(t, srv, "/", nil), t}
	a.accepted("subscribe", "news")
	nested := func(levels int) any {
		return object{"channel": "news", "message": rawJSON(strings.Repeat("[", levels) + strings.Repeat("]", levels))}
	}
	a.refused("invalid", "publish", nested(depth))
	a.refused("invalid", "publish", nested(4000))
	a.accepted("publish", nested(depth-1))
	a.refused("invalid", "subscribe", nested(4000))
}

type rawJSON string

func (r rawJSON) MarshalJSON() ([]byte, error) { return []byte(r), nil }
