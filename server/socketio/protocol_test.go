package socketio_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"parley/server/socketio"
	"parley/server/socketiotest"
)

func TestViolationClosesItsOwnConnection(t *testing.T) {
	text := func(list ...string) func(*socketiotest.Client) {
		return func(c *socketiotest.Client) {
			for _, packet := range list {
				_ = c.Write(packet) // the connection may be gone at the second
			}
		}
	}
	for _, bad := range []struct {
		name string
		send func(*socketiotest.Client)
	}{
		{"event without payload", text("2")},
		{"event without name", text("2[]")},
		{"event with null for a name", text("2[null]")},
		{"reserved event", text(`2["disconnect"]`)},
		{"unknown type", text("9")},
		{"garbage behind the payload", text(`2["sync"]x`)},
		{"not JSON", text(`2["sync",{]`)},
		{"brackets without end", text("2" + strings.Repeat("[", 400_000))},
		{"second CONNECT", text("0")},
		{"CONNECT_ERROR", text(`4{"message":"no"}`)},
		{"event for a namespace that is not joined", text(`2/other,["sync"]`)},
		{"DISCONNECT from a namespace that is not joined", text("1/other,")},
		{"acknowledgement for a namespace that is not joined", text("3/other,0[]")},
		{"attachments for a namespace that is not joined", text(`51-/other,["sync",{"_placeholder":true,"num":0}]`)},
		{"no attachments", text(`50-["sync"]`)},
		{"11 attachments", text(`511-["sync"]`)},
		{"negative placeholder", text(`51-["sync",{"_placeholder":true,"num":-1}]`)},
		{"placeholder that is a string", text(`51-["sync",{"_placeholder":true,"num":"0"}]`)},
		{"text while an attachment is due", text(`51-["sync",{"_placeholder":true,"num":0}]`, `2["sync"]`)},
		{"attachment that belongs to nothing", func(c *socketiotest.Client) { _ = c.WriteBinary([]byte("x")) }},
		{"attachments larger than allowed", func(c *socketiotest.Client) {
			_ = c.Write(`53-["sync",{"_placeholder":true,"num":0}]`)
			for range 3 {
				_ = c.WriteBinary(make([]byte, 400_000))
			}
		}},
	} {
		t.Run(bad.name, func(t *testing.T) {
			srv := newServer(t, nil)
			ns := withSync(srv.Of("/"))
			gone := make(chan socketio.Reason, 1)
			ns.OnDisconnect(func(_ context.Context, _ *socketio.Socket, why socketio.Reason) { gone <- why })
			good, c := connect(t, srv, "/"), connect(t, srv, "/")
			bad.send(c)
			if why := reason(t, c); why != socketiotest.ReasonTransportClose {
				t.Errorf("the client sees %q", why)
			}
			if why := receive(t, gone); why != socketio.ReasonForcedClose {
				t.Errorf("the server sees %q", why)
			}
			handled(t, good)
		})
	}
}

func TestPacketsThatAreProperKeepTheConnection(t *testing.T) {
	srv := newServer(t, nil)
	withSync(srv.Of("/"))
	c := connect(t, srv, "/")
	for _, packet := range []string{
		`2["unknown event",1]`,
		`217["unknown event that wants an acknowledgement"]`,
		`2[7,"a number as its name"]`,
		`2/,["sync"]`,
		`399["an acknowledgement of nothing"]`,
		`2["sync",{"_placeholder":true,"num":5}]`, // data of the user's, this being no binary packet
	} {
		if err := c.Write(packet); err != nil {
			t.Fatal(err)
		}
	}
	handled(t, c)
}

func TestEventBeforeTheConnectReplyClosesTheConnection(t *testing.T) {
	srv := newServer(t, nil)
	ns := srv.Of("/slow")
	ns.Use(func(ctx context.Context, _ *socketio.Socket) error {
		<-ctx.Done()
		return nil
	})
	ns.OnConnect(func(context.Context, *socketio.Socket) { t.Error("connected") })
	c := connect(t, srv, "/")
	for _, packet := range []string{"0/slow,", `2/slow,["early"]`} {
		if err := c.Write(packet); err != nil {
			t.Fatal(err)
		}
	}
	reason(t, c)
}

func TestConnectTwiceBeforeTheReplyMakesOneSocket(t *testing.T) {
	srv := newServer(t, nil)
	withSync(srv.Of("/"))
	ns := srv.Of("/slow")
	release := make(chan struct{})
	ns.Use(func(context.Context, *socketio.Socket) error {
		<-release
		return nil
	})
	c := connect(t, srv, "/")
	for range 2 {
		if err := c.Write("0/slow,"); err != nil {
			t.Fatal(err)
		}
	}
	handled(t, c) // both have arrived
	close(release)
	waitFor(t, "the socket is connected", func() bool { return len(ns.Sockets()) > 0 })
	handled(t, c)
	if n := len(ns.Sockets()); n != 1 {
		t.Errorf("%d sockets", n)
	}
}

func TestRefusals(t *testing.T) {
	srv := newServer(t, &socketio.Options{MaxNamespaces: 3})
	for name, err := range map[string]error{
		"/message": &socketio.Error{Message: "not you"},
		"/code":    &socketio.Error{Code: "expired", Message: "not now"},
		"/data":    fmt.Errorf("wrapped: %w", &socketio.Error{Code: "x", Message: "no", Data: map[string]bool{"retry": true}}),
		"/other":   errors.New("database password is hunter2"),
		"/broken":  &socketio.Error{Message: "no", Data: make(chan int)},
	} {
		srv.Of(name).Use(func(context.Context, *socketio.Socket) error { return err })
		srv.Of(name).OnConnect(func(context.Context, *socketio.Socket) { t.Errorf("%s is connected", name) })
	}
	srv.Of("/a")
	srv.Of("/b")
	srv.Of("/c")
	c := connect(t, srv, "/")
	for _, want := range []struct{ namespace, message, data string }{
		{"/message", "not you", ""},
		{"/code", "not now", `{"code":"expired"}`},
		{"/data", "no", `{"retry":true}`},
		{"/other", "Internal error", `{"code":"internal"}`},
		{"/broken", "no", ""},
		{"/unknown", "Invalid namespace", ""},
		{"/a?query=1", "Invalid namespace", ""},
		{"/message", "not you", ""}, // a client may try again
		{"/a", "", ""},
		{"/b", "", ""},
		{"/c", "Too many namespaces: MaxNamespaces is 3", `{"code":"too_many_namespaces"}`},
	} {
		_, err := c.Join(t.Context(), want.namespace, nil)
		if want.message == "" {
			if err != nil {
				t.Errorf("%s: %v", want.namespace, err)
			}
			continue
		}
		var refused *socketiotest.ConnectError
		if !errors.As(err, &refused) || refused.Message != want.message || string(refused.Data) != want.data {
			t.Errorf("%s: got %+v, %v", want.namespace, refused, err)
		}
	}
}

func TestHandshakeCarriesTheCredentials(t *testing.T) {
	srv := newServer(t, nil)
	ns := srv.Of("/chat")
	var order []string
	ns.Use(func(_ context.Context, s *socketio.Socket) error {
		hs := s.Handshake()
		order = append(order, string(hs.Auth), hs.Header().Get("X-Test"), hs.Query().Get("room"))
		if s.Connected() {
			t.Error("connected before the middlewares have decided")
		}
		return s.Emit("early", s.ID())
	})
	ns.Use(func(context.Context, *socketio.Socket) error {
		order = append(order, "second")
		return nil
	})
	ns.OnConnect(func(_ context.Context, s *socketio.Socket) {
		order = append(order, "connect")
		if err := s.Emit("late"); err != nil {
			t.Error(err)
		}
	})
	c := socketiotest.Connect(t, srv, "/chat", &socketiotest.Options{
		Auth:   map[string]string{"token": "t"},
		Header: map[string][]string{"X-Test": {"yes"}},
		Query:  map[string][]string{"room": {"7"}},
	})
	e, err := c.Next(t.Context())
	if err != nil || e.Name != "early" {
		t.Errorf("got %q, %v before what was emitted in a middleware", e.Name, err)
	}
	c.Expect("late")
	if want := []string{`{"token":"t"}`, "yes", "7", "second", "connect"}; !slices.Equal(order, want) {
		t.Errorf("got %q, want %q", order, want)
	}
	if s := ns.Sockets()[0]; s.ID() != c.ID() || len(s.ID()) != 20 || s.Namespace() != ns {
		t.Errorf("the client's id is %q, the server's %q", c.ID(), s.ID())
	}
}

func TestClientThatDiesInAMiddlewareIsDroppedSilently(t *testing.T) {
	srv := newServer(t, nil)
	ns := srv.Of("/slow")
	started, ended := make(chan struct{}), make(chan error, 1)
	ns.Use(func(ctx context.Context, s *socketio.Socket) error {
		if err := s.Join("room"); err != nil {
			t.Error(err)
		}
		close(started)
		<-ctx.Done()
		ended <- context.Cause(ctx)
		return nil
	})
	ns.Use(func(context.Context, *socketio.Socket) error {
		t.Error("the next middleware ran")
		return nil
	})
	ns.OnConnect(func(context.Context, *socketio.Socket) { t.Error("connected") })
	ns.OnDisconnect(func(context.Context, *socketio.Socket, socketio.Reason) { t.Error("disconnected") })
	c := connect(t, srv, "/")
	if err := c.Write("0/slow,"); err != nil {
		t.Fatal(err)
	}
	receive(t, started)
	c.Abort()
	mustBe(t, receive(t, ended), socketio.ErrClosed)
}

func TestClientThatJoinsNoNamespaceIsClosed(t *testing.T) {
	for _, joins := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			srv := newServer(t, &socketio.Options{ConnectTimeout: 3 * time.Second})
			srv.Of("/no").Use(func(context.Context, *socketio.Socket) error { return &socketio.Error{Message: "no"} })
			begin := time.Now()
			if !joins {
				_, err := socketiotest.Dial(t.Context(), srv, "/no", nil)
				var refused *socketiotest.ConnectError
				if !errors.As(err, &refused) {
					t.Fatal(err)
				}
			}
			c, err := socketiotest.Open(srv, nil)
			if err != nil {
				t.Fatal(err)
			}
			defer c.Abort()
			if joins {
				joined, err := c.Join(t.Context(), "/", nil)
				if err != nil {
					t.Fatal(err)
				}
				joined.Disconnect() // once joined, the timeout is off for good
			}
			select {
			case <-c.Done():
				if took := time.Since(begin); joins || took > 4*time.Second {
					t.Errorf("closed after %v, joined: %v", took, joins)
				}
			case <-time.After(time.Minute):
				if !joins {
					t.Error("still connected")
				}
			}
		})
	}
}

func TestAttachmentsMustComeInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := newServer(t, &socketio.Options{AttachmentTimeout: 3 * time.Second})
		got := make(chan []byte, 1)
		socketio.On(srv.Of("/"), "data", func(_ context.Context, _ *socketio.Socket, in []byte) error {
			got <- in
			return nil
		})
		c := connect(t, srv, "/")
		const packet = `51-["data",{"_placeholder":true,"num":0}]`
		if err := errors.Join(c.Write(packet), c.WriteBinary([]byte("in time")), c.Write(packet)); err != nil {
			t.Fatal(err)
		}
		if data := receive(t, got); !bytes.Equal(data, []byte("in time")) {
			t.Errorf("got %q", data)
		}
		time.Sleep(2 * time.Second)
		if err := c.WriteBinary([]byte("in time")); err != nil {
			t.Fatal(err)
		}
		if data := receive(t, got); !bytes.Equal(data, []byte("in time")) {
			t.Errorf("got %q", data)
		}
		time.Sleep(10 * time.Second)
		select {
		case <-c.Done():
			t.Fatal("closed, though nothing was due")
		default:
		}
		begin := time.Now()
		if err := c.Write(packet); err != nil {
			t.Fatal(err)
		}
		<-c.Done()
		if took := time.Since(begin); took < 3*time.Second || took > 4*time.Second {
			t.Errorf("closed after %v", took)
		}
	})
}

func TestDisconnectByTheServer(t *testing.T) {
	srv := newServer(t, nil)
	withSync(srv.Of("/"))
	ns := srv.Of("/chat")
	gone := make(chan socketio.Reason, 1)
	ns.OnDisconnect(func(_ context.Context, _ *socketio.Socket, why socketio.Reason) { gone <- why })
	socketio.On(ns, "leave", func(_ context.Context, s *socketio.Socket, closeTransport bool) error {
		if err := s.Emit("goodbye"); err != nil {
			t.Error(err)
		}
		s.Disconnect(closeTransport)
		mustBe(t, s.Emit("late"), socketio.ErrClosed)
		return ns.Emit("late")
	})
	socketio.On(ns, "late", func(context.Context, *socketio.Socket, socketio.None) error {
		t.Error("an event was handled after the server had ended the socket")
		return nil
	})
	main := connect(t, srv, "/")
	for _, closeTransport := range []bool{false, true} {
		chat, err := main.Join(t.Context(), "/chat", nil)
		if err != nil {
			t.Fatal(err)
		}
		emit(t, chat, "leave", closeTransport)
		_ = chat.Emit("late") // may be too late for the wire too
		chat.Expect("goodbye")
		if why := reason(t, chat); why != socketiotest.ReasonServerDisconnect {
			t.Errorf("closeTransport %v: the client sees %q", closeTransport, why)
		}
		if why := receive(t, gone); why != socketio.ReasonServerDisconnect {
			t.Errorf("closeTransport %v: the server sees %q", closeTransport, why)
		}
		if !closeTransport {
			// What the client sent before it heard is no violation.
			for _, packet := range []string{`2/chat,["late"]`, `51-/chat,["late",{"_placeholder":true,"num":0}]`} {
				if err := main.Write(packet); err != nil {
					t.Fatal(err)
				}
			}
			if err := main.WriteBinary([]byte("x")); err != nil {
				t.Fatal(err)
			}
			handled(t, main)
			if e, err := chat.Next(canceled()); err == nil {
				t.Errorf("event %s came after the end", e.Name)
			}
		}
	}
	if why := reason(t, main); why != socketiotest.ReasonServerDisconnect {
		t.Errorf("the client's other namespace sees %q", why)
	}
}

func TestClientMayLeaveAndComeBack(t *testing.T) {
	srv := newServer(t, nil)
	ns := withSync(srv.Of("/chat"))
	main := connect(t, srv, "/")
	ids := make(map[string]bool)
	for range 3 {
		c, err := main.Join(t.Context(), "/chat", nil)
		if err != nil {
			t.Fatal(err)
		}
		handled(t, c)
		ids[c.ID()] = true
		c.Disconnect()
	}
	if len(ids) != 3 {
		t.Errorf("ids %v", ids)
	}
	waitFor(t, "one socket left", func() bool { return len(ns.Sockets()) == 0 && srv.Stats().Sockets == 1 })
	if got := srv.Stats().CurrentConnections; got != 1 {
		t.Errorf("%d connections", got)
	}
}
