package chat

import (
	"context"
	"strings"
	"testing"
	"time"

	"parley/namespaces/identity"
	"parley/server/socketio"
	"parley/server/socketiotest"
)

var secret = []byte(strings.Repeat("s", 32))

// badge is what a client with a token shows.
type badge struct {
	Token string `json:"token"`
	User         // which is not asked
	socketiotest.State
}

func token(t *testing.T, u User, name string) string {
	t.Helper()
	signer, err := identity.NewSigner(identity.SignerOptions{Secret: secret})
	if err != nil {
		t.Fatal(err)
	}
	signed, err := signer.Sign(identity.Claims{User: identity.User{UserID: u.UserID, Username: name}, Expires: time.Now().Add(time.Hour)})
	if err != nil {
		t.Fatal(err)
	}
	return signed
}

func openWithTokens(t *testing.T, opts *Options) *socketio.Server {
	t.Helper()
	v, err := identity.NewVerifier(identity.Options{Secret: secret})
	if err != nil {
		t.Fatal(err)
	}
	srv, _ := openTo(t, identity.NewGate(v), opts)
	return srv
}

func TestWithTokensNothingElseSaysWhoSomebodyIs(t *testing.T) {
	srv := openWithTokens(t, nil)
	a := visit(t, srv, badge{Token: token(t, ann, "Ann"), User: bob})
	a.ask(`{"ok":true,"users":[{"userId":"u1","username":"Ann"}],"...":true}`, "join", object{"roomId": "tea", "userId": "u2", "username": "Bob"})
	a.Expect("room-users")
	a.ask(`{"ok":true,"message":{"userId":"u1","username":"Ann","...":true}}`, "chat-message", object{"content": "x", "userId": "u2", "username": "Bob"})
	a.ask(`{"ok":true,"...":true}`, "refresh-token", object{"token": token(t, ann, "Anna")})
	a.ask(`{"ok":true,"users":[{"userId":"u1","username":"Anna"}],"...":true}`, "join", object{"roomId": "tea"})
	a.Expect("room-users")
	a.ask(refusalOf("forbidden", "The token is another user's."), "refresh-token", object{"token": token(t, bob, "Bob")})
	a.ask(`{"ok":true,"message":{"userId":"u1","username":"Anna","...":true}}`, "chat-message", object{"content": "y"})

	_, err := socketiotest.Dial(context.Background(), srv, "/chat", &socketiotest.Options{Auth: ann})
	if err == nil || !strings.Contains(err.Error(), "Authentication failed") {
		t.Errorf("without a token: %v", err)
	}
}

func TestASessionIsRecoveredWithATokenOfItsUser(t *testing.T) {
	srv := openWithTokens(t, &Options{Recovery: time.Minute})
	a := visit(t, srv, badge{Token: token(t, ann, "Ann")})
	a.ask(ok, "join", object{"roomId": "tea"})
	a.Expect("room-users")
	id, state := a.ID(), a.State()
	a.Abort()
	if thief := visit(t, srv, badge{Token: token(t, bob, "Bob"), State: state}); thief.ID() == id {
		t.Fatal("another user has the session")
	}
	a = visit(t, srv, badge{Token: token(t, ann, "Ann"), State: state})
	if a.ID() != id {
		t.Fatal("not recovered")
	}
	a.ask(ok, "chat-message", object{"content": "back"})
}
