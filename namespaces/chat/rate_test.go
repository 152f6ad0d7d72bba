package chat

import (
	"context"
	"errors"
	"testing"
	"time"

	"parley/namespaces/limits"
)

const tooMany = "Too many messages. Please wait before sending again."

func TestAUserSendsOnlySoOften(t *testing.T) {
	srv, _ := open(t, &Options{Rate: limits.NewWindow(3, time.Hour), DirectRate: limits.NewWindow(1, time.Hour)})
	a, tab, b := join(t, srv, ann, "tea"), join(t, srv, ann, "tea"), join(t, srv, bob, "tea")
	a.Expect("user-joined")
	tab.Expect("user-joined")

	// What is not accepted does not count.
	a.ask(refusalOf("invalid", "content is missing."), "chat-message", object{})
	a.ask(refusalOf("not_in_room", "You are not in this room."), "chat-message", object{"content": "x", "roomId": "nowhere"})
	a.ask(refusalOf("recipient_offline", "The recipient is offline."), "direct-message", object{"content": "x", "recipientId": "u9"})
	first := a.ask(ok, "chat-message", object{"content": "1", "clientId": "c1"})
	for range 5 {
		a.ask(ok, "chat-message", object{"content": "1", "clientId": "c1"})
	}
	tab.ask(ok, "chat-message", object{"content": "2"})
	a.ask(ok, "direct-message", object{"content": "3", "recipientId": "u2"}) // of a budget of its own
	tab.ask(ok, "chat-message", object{"content": "4"})

	a.ask(refusalOf("rate_limited", tooMany), "chat-message", object{"content": "5"})
	tab.ask(refusalOf("rate_limited", tooMany), "chat-message", object{"content": "5", "clientId": "c5"})
	a.ask(refusalOf("rate_limited", tooMany), "direct-message", object{"content": "5", "recipientId": "u2"})
	again := tab.ask(ok, "chat-message", object{"content": "1", "clientId": "c1"})
	if id(again) != id(first) {
		t.Error("what is sent again is another message")
	}
	for _, want := range []string{"chat-message", "chat-message", "direct-message", "chat-message"} {
		b.Expect(want)
	}
	b.hearsNothing()
	b.ask(ok, "chat-message", object{"content": "others are free"})

	c := visit(t, srv, ann)
	c.ask(ok, "join", object{"roomId": "tea"})
	c.Expect("room-users")
	c.tell("chat-message", object{"content": "5"})
	c.hears("error", `{"code":"rate_limited","message":"`+tooMany+`"}`)
}

func id(reply object) any { return reply["message"].(map[string]any)["id"] }

// brokenRate cannot count.
type brokenRate struct{}

func (brokenRate) Take(context.Context, string) (func(), error) { return nil, errors.New("no count") }

func TestWhereCountingFailsNothingIsSent(t *testing.T) {
	srv, _ := open(t, &Options{Rate: brokenRate{}})
	a := join(t, srv, ann, "tea")
	a.ask(refusalOf("internal", "Internal error"), "chat-message", object{"content": "x", "clientId": "c"})
	a.ask(`{"ok":true,"messages":[],"more":false}`, "history", object{"roomId": "tea"})
}
