package socketio_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"sync"
	"testing"
	"time"

	"parley/server/internal/leaktest"
	"parley/server/socketio"
	"parley/server/socketiotest"
	"parley/server/wire/msgpack"
	"parley/server/wire/sio"
)

func TestMain(m *testing.M) { leaktest.Main(m) }

// patience is how long a test waits for what must happen.
const patience = 10 * time.Second

// newServer returns a server that is shut down at the end of the test.
func newServer(t testing.TB, opts *socketio.Options) *socketio.Server {
	t.Helper()
	srv := socketio.New(opts)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := srv.Shutdown(ctx); err != nil {
			t.Errorf("Shutdown: %v", err)
		}
	})
	return srv
}

func connect(t testing.TB, srv *socketio.Server, namespace string) *socketiotest.Client {
	t.Helper()
	return socketiotest.Connect(t, srv, namespace, nil)
}

// receive returns what comes through a channel in time.
func receive[T any](t *testing.T, ch <-chan T) T {
	t.Helper()
	select {
	case v := <-ch:
		return v
	case <-time.After(patience):
		t.Fatal("nothing came")
		panic("unreachable")
	}
}

// expect checks the one argument of the next event of a name.
func expect[T comparable](t *testing.T, c *socketiotest.Client, event string, want T) {
	t.Helper()
	var got T
	if err := c.Expect(event).Decode(&got); err != nil {
		t.Fatalf("event %s: %v", event, err)
	}
	if got != want {
		t.Fatalf("event %s: got %v, want %v", event, got, want)
	}
}

// emit sends an event that must be possible to send.
func emit(t testing.TB, c *socketiotest.Client, event string, args ...any) {
	t.Helper()
	if err := c.Emit(event, args...); err != nil {
		t.Fatalf("emitting %s: %v", event, err)
	}
}

// ask sends an event and returns the arguments of its acknowledgement as JSON.
func ask(t testing.TB, c *socketiotest.Client, event string, args ...any) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	r, err := c.EmitAck(ctx, event, args...)
	if err != nil {
		t.Fatalf("acknowledgement of %s: %v", event, err)
	}
	return joined(r.Args)
}

func joined[T ~[]byte](args []T) string {
	text := ""
	for i, arg := range args {
		if i > 0 {
			text += ","
		}
		text += string(arg)
	}
	return text
}

// reason waits for the client's end.
func reason(t *testing.T, c *socketiotest.Client) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	why, err := c.Reason(ctx)
	if err != nil {
		t.Fatalf("the client is still connected: %v", err)
	}
	return why
}

// handled makes sure that everything that the client sent before has been handled.
func handled(t testing.TB, c *socketiotest.Client) {
	t.Helper()
	if got := ask(t, c, "sync"); got != "" {
		t.Fatalf("sync: %s", got)
	}
}

// withSync gives a namespace the handler that handled uses.
func withSync(ns *socketio.Namespace) *socketio.Namespace {
	socketio.On(ns, "sync", func(context.Context, *socketio.Socket, socketio.None) error { return nil })
	return ns
}

// waitFor polls until something has become true.
func waitFor(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("still not: %s", what)
		}
	}
}

func mustBe(t *testing.T, err, target error) {
	t.Helper()
	if !errors.Is(err, target) {
		t.Fatalf("got error %v, want %v", err, target)
	}
}

// decodeArg decodes one argument of an event.
func decodeArg(e socketiotest.Event, i int, to any) error {
	return socketiotest.Reply{Args: e.Args[i : i+1]}.Decode(to)
}

// A lockedBuffer is a log that a test can read meanwhile.
type lockedBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

type rawJSON = json.RawMessage

// mustPack returns an event of the main namespace as MessagePack.
func mustPack(t *testing.T, payload string, attachments ...[]byte) []byte {
	t.Helper()
	return mustPackIn(t, "/", payload, attachments...)
}

func mustPackIn(t *testing.T, namespace, payload string, attachments ...[]byte) []byte {
	t.Helper()
	p := sio.Packet{Type: sio.Event, Namespace: namespace, ID: sio.NoID, Data: []byte(payload)}
	data, err := msgpack.AppendPacket(nil, p, attachments)
	if err != nil {
		t.Fatal(err)
	}
	return data
}
