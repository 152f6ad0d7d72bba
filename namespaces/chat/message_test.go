package chat

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
)

func TestMessageWithAckIsNotEchoed(t *testing.T) {
	srv, _ := open(t, nil)
	a, b := join(t, srv, ann, "tea"), join(t, srv, bob, "tea")
	a.Expect("user-joined")
	a.ask(`{"ok":true,"message":{"id":"$id","roomId":"tea","userId":"u1","username":"Ann","content":"hi","timestamp":"$T"}}`,
		"chat-message", object{"content": "hi"})
	a.hearsNothing()
	b.hears("chat-message", `{"id":"$id","roomId":"tea","userId":"u1","username":"Ann","content":"hi","timestamp":"$T"}`)
	b.hearsNothing()
}

func TestMessageWithoutAckIsEchoed(t *testing.T) {
	srv, _ := open(t, nil)
	a, b := join(t, srv, ann, "tea"), join(t, srv, bob, "tea")
	a.Expect("user-joined")
	a.tell("chat-message", object{"content": "hi", "clientId": "c1"})
	for _, p := range []*person{a, b} {
		p.hears("chat-message", `{"id":"$id","roomId":"tea","userId":"u1","username":"Ann","content":"hi","timestamp":"$T","clientId":"c1"}`)
		p.hearsNothing()
	}
}

func TestOtherTabsOfTheSenderGetTheMessage(t *testing.T) {
	srv, _ := open(t, nil)
	tab1, tab2 := join(t, srv, ann, "tea"), join(t, srv, ann, "tea")
	tab1.ask(ok, "chat-message", object{"content": "hi"})
	tab2.hears("chat-message", `{"id":"$id","roomId":"tea","userId":"u1","username":"Ann","content":"hi","timestamp":"$T"}`)
	tab1.hearsNothing()
}

func TestMessageGoesToTheLastJoinedRoomOrTheOneNamed(t *testing.T) {
	srv, _ := open(t, nil)
	const notInRoom = "You are not in this room."
	a := visit(t, srv, ann)
	to := func(room string) string { return `{"ok":true,"message":{"roomId":"` + room + `","...":true}}` }
	a.ask(refusalOf("not_in_room", notInRoom), "chat-message", object{"content": "x"})
	for _, room := range []string{"one", "two", "three"} {
		a.ask(ok, "join", object{"roomId": room})
	}
	a.ask(to("three"), "chat-message", object{"content": "x"})
	a.ask(to("three"), "chat-message", object{"content": "x", "roomId": nil})
	a.ask(to("one"), "chat-message", object{"content": "x", "roomId": "one"})
	a.ask(to("three"), "chat-message", object{"content": "x"})
	a.ask(ok, "join", object{"roomId": "one"})
	a.ask(to("one"), "chat-message", object{"content": "x"})
	a.ask(ok, "leave", object{"roomId": "three"})
	a.ask(refusalOf("not_in_room", notInRoom), "chat-message", object{"content": "x", "roomId": "three"})
	a.ask(refusalOf("not_in_room", notInRoom), "leave", object{"roomId": "three"})
	a.ask(ok, "leave", object{})
	a.ask(to("two"), "chat-message", object{"content": "x"})
	a.ask(ok, "leave", object{})
	a.ask(refusalOf("not_in_room", notInRoom), "leave", object{})
	for range 4 {
		a.Expect("room-users")
	}
	a.tell("chat-message", object{"content": "x", "roomId": "user:u1"})
	a.hears("error", `{"code":"not_in_room","message":"You are not in this room."}`)
}

func TestSameClientIDIsDeliveredOnce(t *testing.T) {
	srv, _ := open(t, nil)
	a, b := join(t, srv, ann, "tea"), join(t, srv, bob, "tea")
	a.Expect("user-joined")
	first := a.ask(ok, "chat-message", object{"content": "hi", "clientId": "c1"})
	again := a.ask(ok, "chat-message", object{"content": "hi", "clientId": "c1"})
	b.Expect("chat-message")
	a.Abort()
	b.Expect("user-left")
	later := join(t, srv, ann, "tea").ask(ok, "chat-message", object{"content": "hi", "clientId": "c1"})
	if want := fmt.Sprint(first); fmt.Sprint(again) != want || fmt.Sprint(later) != want {
		t.Errorf("%v, then %v and %v", first, again, later)
	}
	b.Expect("user-joined")
	b.tell("chat-message", object{"content": "mine", "clientId": "c1"})
	b.tell("chat-message", object{"content": "mine", "clientId": "c1"})
	b.hears("chat-message", `{"id":"$id","roomId":"tea","userId":"u2","username":"Bob","content":"mine","timestamp":"$T","clientId":"c1"}`)
	b.hearsNothing()
}

func TestContentIsMeasuredAsJavaScriptDoes(t *testing.T) {
	srv, _ := open(t, nil)
	a := join(t, srv, ann, "tea")
	const text = "Message too long. Maximum 1000 characters."
	for _, fits := range []string{strings.Repeat("x", 1000), strings.Repeat("😀", 500), strings.Repeat("한", 1000), "x" + strings.Repeat("😀", 499)} {
		a.ask(ok, "chat-message", object{"content": fits})
	}
	for _, long := range []string{strings.Repeat("x", 1001), strings.Repeat("😀", 500) + "x", strings.Repeat("한", 1001)} {
		a.ask(refusalOf("too_long", text), "chat-message", object{"content": long})
		a.tell("chat-message", object{"content": long})
		a.hears("error", `{"code":"too_long","message":"`+text+`"}`)
		a.ask(refusalOf("too_long", text), "direct-message", object{"content": long, "recipientId": "u1"})
	}
	a.hearsNothing()
}

func TestEventIsBoundedInBytes(t *testing.T) {
	srv, _ := open(t, nil)
	a := join(t, srv, ann, "tea")
	const text = "Message too large. Maximum 10KB."
	event := func(size int) string {
		const frame = `["chat-message",{"content":"x","more":""}]`
		return strings.Replace(frame, `""`, `"`+strings.Repeat("x", size-len(frame))+`"`, 1)
	}
	if err := a.Write("2/chat," + event(10_240)); err != nil {
		t.Fatal(err)
	}
	a.hears("chat-message", `{"id":"$id","roomId":"tea","userId":"u1","username":"Ann","content":"x","timestamp":"$T"}`)
	if err := a.Write("2/chat," + event(10_241)); err != nil {
		t.Fatal(err)
	}
	a.hears("error", `{"code":"too_large","message":"`+text+`"}`)
	a.ask(refusalOf("too_large", text), "chat-message", object{"content": strings.Repeat("x", 11_000)})
	a.ask(refusalOf("too_large", text), "join", object{"roomId": strings.Repeat("x", 11_000)})
	a.hearsNothing()
}

func TestWrongShapesAreInvalidAndHarmless(t *testing.T) {
	srv, _ := open(t, nil)
	watcher := join(t, srv, bob, "tea")
	binary := []byte{1, 2, 3}
	good := map[string]object{
		"join":           {"userId": "u1", "username": "Ann", "roomId": "tea"},
		"leave":          {"roomId": "tea"},
		"chat-message":   {"content": "x", "roomId": "tea", "clientId": "c"},
		"direct-message": {"recipientId": "u2", "content": "x"},
		"typing":         {"roomId": "tea", "typing": true},
		"history":        {"roomId": "tea", "before": "x", "limit": 1},
		"create-room":    {"name": "x"},
		"delete-room":    {"roomId": "nothing"},
	}
	optional := []string{"leave.roomId", "chat-message.roomId", "chat-message.clientId", "typing.roomId", "history.before", "history.limit"}
	wrong := []any{1, -1.5, true, "", "text", []any{}, []any{object{}}, object{}, object{"toString": "x"}}
	for event, payload := range good {
		a := join(t, srv, ann, "lobby")
		watcher.hearsNothing()
		var tries [][]any
		add := func(args ...any) { tries = append(tries, args) }
		add()
		for _, w := range []any{nil, 0, true, "x", []any{}, []any{payload}, binary} {
			add(w)
		}
		add(payload, payload)
		add(payload, nil)
		add(payload, 1)
		add(payload, binary)
		add(binary, payload)
		for field, value := range payload {
			for _, w := range wrong {
				if fmt.Sprintf("%T", w) != fmt.Sprintf("%T", value) {
					add(with(payload, field, w))
				}
			}
			if slices.Contains(optional, event+"."+field) {
				continue
			}
			add(with(payload, field, nil))
			missing := with(payload, field, nil)
			delete(missing, field)
			add(missing)
			wrongCase := with(missing, strings.ToUpper(field), value)
			if event != "join" || field == "roomId" { // a join needs no identity, it has one
				add(wrongCase)
			}
		}
		for _, args := range tries {
			if event == "join" && justIdentity(args, payload) {
				continue
			}
			what := fmt.Sprint(event, args)
			a.askInvalid(what, event, args)
			a.tell(event, args...)
			a.hears("error", `{"code":"invalid","message":"$any"}`)
		}
		a.hearsNothing()
		a.ask(`{"ok":true,"message":{"roomId":"lobby","...":true}}`, "chat-message", object{"content": "still here"})
		a.Abort()
	}
	watcher.hearsNothing()
}

// justIdentity says whether only the identity of a join is missing, which has come with the handshake.
func justIdentity(args []any, good object) bool {
	if len(args) != 1 {
		return false
	}
	o, isObject := args[0].(object)
	if !isObject || o["roomId"] != good["roomId"] {
		return false
	}
	for _, f := range []string{"userId", "username"} {
		if v, there := o[f]; there && v != nil {
			if _, text := v.(string); !text {
				return false
			}
		}
	}
	return true
}

func (p *person) askInvalid(what, event string, args []any) {
	p.t.Helper()
	got := p.ask(`{"ok":false,"error":{"code":"$any","message":"$any"}}`, event, args...)
	if failure := got["error"].(map[string]any); failure["code"] != "invalid" {
		p.t.Errorf("%s: %v", what, failure)
	}
}

func with(o object, field string, value any) object {
	changed := object{field: value}
	for k, v := range o {
		if k != field {
			changed[k] = v
		}
	}
	return changed
}

func TestRawPayloadsThatNoClientSends(t *testing.T) {
	srv, _ := open(t, nil)
	a := join(t, srv, ann, "tea")
	for _, payload := range []string{
		`{"content":"x","content":"y"}`,
		`{"content":"\ud800"}`,
		`{"content":{"_placeholder":true,"num":0}}`,
		`{"Content":"x"}`,
		`{"content":"x","roomId":["tea"]}`,
	} {
		if err := a.Write(`2/chat,["chat-message",` + payload + `]`); err != nil {
			t.Fatal(err)
		}
		a.hears("error", `{"code":"invalid","message":"$any"}`)
	}
	if err := a.Write(`2/chat,["chat-message",{"content":"\ud83d\ude00<&>\u2028","__proto__":{}}]`); err != nil {
		t.Fatal(err)
	}
	a.hears("chat-message", `{"id":"$id","roomId":"tea","userId":"u1","username":"Ann","content":"😀<&>\u2028","timestamp":"$T"}`)
}

func TestBinaryWhereTextBelongsIsInvalid(t *testing.T) {
	srv, _ := open(t, nil)
	a := join(t, srv, ann, "tea")
	for range 2 {
		if err := a.Write(`51-/chat,["chat-message",{"content":{"_placeholder":true,"num":0}}]`); err != nil {
			t.Fatal(err)
		}
		if err := a.WriteBinary([]byte("text")); err != nil {
			t.Fatal(err)
		}
		a.hears("error", `{"code":"invalid","message":"$any"}`)
	}
	a.hearsNothing()
}

// Many send at once: all see the same order, which is the order of the history and of the ids.
func TestAllSeeTheOrderOfTheRoom(t *testing.T) {
	srv, _ := open(t, nil)
	const people, each = 8, 12
	var all []*person
	for i := range people {
		all = append(all, join(t, srv, User{fmt.Sprint("u", i), "x"}, "tea"))
	}
	var wg sync.WaitGroup
	for _, p := range all {
		wg.Go(func() {
			for i := range each {
				if err := p.Emit("chat-message", object{"content": fmt.Sprint(p.ID(), i)}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	var want []Message
	for i, p := range all {
		var got []Message
		for range people * each {
			var m Message
			if err := p.Expect("chat-message").Decode(&m); err != nil {
				t.Fatal(err)
			}
			got = append(got, m)
		}
		if i == 0 {
			want = got
		}
		if !slices.Equal(got, want) {
			t.Fatalf("client %d sees another order", i)
		}
	}
	if !slices.IsSortedFunc(want, func(a, b Message) int { return strings.Compare(a.ID, b.ID) }) {
		t.Error("ids are not in order")
	}
	history := all[0].ask(ok, "history", object{"roomId": "tea", "limit": 100})["messages"].([]any)
	for i, m := range history {
		if m.(map[string]any)["id"] != want[i].ID {
			t.Fatalf("message %d of the history is another", i)
		}
	}
}
