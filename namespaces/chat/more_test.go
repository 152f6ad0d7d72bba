package chat

import (
	"fmt"
	"testing"
)

func TestHistoryIsPaged(t *testing.T) {
	srv, _ := open(t, nil)
	a := join(t, srv, ann, "tea")
	var ids []string
	for i := range 120 {
		m := a.ask(ok, "chat-message", object{"content": fmt.Sprint(i)})["message"].(map[string]any)
		ids = append(ids, m["id"].(string))
	}
	page := func(want string, payload object) []any {
		t.Helper()
		return a.ask(want, "history", with(payload, "roomId", "tea"))["messages"].([]any)
	}
	const more, last = `{"ok":true,"more":true,"...":true}`, `{"ok":true,"more":false,"...":true}`
	for _, c := range []struct {
		want    string
		payload object
		first   int
		length  int
	}{
		{more, object{}, 70, 50},
		{last, object{"limit": 100}, 20, 100},
		{more, object{"limit": 1}, 119, 1},
		{more, object{"before": ids[70], "limit": 10}, 60, 10},
		{last, object{"before": ids[30]}, 20, 10},
		{last, object{"before": ids[30], "limit": 10}, 20, 10},
		{last, object{"before": ids[3]}, 0, 0},
		{more, object{"before": nil, "limit": nil}, 70, 50},
	} {
		got := page(c.want, c.payload)
		if len(got) != c.length || c.length > 0 && got[0].(map[string]any)["id"] != ids[c.first] {
			t.Errorf("%v: %d messages: %v", c.payload, len(got), got)
		}
	}
	for _, limit := range []any{0, -1, 101, 1.5, "50"} {
		a.askInvalid(fmt.Sprint("limit ", limit), "history", []any{object{"roomId": "tea", "limit": limit}})
	}
	visit(t, srv, bob).ask(refusalOf("not_in_room", "You are not in this room."), "history", object{"roomId": "tea"})
}

func TestTypingIsForTheOthers(t *testing.T) {
	srv, _ := open(t, nil)
	a, b := join(t, srv, ann, "tea"), join(t, srv, bob, "tea")
	a.Expect("user-joined")
	b.tell("typing", object{"typing": true})
	b.hearsNothing()
	a.hears("typing", `{"roomId":"tea","userId":"u2","username":"Bob","typing":true}`)
	b.ask(`{"ok":true}`, "typing", object{"typing": false, "roomId": "tea"})
	a.hears("typing", `{"roomId":"tea","userId":"u2","username":"Bob","typing":false}`)
	b.ask(refusalOf("not_in_room", "You are not in this room."), "typing", object{"typing": true, "roomId": "other"})
	a.hearsNothing()
}

func TestDirectMessageReachesAllSocketsOfAUser(t *testing.T) {
	srv, _ := open(t, nil)
	a, tab1, tab2, c := visit(t, srv, ann), visit(t, srv, bob), join(t, srv, bob, "tea"), visit(t, srv, User{"u3", "Carl"})
	const message = `{"id":"$id","senderId":"u1","senderUsername":"Ann","recipientId":"u2","content":"psst","timestamp":"$T"}`
	a.ask(`{"ok":true,"message":`+message+`}`, "direct-message", object{"recipientId": "u2", "content": "psst"})
	a.hearsNothing()
	a.tell("direct-message", object{"recipientId": "u2", "content": "psst"})
	a.hears("direct-message", message)
	for _, tab := range []*person{tab1, tab2} {
		tab.hears("direct-message", message)
		tab.hears("direct-message", message)
		tab.hearsNothing()
	}
	a.tell("direct-message", object{"recipientId": "u1", "content": "note to self"})
	a.hears("direct-message", `{"id":"$id","senderId":"u1","senderUsername":"Ann","recipientId":"u1","content":"note to self","timestamp":"$T"}`)
	a.hearsNothing()
	a.ask(refusalOf("recipient_offline", "The recipient is offline."), "direct-message", object{"recipientId": "u9", "content": "psst"})
	tab1.Abort()
	a.ask(ok, "direct-message", object{"recipientId": "u2", "content": "psst"})
	c.hearsNothing()
	c.ask(ok, "direct-message", object{"recipientId": "u1", "content": "hi"})
	visit(t, srv, nil).ask(refusalOf("invalid", errUnknown.Message), "direct-message", object{"recipientId": "u1", "content": "hi"})
}

func TestRoomsAreMadeListedAndDeleted(t *testing.T) {
	srv, _ := open(t, nil)
	a, b := visit(t, srv, ann), visit(t, srv, bob)
	made := a.ask(`{"ok":true,"room":{"id":"$room","name":"Tea","userCount":0,"createdAt":"$T"}}`, "create-room", object{"name": "Tea"})
	id := made["room"].(map[string]any)["id"]
	if again := a.ask(ok, "create-room", object{"name": "Tea"}); again["room"].(map[string]any)["id"] == id {
		t.Error("two rooms have the same id")
	}
	b.ask(`{"ok":true,"room":{"id":"$room","name":"Tea","userCount":1,"createdAt":"$T"},"...":true}`, "join", object{"roomId": id})
	b.Expect("room-users")
	b.ask(`{"ok":true,"more":false,"rooms":[{"id":"$room","name":"Tea","userCount":1,"createdAt":"$T"},{"id":"$room","name":"Tea","userCount":0,"createdAt":"$T"}]}`, "rooms")
	b.ask(refusalOf("forbidden", "Only its creator may delete a room."), "delete-room", object{"roomId": id})
	a.ask(`{"ok":true}`, "delete-room", object{"roomId": id})
	b.hears("room-deleted", fmt.Sprintf(`{"roomId":%q}`, id))
	b.ask(refusalOf("not_in_room", "You are not in this room."), "chat-message", object{"content": "x"})
	a.ask(refusalOf("not_found", "There is no such room."), "delete-room", object{"roomId": id})
	a.hearsNothing()

	// Somebody joins a room of the same name: those of the old one are not in it.
	a.ask(ok, "join", object{"roomId": id})
	a.ask(ok, "chat-message", object{"content": "anybody?"})
	b.ask(refusalOf("not_in_room", "You are not in this room."), "chat-message", object{"content": "x", "roomId": id})
	b.hearsNothing()
}

func TestWhoDeletesWithoutAckHearsOfIt(t *testing.T) {
	srv, _ := open(t, nil)
	a, b := visit(t, srv, ann), join(t, srv, ann, "tea")
	a.tell("delete-room", object{"roomId": "tea"})
	a.hears("room-deleted", `{"roomId":"tea"}`)
	b.hears("room-deleted", `{"roomId":"tea"}`)
	a.hearsNothing()
	b.hearsNothing()
	b.ask(ok, "join", object{"roomId": "coffee"})
	b.Expect("room-users")
	b.ask(ok, "delete-room", object{"roomId": "coffee"})
	b.hearsNothing()
}

func TestListOfRoomsTakesNoArguments(t *testing.T) {
	srv, _ := open(t, &Options{ListedRooms: 1})
	a := join(t, srv, ann, "one")
	a.askInvalid("an argument", "rooms", []any{object{}})
	a.ask(ok, "join", object{"roomId": "two"})
	a.ask(`{"ok":true,"more":true,"rooms":[{"id":"$any","name":"$any","userCount":1,"createdAt":"$T"}]}`, "rooms")
}

func TestRoomsOfAUserAreBounded(t *testing.T) {
	srv, _ := open(t, &Options{RoomsPerUser: 1})
	a := visit(t, srv, ann)
	a.ask(ok, "create-room", object{"name": "x"})
	a.ask(refusalOf("limit", "Too many rooms made by this user. Maximum 1."), "create-room", object{"name": "y"})
}

// The page of the guide: no identity in the handshake, no acknowledgements, three events.
func TestPageWithoutAcksWorks(t *testing.T) {
	srv, _ := open(t, nil)
	a, b := visit(t, srv, nil), visit(t, srv, nil)
	a.tell("join", object{"userId": "u1", "username": "Ann", "roomId": "r"})
	a.Expect("room-users")
	b.tell("join", object{"userId": "u2", "username": "Bob", "roomId": "r"})
	a.hears("user-joined", `{"roomId":"r","userId":"u2","username":"Bob","timestamp":"$T"}`)
	a.tell("chat-message", object{"content": "hello"})
	b.Expect("room-users")
	for _, p := range []*person{a, b} {
		p.hears("chat-message", `{"id":"$id","roomId":"r","userId":"u1","username":"Ann","content":"hello","timestamp":"$T"}`)
	}
	b.Disconnect()
	a.hears("user-left", `{"roomId":"r","userId":"u2","username":"Bob","timestamp":"$T"}`)
}
