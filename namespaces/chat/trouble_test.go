package chat

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"parley/namespaces/identity"
	"parley/server/socketio"
)

// A patient is a store that fails while it is told to, and refuses a context that has ended, as one behind a network does.
type patient struct {
	Store
	mu      sync.Mutex
	ill     error
	refused chan struct{} // if not nil, has something for each call that was refused
}

func (s *patient) fall(ill error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ill = ill
}

func (s *patient) check(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ill != nil && s.refused != nil {
		s.refused <- struct{}{}
	}
	return errors.Join(s.ill, ctx.Err())
}

func (s *patient) Append(ctx context.Context, room string, d Draft, publish func(Message)) (Message, error) {
	if err := s.check(ctx); err != nil {
		return Message{}, err
	}
	return s.Store.Append(ctx, room, d, publish)
}

func (s *patient) Enter(ctx context.Context, room, socket string, u User, publish func(Entered)) (Entered, error) {
	if err := s.check(ctx); err != nil {
		return Entered{}, err
	}
	return s.Store.Enter(ctx, room, socket, u, publish)
}

func (s *patient) Leave(ctx context.Context, room, socket string, publish func(User)) error {
	if err := s.check(ctx); err != nil {
		return err
	}
	return s.Store.Leave(ctx, room, socket, publish)
}

func (s *patient) Depart(ctx context.Context, userID, socket string) error {
	if err := s.check(ctx); err != nil {
		return err
	}
	return s.Store.Depart(ctx, userID, socket)
}

func TestTroubleOfTheStoreIsNotTheClientsToRead(t *testing.T) {
	store := &patient{Store: NewMemory(nil)}
	srv, _ := open(t, &Options{Store: store})
	a, b := join(t, srv, ann, "tea"), join(t, srv, bob, "tea")
	a.Expect("user-joined")
	store.fall(errors.New("dial tcp 10.0.0.7: connection refused"))
	a.ask(refusalOf("internal", "Internal error"), "chat-message", object{"content": "x"})
	a.ask(refusalOf("internal", "Internal error"), "join", object{"roomId": "other"})
	a.tell("chat-message", object{"content": "x"})
	a.hears("error", `{"code":"internal","message":"Internal error"}`)
	store.fall(nil)
	a.ask(ok, "chat-message", object{"content": "well again"})
	b.hears("chat-message", `{"content":"well again","...":true}`)
}

func TestStoreHearsOfTheEndOfAConnection(t *testing.T) {
	store := &patient{Store: NewMemory(nil)}
	srv, _ := open(t, &Options{Store: store})
	a, b := join(t, srv, ann, "tea"), join(t, srv, bob, "tea")
	a.Expect("user-joined")
	b.Abort()
	a.Expect("user-left")
	for deadline := time.Now().Add(patience); ; time.Sleep(time.Millisecond) {
		online, err := store.Online(t.Context(), bob.UserID)
		if err != nil {
			t.Fatal(err)
		}
		if !online {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("still online")
		}
	}
}

func TestTroubleAtTheEndOfAConnectionIsLogged(t *testing.T) {
	var log bytes.Buffer
	store := &patient{Store: NewMemory(nil)}
	srv, _ := open(t, &Options{Store: store, Logger: slog.New(slog.NewTextHandler(&log, nil))})
	join(t, srv, ann, "tea")
	store.fall(errors.New("no space left"))
	if err := srv.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{`msg="room not left" room=tea error="no space left"`, `msg="user not offline" error="no space left"`} {
		if !strings.Contains(log.String(), line) {
			t.Errorf("no %s in the log:\n%s", line, &log)
		}
	}
}

// A member that never reads is closed while the room publishes to it, and its leaving waits for the room.
func TestMemberThatDoesNotReadHoldsUpNobody(t *testing.T) {
	srv := socketio.New(&socketio.Options{SendQueuePackets: 20})
	Mount(srv, identity.NewGate(nil), nil)
	a := join(t, srv, ann, "tea")
	web := httptest.NewServer(srv)
	defer web.Close()
	url := web.URL + "/socket.io/?EIO=4&transport=polling"
	read := func(res *http.Response, err error) string {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		body, err := io.ReadAll(res.Body)
		if err != nil || res.StatusCode != http.StatusOK {
			t.Fatalf("%s %q %v", res.Status, body, err)
		}
		return string(body)
	}
	opened := parse(t, read(http.Get(url))[1:])
	url += "&sid=" + opened.(map[string]any)["sid"].(string)
	read(http.Post(url, "text/plain", strings.NewReader("40/chat,")))
	for !strings.Contains(read(http.Get(url)), "40/chat,") {
	}
	read(http.Post(url, "text/plain", strings.NewReader(`42/chat,["join",{"userId":"u2","username":"Bob","roomId":"tea"}]`)))
	a.hears("user-joined", `{"roomId":"tea","userId":"u2","username":"Bob","timestamp":"$T"}`)

	for range 50 {
		a.ask(ok, "chat-message", object{"content": "are you there?"})
	}
	a.hears("user-left", `{"roomId":"tea","userId":"u2","username":"Bob","timestamp":"$T"}`)
	a.hearsNothing()
}
