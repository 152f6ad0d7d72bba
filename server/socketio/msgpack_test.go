package socketio_test

import (
	"context"
	"fmt"
	"testing"

	"parley/server/socketio"
	"parley/server/socketiotest"
)

var speakMessagePack = &socketiotest.Options{MessagePack: true, Auth: map[string]string{"token": "t"}}

// relays answers an event to everybody in the namespace, once it has been through a Go type.
func relays[In any](ns *socketio.Namespace, event string) {
	socketio.OnAck(ns, event, func(_ context.Context, _ *socketio.Socket, in In) (In, error) {
		return in, ns.Emit(event, in)
	})
}

func TestClientsOfBothCodecsShareANamespace(t *testing.T) {
	srv := newServer(t, nil)
	ns := withSync(srv.Of("/"))
	relays[socketio.Value](ns, "value")
	relays[any](ns, "any")
	relays[[]byte](ns, "bytes")
	text, packed := connect(t, srv, "/"), socketiotest.Connect(t, srv, "/", speakMessagePack)
	for _, from := range []*socketiotest.Client{text, packed} {
		for event, args := range map[string][]any{
			"value": {map[string]any{"a": []any{1.5, nil, "ü", true, -7}}},
			"any":   {[]any{map[string]any{"_placeholder": true, "num": 0}}},
			"bytes": {[]byte{1, 2, 3}},
		} {
			want := ask(t, from, event, args...)
			for _, to := range []*socketiotest.Client{text, packed} {
				got := to.Expect(event)
				if fmt.Sprint(plainArgs(t, joined(got.Args))) != fmt.Sprint(plainArgs(t, want)) {
					t.Errorf("%s became %s, answered with %s", args, got.Args, want)
				}
				if event == "bytes" && (len(got.Attachments) != 1 || string(got.Attachments[0]) != "\x01\x02\x03") {
					t.Errorf("attachments %q", got.Attachments)
				}
			}
		}
	}
}

func plainArgs(t *testing.T, raw string) (v any) {
	t.Helper()
	if err := (socketiotest.Reply{Args: []rawJSON{rawJSON("[" + raw + "]")}}).Decode(&v); err != nil {
		t.Fatal(raw, err)
	}
	return v
}

// An object that looks like a placeholder, beside binary: text cannot say it, so clients that speak
// it get something else, but stay.
func TestWhatLooksLikeAPlaceholderBesideBinary(t *testing.T) {
	srv := newServer(t, nil)
	ns := withSync(srv.Of("/"))
	relays[socketio.Value](ns, "value")
	seen := make(chan any, 1)
	socketio.On(ns, "any", func(_ context.Context, _ *socketio.Socket, in any) error {
		seen <- in
		return nil
	})
	text, packed := connect(t, srv, "/"), socketiotest.Connect(t, srv, "/", speakMessagePack)
	const lookalike = `{"\u005fplaceholder":true,"num":7}`
	arg := []any{rawJSON(lookalike), []byte{9}}
	send := func(event string) { // as a client sends it: what is binary in the array is so
		t.Helper()
		payload := `["` + event + `",[` + lookalike + `,{"_placeholder":true,"num":0}]]`
		if err := packed.WriteBinary(mustPack(t, payload, arg[1].([]byte))); err != nil {
			t.Fatal(err)
		}
	}
	send("value")
	if got := packed.Expect("value"); joined(got.Args) != `[`+lookalike+`,{"_placeholder":true,"num":0}]` || len(got.Attachments) != 1 {
		t.Errorf("MessagePack: %s", got.Args)
	}
	if got := text.Expect("value"); joined(got.Args) != `[{"\u005fplaceholder":1,"num":7},{"_placeholder":true,"num":0}]` {
		t.Errorf("text: %s", got.Args)
	}
	send("any")
	if got := fmt.Sprint(receive(t, seen)); got != "[map[_placeholder:true num:7] [9]]" {
		t.Errorf("the handler got %s", got)
	}
	handled(t, text)
}

// What a text client could mean as a placeholder must not end the connections of others.
func TestALookalikeOfATextClientIsNotSentBesideBinary(t *testing.T) {
	srv := newServer(t, nil)
	ns := srv.Of("/")
	socketio.OnAck(ns, "share", func(_ context.Context, _ *socketio.Socket, in socketio.Value) (bool, error) {
		return ns.Emit("shared", in, []byte{1}) != nil, nil
	})
	c := connect(t, srv, "/")
	if got := ask(t, c, "share", rawJSON(`{"_placeholder":true,"num":7}`)); got != "true" {
		t.Errorf("Emit failed: %s", got)
	}
	if got := ask(t, c, "share", rawJSON(`{"_placeholder":false,"num":7}`)); got != "false" {
		t.Errorf("Emit failed: %s", got)
	}
	c.Expect("shared")
}

func TestMessagePackConnectRefuseCallAndDisconnect(t *testing.T) {
	srv := newServer(t, nil)
	ns := withSync(srv.Of("/chat"))
	ns.Use(func(_ context.Context, s *socketio.Socket) error {
		if string(s.Handshake().Auth) != `{"token":"t"}` {
			return &socketio.Error{Message: "no", Data: []int{1}}
		}
		return nil
	})
	socketio.OnAck(ns, "ask", func(ctx context.Context, s *socketio.Socket, _ socketio.None) ([]byte, error) {
		return socketio.Call[[]byte](ctx, s, "question", "what?")
	})
	socketio.On(ns, "kick", func(_ context.Context, s *socketio.Socket, _ socketio.None) error {
		s.Disconnect(false)
		return nil
	})
	for _, transport := range []string{socketiotest.WebSocket, socketiotest.Polling} {
		opts := *speakMessagePack
		opts.Transport = transport
		c := socketiotest.Connect(t, srv, "/chat", &opts)
		go func() { _ = c.Expect("question").Ack([]byte{4, 2}) }()
		if got := ask(t, c, "ask"); got != `{"_placeholder":true,"num":0}` {
			t.Errorf("answer %s", got)
		}
		_, err := c.Join(context.Background(), "/nowhere", nil)
		if err == nil || err.Error() != "socketiotest: connect error: Invalid namespace" {
			t.Errorf("joining an unknown namespace: %v", err)
		}
		emit(t, c, "kick")
		if got := reason(t, c); got != socketiotest.ReasonServerDisconnect {
			t.Errorf("reason %q", got)
		}
		opts.Auth = nil
		_, err = socketiotest.Dial(context.Background(), srv, "/chat", &opts)
		if refusal, ok := err.(*socketiotest.ConnectError); !ok || refusal.Message != "no" || string(refusal.Data) != "[1]" {
			t.Errorf("refused with %v", err)
		}
	}
}

// The limits are those of text, and codecs do not mix.
func TestMessagePackThatEndsItsConnection(t *testing.T) {
	srv := newServer(t, &socketio.Options{MaxAttachments: 2, MaxPayload: 1000})
	ns := withSync(srv.Of("/"))
	relays[socketio.Value](ns, "value")
	three := `["value",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1},{"_placeholder":true,"num":2}]`
	good := socketiotest.Connect(t, srv, "/", speakMessagePack)
	for name, bad := range map[string]func(c *socketiotest.Client) error{
		"text":                 func(c *socketiotest.Client) error { return c.Write(`2["value",1]`) },
		"nothing":              func(c *socketiotest.Client) error { return c.WriteBinary(nil) },
		"a huge length":        func(c *socketiotest.Client) error { return c.WriteBinary([]byte{0xdf, 0xff, 0xff, 0xff, 0xff}) },
		"too many attachments": func(c *socketiotest.Client) error { return c.WriteBinary(mustPack(t, three, nil, nil, nil)) },
		"too large":            func(c *socketiotest.Client) error { return c.Emit("value", make([]byte, 1000)) },
		"a second CONNECT": func(c *socketiotest.Client) error {
			return c.WriteBinary([]byte{0x82, 0xa4, 't', 'y', 'p', 'e', 0, 0xa3, 'n', 's', 'p', 0xa1, '/'})
		},
		"a namespace not joined, with binary": func(c *socketiotest.Client) error {
			return c.WriteBinary(mustPackIn(t, "/other", `["value",{"_placeholder":true,"num":0}]`, []byte{1}))
		},
	} {
		t.Run(name, func(t *testing.T) {
			c := socketiotest.Connect(t, srv, "/", speakMessagePack)
			if err := bad(c); err != nil {
				t.Fatal(err)
			}
			if got := reason(t, c); got != socketiotest.ReasonTransportClose {
				t.Errorf("reason %q", got)
			}
			handled(t, good)
		})
	}
	c := connect(t, srv, "/")
	if err := c.WriteBinary(mustPack(t, `["value",1]`)); err != nil {
		t.Fatal(err)
	}
	if got := reason(t, c); got != socketiotest.ReasonTransportClose {
		t.Errorf("MessagePack from a client that speaks text: %q", got)
	}
}
