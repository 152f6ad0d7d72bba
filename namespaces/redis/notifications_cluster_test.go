package redis

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"parley/adapters/redisconn/redistest"
	"parley/adapters/redispubsub"
	"parley/namespaces/identity"
	"parley/namespaces/notifications"
	"parley/server/socketio"
	"parley/server/socketiotest"
)

// A noticeNode is a server with the notifications in Redis.
type noticeNode struct {
	*notifications.Notifications
	srv *socketio.Server
}

func noticeNodes(t *testing.T, server *redistest.Server, opts Options) (nodes [2]noticeNode) {
	t.Helper()
	for i := range nodes {
		client := connect(t, server)
		cluster, err := redispubsub.New(client, nil)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = cluster.Close(context.Background()) })
		o := opts
		o.Node, o.Sync, o.Logger = fmt.Sprint("n", i), cluster.Sync, slog.New(slog.NewTextHandler(t.Output(), nil))
		db := open(t, client, &o)
		srv := socketio.New(&socketio.Options{Adapter: cluster.Adapter, AllowLoopbackOrigins: true})
		t.Cleanup(func() {
			ctx, cancel := context.WithTimeout(context.Background(), patience)
			defer cancel()
			if err := srv.Shutdown(ctx); err != nil {
				t.Error(err)
			}
		})
		nodes[i] = noticeNode{notifications.Mount(srv, identity.NewGate(nil), &notifications.Options{Store: db.Notifications(nil), Logger: o.Logger}), srv}
	}
	return nodes
}

// A reader is a client of /notifications.
type reader struct {
	*socketiotest.Client
	t *testing.T
}

func (n noticeNode) visit(t *testing.T, user string) reader {
	t.Helper()
	return reader{socketiotest.Connect(t, n.srv, "/notifications", &socketiotest.Options{Auth: map[string]string{"userId": user, "username": user}}), t}
}

// counts takes in events until the user has so much unread, and returns how many notifications came before.
func (r reader) counts(want int) (told int) {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.t.Context(), patience)
	defer cancel()
	for {
		e, err := r.Next(ctx)
		if err != nil {
			r.t.Fatalf("no count of %d: %v", want, err)
		}
		var c struct{ Count int }
		if e.Name == "notification" {
			told++
		} else if err := json.Unmarshal(e.Args[0], &c); err != nil || e.Name != "unread-count" {
			r.t.Fatalf("%s %s", e.Name, e.Args)
		} else if c.Count == want {
			return told
		}
	}
}

// ask returns the acknowledgement of an event.
func (r reader) ask(event string, payload any) (reply struct {
	OK            bool
	Count         int
	Notifications []struct{ ID string }
	Error         struct{ Code, Message string }
}) {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.t.Context(), patience)
	defer cancel()
	a, err := r.EmitAck(ctx, event, payload)
	if err == nil {
		err = a.Decode(&reply)
	}
	if err != nil {
		r.t.Fatal(err)
	}
	return reply
}

var mention = notifications.Draft{Type: notifications.Mention}

func TestNotificationsReachUsersOnAllNodes(t *testing.T) {
	t.Parallel()
	nodes := noticeNodes(t, redistest.Start(t), Options{})
	a, b := nodes[0].visit(t, "u1"), nodes[1].visit(t, "u1")
	other := nodes[1].visit(t, "u2")
	for _, r := range []reader{a, b, other} {
		r.counts(0)
	}
	if _, err := nodes[0].NotifyUser(t.Context(), "u1", mention); err != nil {
		t.Fatal(err)
	}
	for _, r := range []reader{a, b} {
		if told := r.counts(1); told != 1 {
			t.Errorf("%d notifications", told)
		}
	}
	if _, err := nodes[0].Broadcast(t.Context(), mention); err != nil {
		t.Fatal(err)
	}
	for r, want := range map[reader]int{a: 2, b: 2, other: 1} {
		if told := r.counts(want); told != 1 {
			t.Errorf("%d notifications before the count of %d", told, want)
		}
	}
	if r := b.ask("mark-read", map[string]bool{"all": true}); r.Count != 2 {
		t.Errorf("%+v", r)
	}
	a.counts(0)
	b.counts(0)
	other.ask("join-room", map[string]string{"roomId": "tea"})
	body := strings.NewReader(`{"to":{"room":"tea"},"type":"system"}`)
	post, answer := httptest.NewRequest(http.MethodPost, "http://localhost/api/notifications", body), httptest.NewRecorder()
	post.Header.Set("Content-Type", "application/json")
	if nodes[0].Handler().ServeHTTP(answer, post); answer.Code != http.StatusAccepted {
		t.Fatal(answer.Code, answer.Body)
	}
	if told := other.counts(2); told != 1 {
		t.Errorf("%d notifications for the room", told)
	}
	if r := nodes[0].visit(t, "u2").ask("list", map[string]any{}); len(r.Notifications) != 2 {
		t.Errorf("%+v", r)
	}
}

func TestCountsAreRightInTheEnd(t *testing.T) {
	t.Parallel()
	nodes := noticeNodes(t, redistest.Start(t), Options{})
	readers := []reader{nodes[0].visit(t, "u1"), nodes[1].visit(t, "u1")}
	for _, r := range readers {
		r.counts(0) // what is for everyone is for those who have been here before
	}
	users := []string{"u1"}
	for i := range 200 {
		users = append(users, fmt.Sprint("x", i))
	}
	const each = 30
	var all sync.WaitGroup
	for i := range 4 {
		all.Go(func() {
			for range each {
				var err error
				switch i {
				case 0, 1:
					_, err = nodes[i].NotifyUser(t.Context(), "u1", mention)
				case 2:
					_, err = nodes[0].NotifyUsers(t.Context(), users, mention)
				default:
					_, err = nodes[1].Broadcast(t.Context(), mention)
				}
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	for _, r := range readers {
		r.counts(4 * each)
	}
	time.Sleep(1500 * time.Millisecond) // what may come late has come
	for _, r := range readers {
		if e := r.ask("mark-read", map[string]any{"ids": []string{}}); !e.OK {
			t.Errorf("%+v", e)
		}
		last := -1
		for {
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			e, err := r.Next(ctx)
			if err != nil {
				break
			}
			var c struct{ Count int }
			if json.Unmarshal(e.Args[0], &c) == nil && e.Name == "unread-count" {
				last = c.Count
			}
		}
		if last != -1 && last != 4*each {
			t.Errorf("the last count is %d", last)
		}
	}
}

// TestWhoHasItsCountHearsOtherNodes: a client that has been told its count gets what any node tells it from then on.
func TestWhoHasItsCountHearsOtherNodes(t *testing.T) {
	t.Parallel()
	nodes := noticeNodes(t, redistest.Start(t), Options{})
	for i := range 30 {
		user := fmt.Sprint("u", i)
		r := nodes[0].visit(t, user)
		r.counts(0)
		if _, err := nodes[1].NotifyUser(t.Context(), user, mention); err != nil {
			t.Fatal(err)
		}
		if told := r.counts(1); told != 1 {
			t.Fatalf("user %d: %d notifications", i, told)
		}
		r.Close()
	}
}

func TestNotificationsWhileRedisIsAway(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	nodes := noticeNodes(t, server, Options{Timeout: 300 * time.Millisecond})
	nodes[0].visit(t, "u1").counts(0)
	if _, err := nodes[0].NotifyUser(t.Context(), "u1", mention); err != nil {
		t.Fatal(err)
	}
	server.Pause()
	late := nodes[1].visit(t, "u1")
	if r := late.ask("list", map[string]any{}); r.Error.Code != "unavailable" {
		t.Errorf("%+v", r)
	}
	_, err := nodes[1].NotifyUser(t.Context(), "u1", mention)
	var public *socketio.Error
	if !errors.As(err, &public) || public.Code != "unavailable" {
		t.Error(err)
	}
	server.Resume()
	deadline := time.Now().Add(patience)
	for !late.ask("list", map[string]any{}).OK {
		if time.Now().After(deadline) {
			t.Fatal("Redis is not there again")
		}
	}
	stored := len(late.ask("list", map[string]any{}).Notifications) // one may have come through
	late.counts(stored)
	if _, err := nodes[0].NotifyUser(t.Context(), "u1", mention); err != nil {
		t.Fatal(err)
	}
	late.counts(stored + 1)
}
