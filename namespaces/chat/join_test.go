package chat

import (
	"fmt"
	"strings"
	"testing"
)

func TestJoinTellsTheOthersAndTheJoiner(t *testing.T) {
	srv, _ := open(t, nil)
	a, b := visit(t, srv, ann), visit(t, srv, nil)
	a.ask(`{"ok":true,"room":{"id":"tea","name":"tea","userCount":1,"createdAt":"$T"},"users":[{"userId":"u1","username":"Ann"}],"messages":[]}`,
		"join", object{"roomId": "tea"})
	a.hears("room-users", `[{"userId":"u1","username":"Ann"}]`)
	a.ask(ok, "chat-message", object{"content": "first"})

	b.ask(`{"ok":true,"room":{"id":"tea","name":"tea","userCount":2,"createdAt":"$T"},
		"users":[{"userId":"u1","username":"Ann"},{"userId":"u2","username":"Bob"}],
		"messages":[{"id":"$id","roomId":"tea","userId":"u1","username":"Ann","content":"first","timestamp":"$T"}]}`,
		"join", object{"userId": "u2", "username": "Bob", "roomId": "tea"})
	b.hears("room-users", `[{"userId":"u1","username":"Ann"},{"userId":"u2","username":"Bob"}]`)
	a.hears("user-joined", `{"roomId":"tea","userId":"u2","username":"Bob","timestamp":"$T"}`)
	a.hearsNothing()
	b.hearsNothing()
}

func TestJoinWithoutAckDoesTheSame(t *testing.T) {
	srv, _ := open(t, nil)
	a, b := join(t, srv, ann, "tea"), visit(t, srv, nil)
	b.tell("join", object{"userId": "u2", "username": "Bob", "roomId": "tea"})
	b.hears("room-users", `[{"userId":"u1","username":"Ann"},{"userId":"u2","username":"Bob"}]`)
	b.hearsNothing()
	a.hears("user-joined", `{"roomId":"tea","userId":"u2","username":"Bob","timestamp":"$T"}`)
	a.hearsNothing()
}

func TestJoiningAgainIsNoNews(t *testing.T) {
	srv, _ := open(t, nil)
	a, b := join(t, srv, ann, "tea"), join(t, srv, bob, "tea")
	a.Expect("user-joined")
	b.ask(ok, "join", object{"roomId": "tea"})
	b.hears("room-users", `[{"userId":"u1","username":"Ann"},{"userId":"u2","username":"Bob"}]`)
	a.hearsNothing()
	b.ask(ok, "leave", object{})
	a.hears("user-left", `{"roomId":"tea","userId":"u2","username":"Bob","timestamp":"$T"}`)
}

func TestTabsOfOneUserAreOneUser(t *testing.T) {
	srv, _ := open(t, nil)
	a := join(t, srv, ann, "tea")
	tab1, tab2, tab3 := join(t, srv, bob, "tea"), visit(t, srv, bob), visit(t, srv, bob)
	a.hears("user-joined", `{"roomId":"tea","userId":"u2","username":"Bob","timestamp":"$T"}`)
	tab2.ask(`{"ok":true,"users":[{"userId":"u1","username":"Ann"},{"userId":"u2","username":"Bob"}],"...":true}`, "join", object{"roomId": "tea"})
	tab3.ask(ok, "join", object{"roomId": "tea"})
	tab1.ask(ok, "leave", object{"roomId": "tea"})
	tab1.hearsNothing()
	tab2.Abort()
	tab3.ask(ok, "leave", object{})
	a.hears("user-left", `{"roomId":"tea","userId":"u2","username":"Bob","timestamp":"$T"}`)
	tab3.ask(ok, "join", object{"roomId": "tea"})
	a.hears("user-joined", `{"roomId":"tea","userId":"u2","username":"Bob","timestamp":"$T"}`)
	tab3.Disconnect()
	a.hears("user-left", `{"roomId":"tea","userId":"u2","username":"Bob","timestamp":"$T"}`)
	a.hearsNothing()
}

func TestUserLeftHoweverTheConnectionEnds(t *testing.T) {
	srv, _ := open(t, nil)
	a := join(t, srv, ann, "tea")
	for how, end := range map[string]func(*person){
		"disconnect": func(p *person) { p.Disconnect() },
		"close":      func(p *person) { p.Close() },
		"cut":        func(p *person) { p.Abort() },
		"bad packet": func(p *person) { p.Write("42") },
	} {
		t.Run(how, func(t *testing.T) {
			b := join(t, srv, bob, "tea")
			a.hears("user-joined", `{"roomId":"tea","userId":"u2","username":"Bob","timestamp":"$T"}`)
			b.ask(ok, "join", object{"roomId": "other"})
			end(b)
			a.hears("user-left", `{"roomId":"tea","userId":"u2","username":"Bob","timestamp":"$T"}`)
		})
	}
}

func TestIdentityComesFromTheHandshakeOrTheJoin(t *testing.T) {
	srv, _ := open(t, nil)
	const missingUser, missingName = "userId is missing.", "username is missing."
	for what, c := range map[string]struct {
		auth    any
		payload object
		user    string // who they are then, or
		refused string
	}{
		"handshake alone":             {ann, object{}, `{"userId":"u1","username":"Ann"}`, ""},
		"handshake wins":              {ann, object{"userId": "u2", "username": "Bob"}, `{"userId":"u1","username":"Ann"}`, ""},
		"join alone":                  {nil, object{"userId": "u2", "username": "Bob"}, `{"userId":"u2","username":"Bob"}`, ""},
		"neither":                     {nil, object{}, "", missingUser},
		"no name":                     {nil, object{"userId": "u2"}, "", missingName},
		"no id":                       {nil, object{"username": "Bob"}, "", missingUser},
		"empty":                       {nil, object{"userId": "", "username": ""}, "", missingUser},
		"wrong case":                  {nil, object{"userID": "u2", "username": "Bob"}, "", missingUser},
		"half a handshake":            {object{"userId": "u1"}, object{}, "", missingUser},
		"half a handshake and a join": {object{"userId": "u1"}, object{"userId": "u2", "username": "Bob"}, `{"userId":"u2","username":"Bob"}`, ""},
		"handshake of a wrong type":   {object{"userId": 1, "username": "Ann"}, object{}, "", missingUser},
		"something else in it":        {object{"userId": "u1", "username": "Ann", "color": 3}, object{}, `{"userId":"u1","username":"Ann"}`, ""},
		"too long":                    {nil, object{"userId": strings.Repeat("x", 251), "username": "Bob"}, "", "userId is too long. Maximum 250 bytes."},
		"too long in the handshake":   {User{strings.Repeat("x", 251), "Bob"}, object{}, "", missingUser},
	} {
		t.Run(what, func(t *testing.T) {
			p := visit(t, srv, c.auth)
			c.payload["roomId"] = "room of " + what
			want := refusalOf("invalid", c.refused)
			if c.user != "" {
				want = `{"ok":true,"users":[` + c.user + `],"...":true}`
			}
			p.ask(want, "join", c.payload)
		})
	}
}

func TestUserChangesOnlyOutsideOfRooms(t *testing.T) {
	srv, _ := open(t, nil)
	p, watcher := visit(t, srv, nil), visit(t, srv, User{"w", "Watcher"})
	as := func(u User) object { return object{"userId": u.UserID, "username": u.Username, "roomId": "tea"} }
	p.ask(ok, "join", as(ann))
	p.ask(refusalOf("forbidden", "This connection is in a room as another user."), "join", as(bob))
	p.ask(`{"ok":true,"users":[{"userId":"u1","username":"Ann"}],"...":true}`, "join", object{"roomId": "tea"})
	p.ask(`{"ok":true,"users":[{"userId":"u1","username":"Ann"}],"...":true}`, "join", object{"roomId": "tea", "userId": "u1"})
	p.ask(`{"ok":true,"users":[{"userId":"u1","username":"Anna"}],"...":true}`, "join", as(User{"u1", "Anna"}))
	p.ask(ok, "leave", object{})
	p.ask(`{"ok":true,"users":[{"userId":"u2","username":"Bob"}],"...":true}`, "join", as(bob))
	watcher.ask(refusalOf("recipient_offline", "The recipient is offline."), "direct-message", object{"recipientId": "u1", "content": "?"})
	watcher.ask(ok, "direct-message", object{"recipientId": "u2", "content": "!"})
	p.Expect("direct-message")
	realAnn := visit(t, srv, ann)
	watcher.ask(ok, "direct-message", object{"recipientId": "u1", "content": "for Ann"})
	realAnn.Expect("direct-message")
	for range 5 {
		p.Expect("room-users")
	}
	p.hearsNothing()
}

func TestPrivateRoomsAreNotJoinable(t *testing.T) {
	srv, _ := open(t, nil)
	a, b := visit(t, srv, ann), join(t, srv, bob, "tea")
	for _, room := range []string{"user:u2", "user:", "user:nobody", b.ID(), a.ID()} {
		a.ask(refusalOf("forbidden", "This room cannot be joined."), "join", object{"roomId": room})
	}
	a.ask(ok, "join", object{"roomId": "users:u2"})
	a.ask(ok, "join", object{"roomId": "User:u2"})
	a.ask(refusalOf("invalid", "roomId is too long. Maximum 250 bytes."), "join", object{"roomId": strings.Repeat("é", 126)})
	b.hearsNothing()
}

func TestRoomsAreBounded(t *testing.T) {
	srv, _ := open(t, &Options{RoomsPerSocket: 3, Rooms: 4})
	a, b := visit(t, srv, ann), visit(t, srv, bob)
	for i := range 3 {
		a.ask(ok, "join", object{"roomId": fmt.Sprint(i)})
	}
	a.ask(refusalOf("limit", "Too many rooms on this connection. Maximum 3."), "join", object{"roomId": "3"})
	a.ask(ok, "join", object{"roomId": "2"})
	b.ask(ok, "join", object{"roomId": "3"})
	b.ask(refusalOf("limit", "Too many rooms on this server. Maximum 4."), "join", object{"roomId": "4"})
	b.ask(ok, "join", object{"roomId": "0"})
	a.ask(ok, "leave", object{"roomId": "1"})
	b.ask(ok, "join", object{"roomId": "4"})
	a.ask(ok, "join", object{"roomId": "4"})
}

func TestLimitOfTheServerItselfLeavesNoTrace(t *testing.T) {
	srv, c := open(t, &Options{RoomsPerSocket: 1000})
	a := visit(t, srv, ann)
	for i := range 199 { // and the user's own
		a.ask(ok, "join", object{"roomId": fmt.Sprint(i)})
	}
	a.ask(refusalOf("limit", "Too many rooms on this connection."), "join", object{"roomId": "one more"})
	if _, there := c.store.(*memory).rooms.get("one more"); there {
		t.Error("the room is there")
	}
	a.tell("chat-message", object{"content": "to the last"})
	for range 199 {
		a.Expect("room-users")
	}
	a.hears("chat-message", `{"id":"$id","roomId":"198","userId":"u1","username":"Ann","content":"to the last","timestamp":"$T"}`)
}

func TestShutdownIsALeaveForAll(t *testing.T) {
	srv, _ := open(t, nil)
	people := []*person{join(t, srv, ann, "tea"), join(t, srv, ann, "tea"), join(t, srv, bob, "tea")}
	for _, p := range people {
		p.ask(ok, "chat-message", object{"content": "hello"})
	}
	// What must be gone afterwards open checks.
}
