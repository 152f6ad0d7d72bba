package notifications

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"parley/namespaces/identity"
	"parley/server/socketio"
	"parley/server/socketiotest"
)

var mention = Draft{Mention, map[string]any{"postId": 7}}

func sent(more object) object {
	n := object{"id": "$id", "type": "mention", "postId": 7, "timestamp": "$T", "read": false}
	for k, v := range more {
		n[k] = v
	}
	return n
}

func must[T any](v T, err error) func(t *testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func TestAllDevicesOfAUserAreTold(t *testing.T) {
	srv, n := mount(t, nil)
	tab1, tab2, other := visit(t, srv, "u1", 0), visit(t, srv, "u1", 0), visit(t, srv, "u2", 0)
	id := must(n.NotifyUser(t.Context(), "u1", mention))(t)
	for _, p := range []*person{tab1, tab2} {
		p.hears("notification", sent(object{"recipientId": "u1"}))
		p.hears("unread-count", object{"count": 1})
	}
	tab1.ask(`{"ok":true,"count":1}`, "mark-read", object{"ids": []string{id, id, "no such"}})
	for _, p := range []*person{tab1, tab2} {
		p.hears("unread-count", object{"count": 0})
		p.ask(`{"ok":true,"count":0}`, "mark-read", object{"all": true})
		p.hearsNothing()
	}
	other.hearsNothing()
}

func TestWhatWasSentToSomebodyAwayIsThere(t *testing.T) {
	srv, n := mount(t, nil)
	visit(t, srv, "u1", 0).Disconnect()
	ids := must(n.NotifyUsers(t.Context(), []string{"u1", "new", "u1"}, mention))(t)
	if len(ids) != 3 || ids[0] != ids[2] || ids[0] >= ids[1] {
		t.Errorf("ids %v", ids)
	}
	everyone := must(n.Broadcast(t.Context(), Draft{Type: System}))(t)
	last := must(n.NotifyUser(t.Context(), "u1", Draft{Type: Like}))(t)

	p := visit(t, srv, "u1", 3)
	like := object{"id": "$id", "type": "like", "recipientId": "u1", "timestamp": "$T", "read": false}
	system := object{"id": "$id", "type": "system", "timestamp": "$T", "read": false}
	all := []object{like, system, sent(object{"recipientId": "u1"})}
	p.ask(normal(object{"ok": true, "notifications": all, "more": false}), "list", object{})
	p.ask(normal(object{"ok": true, "notifications": all[:2], "more": true}), "list", object{"limit": 2})
	p.ask(normal(object{"ok": true, "notifications": all[1:], "more": false}), "list", object{"before": last, "limit": 2})
	p.ask(`{"ok":true,"count":1}`, "mark-read", object{"ids": []string{everyone}})
	p.hears("unread-count", object{"count": 2})
	p.ask(normal(object{"ok": true, "notifications": []object{all[0], all[2]}, "more": false}), "list", object{"unreadOnly": true})
	visit(t, srv, "new", 2)
	visit(t, srv, "never heard of", 0).ask(`{"ok":true,"notifications":[],"more":false}`, "list", object{})
}

func TestEveryone(t *testing.T) {
	srv, n := mount(t, nil)
	a, nobody := visit(t, srv, "u1", 0), visit(t, srv, "", 0)
	must(n.Broadcast(t.Context(), mention))(t)
	a.hears("notification", sent(nil))
	a.hears("unread-count", object{"count": 1})
	nobody.hears("notification", sent(nil))
	nobody.hearsNothing()
}

func TestRoom(t *testing.T) {
	srv, n := mount(t, nil)
	in, tab, out, nobody := visit(t, srv, "u1", 0), visit(t, srv, "u1", 0), visit(t, srv, "u2", 0), visit(t, srv, "", 0)
	for _, p := range []*person{in, out, nobody} {
		p.ask(`{"ok":true}`, "join-room", object{"roomId": "tea"})
	}
	out.ask(`{"ok":true}`, "leave-room", object{"roomId": "tea"})
	must(n.NotifyRoom(t.Context(), "tea", mention))(t)
	for _, p := range []*person{in, tab} {
		p.hears("notification", sent(nil))
		p.hears("unread-count", object{"count": 1})
	}
	nobody.hears("notification", sent(nil))
	for _, p := range []*person{in, tab, out, nobody} {
		p.hearsNothing()
	}
	in.ask(`{"ok":true,"notifications":[`+normal(sent(nil))+`],"more":false}`, "list", object{})
	must(n.NotifyRoom(t.Context(), "empty", mention))(t)
}

func TestTheServersFieldsWin(t *testing.T) {
	srv, n := mount(t, nil)
	p := visit(t, srv, "u1", 0)
	forged := map[string]any{"id": "x", "type": "x", "recipientId": "x", "timestamp": "x", "read": true, "Read": 1, "deep": []any{nil}}
	must(n.NotifyUser(t.Context(), "u1", Draft{Follow, forged}))(t)
	p.hears("notification", `{"id":"$id","type":"follow","recipientId":"u1","timestamp":"$T","read":false,"Read":1,"deep":[null]}`)
	p.hears("unread-count", object{"count": 1})
}

func TestPrivateRooms(t *testing.T) {
	srv, n := mount(t, nil)
	a, b := visit(t, srv, "u1", 0), visit(t, srv, "u2", 0)
	for _, room := range []string{"user:u2", "user:u1", "user:", b.ID(), a.ID()} {
		a.refused("forbidden", "join-room", object{"roomId": room})
		a.refused("forbidden", "leave-room", object{"roomId": room})
		if _, err := n.NotifyRoom(t.Context(), room, mention); err == nil {
			t.Errorf("a notification for the room %s was taken", room)
		}
	}
	must(n.NotifyUser(t.Context(), "u2", mention))(t)
	b.hears("notification", sent(object{"recipientId": "u2"}))
	a.hearsNothing()
}

func TestWrongShapes(t *testing.T) {
	srv, _ := mount(t, nil)
	p := visit(t, srv, "u1", 0)
	raw := func(text string) any { return json.RawMessage(text) }
	for _, args := range [][]any{
		{}, {nil}, {1}, {"x"}, {true}, {[]int{}}, {object{}, object{}}, {[]byte("x")},
		{raw(`{"roomId":"x","roomId":"x","limit":1,"limit":1,"all":true,"all":true}`)},
		{object{"roomId": 1, "limit": "1", "ids": "x"}}, {object{"roomId": object{}, "limit": object{}, "ids": object{}}},
		{object{"roomId": []string{"x"}, "limit": []int{1}, "ids": []int{1}}},
	} {
		for _, event := range []string{"list", "mark-read", "join-room", "leave-room"} {
			p.refused("invalid", event, args...)
		}
	}
	for event, payloads := range map[string][]object{
		"list":       {{"limit": 0}, {"limit": 101}, {"limit": 1.5}, {"before": 1}, {"before": strings.Repeat("x", 251)}, {"unreadOnly": 1}},
		"mark-read":  {{}, {"ids": nil}, {"IDs": []string{}}, {"all": false}, {"ids": []string{}, "all": true}, {"ids": []any{nil, 1}}},
		"join-room":  {{}, {"roomid": "x"}, {"roomId": nil}, {"roomId": ""}, {"roomId": strings.Repeat("x", 251)}},
		"leave-room": {{}, {"roomID": "x"}, {"roomId": nil}, {"roomId": ""}},
	} {
		for _, payload := range payloads {
			p.refused("invalid", event, payload)
		}
		p.refused("too_large", event, object{"x": strings.Repeat("x", 10<<10)})
	}
	p.hearsNothing()
}

func TestSomebodyUnknownHasNoList(t *testing.T) {
	srv, _ := mount(t, nil)
	p := visit(t, srv, "", 0)
	p.refused("invalid", "list", object{})
	p.refused("invalid", "mark-read", object{"all": true})
}

func TestTooManyRooms(t *testing.T) {
	srv, _ := mount(t, nil)
	p := visit(t, srv, "u1", 0)
	for i := range 127 { // and the user's own
		p.ask(`{"ok":true}`, "join-room", object{"roomId": fmt.Sprint(i)})
	}
	p.ask(`{"ok":true}`, "join-room", object{"roomId": "0"})
	p.refused("limit", "join-room", object{"roomId": "one more"})
}

func TestWhatIsNotSent(t *testing.T) {
	_, n := mount(t, &Options{Recipients: 2, EventBytes: 100})
	codeOf := func(err error) string {
		var e *socketio.Error
		errors.As(err, &e)
		return e.Code
	}
	for _, c := range []struct {
		code  string
		users []string
		draft Draft
	}{
		{"invalid", nil, mention},
		{"invalid", []string{"a", "b", "c"}, mention},
		{"invalid", []string{"a", ""}, mention},
		{"invalid", []string{strings.Repeat("x", 251)}, mention},
		{"invalid", []string{"a"}, Draft{}},
		{"invalid", []string{"a"}, Draft{Type: "Mention"}},
		{"invalid", []string{"a"}, Draft{Mention, "x"}},
		{"invalid", []string{"a"}, Draft{Mention, []int{}}},
		{"invalid", []string{"a"}, Draft{Mention, func() {}}},
		{"too_large", []string{"a"}, Draft{Mention, map[string]string{"x": strings.Repeat("x", 100)}}},
	} {
		if _, err := n.NotifyUsers(t.Context(), c.users, c.draft); codeOf(err) != c.code {
			t.Errorf("%v %v: %v", c.users, c.draft.Type, err)
		}
	}
	if m := n.store.(*memory); len(m.inbox) > 0 {
		t.Errorf("%d inboxes", len(m.inbox))
	}
}

// A store that is ill.
type ill struct{ Store }

func (ill) List(context.Context, string, string, int, bool) (Page, error) {
	return Page{}, errors.New("10.0.0.7: connection refused")
}

func TestTroubleOfTheStoreIsNotTheClientsToRead(t *testing.T) {
	srv, _ := mount(t, &Options{Store: ill{NewMemory(nil)}})
	visit(t, srv, "u1", 0).refused("internal", "list", object{})
}

// A page that is too large to send would cost the client its connection.
func TestLargePagesAreCut(t *testing.T) {
	srv, n := mount(t, nil)
	const all = 60
	for range all {
		must(n.NotifyUser(t.Context(), "u1", Draft{Like, map[string]string{"x": strings.Repeat("x", 10_000)}}))(t)
	}
	p := visit(t, srv, "u1", all)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	seen, before := 0, ""
	for more := true; more; {
		reply, err := p.EmitAck(ctx, "list", object{"limit": 100, "before": before})
		if err != nil {
			t.Fatal(err)
		}
		var page listReply
		if err := reply.Decode(&page); err != nil || len(page.Notifications) == 0 || len(reply.Args[0]) > 256<<10 {
			t.Fatalf("%d bytes (%v)", len(reply.Args[0]), err)
		}
		seen += len(page.Notifications)
		before, more = page.Notifications[len(page.Notifications)-1].ID, page.More
	}
	if seen != all {
		t.Errorf("%d notifications", seen)
	}
}

func TestCountsFollowTheirNotifications(t *testing.T) {
	srv, n := mount(t, nil)
	p := visit(t, srv, "u1", 0)
	const each = 50
	done := make(chan error)
	go func() {
		var failed error
		for range each {
			_, err := n.NotifyUser(context.Background(), "u1", mention)
			failed = errors.Join(failed, err)
		}
		done <- failed
	}()
	for range each {
		must(n.Broadcast(t.Context(), mention))(t)
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	before := ""
	for i := range 2 * each {
		var got struct{ ID string }
		if err := p.Expect("notification").Decode(&got); err != nil || got.ID <= before {
			t.Fatalf("%q after %q (%v)", got.ID, before, err)
		}
		before = got.ID
		p.hears("unread-count", object{"count": i + 1})
	}
}

func TestAClientThatComesBackIsCountedOnce(t *testing.T) {
	srv, n := mount(t, &Options{Recovery: time.Minute})
	auth := object{"userId": "u1", "username": "Ann"}
	c := socketiotest.Connect(t, srv, "/notifications", &socketiotest.Options{Auth: auth})
	c.Expect("unread-count")
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if _, err := c.EmitAck(ctx, "join-room", object{"roomId": "tea"}); err != nil {
		t.Fatal(err)
	}
	c.Abort()
	if _, err := c.Reason(ctx); err != nil {
		t.Fatal(err)
	}
	must(n.NotifyUser(t.Context(), "u1", mention))(t)
	var got struct{ Count int }
	again := socketiotest.Connect(t, srv, "/notifications", &socketiotest.Options{Auth: auth}).Expect("unread-count")
	if err := json.Unmarshal(again.Args[0], &got); err != nil || got.Count != 1 {
		t.Errorf("%s (%v)", again.Args, err)
	}
}

func TestTokensSayWhoItIs(t *testing.T) {
	srv := socketio.New(nil)
	v, err := identity.NewVerifier(identity.Options{Secret: secret})
	if err != nil {
		t.Fatal(err)
	}
	n := Mount(srv, identity.NewGate(v), nil)
	t.Cleanup(func() { _ = srv.Shutdown(context.Background()) })
	p := &person{socketiotest.Connect(t, srv, "/notifications", &socketiotest.Options{
		Auth: object{"token": token(t, "u1", ""), "userId": "u2"}}), t}
	p.hears("unread-count", object{"count": 0})
	must(n.NotifyUser(t.Context(), "u2", mention))(t)
	must(n.NotifyUser(t.Context(), "u1", mention))(t)
	p.hears("notification", sent(object{"recipientId": "u1"}))
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if _, err := socketiotest.Dial(ctx, srv, "/notifications", nil); err == nil || !strings.Contains(err.Error(), "Authentication failed") {
		t.Errorf("without a token: %v", err)
	}
}
