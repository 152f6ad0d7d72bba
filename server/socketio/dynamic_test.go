package socketio_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"sync"
	"testing"
	"time"

	"parley/server/socketio"
	"parley/server/socketiotest"
)

var roomNames = regexp.MustCompile(`^/room-[0-9]+$`)

// names returns those of the server's namespaces, sorted.
func names(srv *socketio.Server) []string {
	var list []string
	for _, ns := range srv.Namespaces() {
		list = append(list, ns.Name())
	}
	slices.Sort(list)
	return list
}

// refused checks that a client cannot join a namespace.
func refused(t *testing.T, c *socketiotest.Client, namespace, want string) {
	t.Helper()
	_, err := c.Join(t.Context(), namespace, nil)
	var e *socketiotest.ConnectError
	if !errors.As(err, &e) || e.Message != want {
		t.Errorf("%s: got %v, want %q", namespace, err, want)
	}
}

func TestChildrenComeWithTheFirstSocketAndGoWithTheLast(t *testing.T) {
	srv := newServer(t, nil)
	parent := withSync(srv.OfRegexp(roomNames))
	parent.Use(func(_ context.Context, s *socketio.Socket) error {
		if s.Namespace().Name() == "/room-13" {
			return &socketio.Error{Message: "not that one"}
		}
		return nil
	})
	a, b := connect(t, srv, "/room-1"), connect(t, srv, "/room-1")
	other := connect(t, srv, "/room-2")
	for _, c := range []*socketiotest.Client{a, b, other} {
		handled(t, c)
	}
	refused(t, a, "/room", "Invalid namespace")
	refused(t, a, "/room-13", "not that one")
	waitFor(t, "the refused one is gone", func() bool {
		return slices.Equal(names(srv), []string{"/", "/room-1", "/room-2"})
	})
	if n := len(parent.Sockets()); n != 3 {
		t.Errorf("the parent has %d sockets", n)
	}
	if child := srv.Lookup("room-1"); child == nil || len(child.Sockets()) != 2 || srv.Lookup("/room-3") != nil {
		t.Errorf("Lookup finds %v and %v", child, srv.Lookup("/room-3"))
	}
	kept := srv.Of("/room-2")
	kept.OnDisconnect(func(context.Context, *socketio.Socket, socketio.Reason) { panic("on purpose") })
	a.Disconnect()
	other.Disconnect()
	handled(t, b)
	b.Abort()
	waitFor(t, "only the kept one is left", func() bool { return slices.Equal(names(srv), []string{"/", "/room-2"}) })
	if again := connect(t, srv, "/room-2"); kept.Socket(again.ID()) == nil || parent.Socket(again.ID()) == nil {
		t.Error("the kept namespace is another one")
	}
}

func TestChildrenShareWhatTheirParentHasByReference(t *testing.T) {
	srv := newServer(t, nil)
	var d diary
	ends := make(chan string, 2)
	parent := withSync(srv.OfRegexp(roomNames))
	parent.OnConnect(func(_ context.Context, s *socketio.Socket) { d.note("parent connect", s.Namespace().Name()) })
	early := srv.Of("/room-1")
	early.OnConnect(func(_ context.Context, s *socketio.Socket) { d.note("child connect", s.Namespace().Name()) })
	early.Use(func(context.Context, *socketio.Socket) error { d.note("child use"); return nil })
	parent.Use(func(context.Context, *socketio.Socket) error { d.note("parent use"); return nil })

	one := connect(t, srv, "/room-1")
	handled(t, one) // its hooks have run
	two := connect(t, srv, "/room-2")
	handled(t, two)
	d.expect(t, "parent use", "child use", "parent connect /room-1", "child connect /room-1",
		"parent use", "parent connect /room-2")

	// Whatever the parent gets now the children that there are have, too.
	answer := func(text string) func(context.Context, *socketio.Socket, socketio.None) (string, error) {
		return func(context.Context, *socketio.Socket, socketio.None) (string, error) { return text, nil }
	}
	socketio.OnAck(parent, "who", answer("parent"))
	socketio.OnAck(parent, "late", answer("parent"))
	socketio.OnAck(early, "who", answer("child"))
	parent.OnDisconnect(func(_ context.Context, s *socketio.Socket, _ socketio.Reason) { ends <- s.Namespace().Name() })
	parent.UseEvent(func(context.Context, *socketio.Socket, socketio.Event) error { d.note("parent"); return nil })
	early.UseEvent(func(context.Context, *socketio.Socket, socketio.Event) error { d.note("child"); return nil })
	for _, call := range []struct {
		c           *socketiotest.Client
		event, want string
	}{{one, "who", `"child"`}, {one, "late", `"parent"`}, {two, "who", `"parent"`}} {
		if got := ask(t, call.c, call.event); got != call.want {
			t.Errorf("%s: %s, want %s", call.event, got, call.want)
		}
	}
	d.expect(t, "parent", "child", "parent", "child", "parent")
	two.Disconnect()
	if got := receive(t, ends); got != "/room-2" {
		t.Error(got)
	}
}

func TestParentReachesAllChildren(t *testing.T) {
	srv := newServer(t, nil)
	parent := withSync(srv.OfRegexp(roomNames))
	parent.OnConnect(func(_ context.Context, s *socketio.Socket) {
		if s.Namespace().Name() == "/room-2" {
			if err := s.Join("blue"); err != nil {
				t.Error(err)
			}
		}
	})
	outside := connect(t, srv, "/")
	clients := []*socketiotest.Client{connect(t, srv, "/room-1"), connect(t, srv, "/room-2"), connect(t, srv, "/room-2")}
	for _, c := range clients {
		handled(t, c)
	}
	for _, target := range []struct {
		name string
		emit func(event string, args ...any) error
		want string
	}{
		{"all", parent.Emit, "012"},
		{"room", parent.To("blue").Emit, "12"},
		{"except", parent.Except("blue").Emit, "0"},
		{"id", parent.In(clients[1].ID()).Volatile().Local().Emit, "1"},
	} {
		if err := target.emit("e", target.name); err != nil {
			t.Fatal(err)
		}
		for i, c := range clients {
			handled(t, c)
			got := arrived(c)
			want := ""
			if slices.Contains([]byte(target.want), '0'+byte(i)) {
				want = `"` + target.name + `"`
			}
			if got != want {
				t.Errorf("%s: client %d got %s, want %s", target.name, i, got, want)
			}
		}
	}
	if rooms := parent.Rooms(); len(rooms) != 1 || rooms["blue"] != 2 {
		t.Errorf("rooms %v", rooms)
	}
	if err := srv.Of("/").Emit("last"); err != nil {
		t.Fatal(err)
	}
	if e, err := outside.Next(t.Context()); err != nil || e.Name != "last" {
		t.Errorf("outside: %v, %v", e.Name, err)
	}
}

// arrived returns the first arguments of the events that have come, as JSON.
func arrived(c *socketiotest.Client) (text string) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	for {
		e, err := c.Next(ctx)
		if err != nil {
			return text
		}
		text += string(e.Args[0])
	}
}

func TestMatchFunctionIsAskedForEachClient(t *testing.T) {
	var log lockedBuffer
	srv := newServer(t, &socketio.Options{Logger: textLogger(&log)})
	srv.Of("/")
	exact := srv.Of("/team-exact")
	asked := make(chan string, 10)
	release := make(chan struct{})
	ended := make(chan error, 1)
	first := srv.OfFunc(func(ctx context.Context, name string, h socketio.Handshake) bool {
		var auth struct{ Token string }
		_ = json.Unmarshal(h.Auth, &auth)
		asked <- name
		switch auth.Token {
		case "panic":
			panic("on purpose")
		case "slow":
			<-release
		case "for ever":
			<-ctx.Done()
			ended <- context.Cause(ctx)
		}
		return auth.Token != ""
	})
	second := srv.OfRegexp(regexp.MustCompile(`^/team-b`))
	withSync(srv.Of("/"))
	c := connect(t, srv, "/")
	join := func(name, token string) (*socketiotest.Client, error) {
		return c.Join(t.Context(), name, map[string]string{"token": token})
	}
	if _, err := join("/team-exact", "x"); err != nil || len(exact.Sockets()) != 1 || len(asked) != 0 {
		t.Errorf("an exact name: %v, asked %d times", err, len(asked))
	}
	a, err := join("/team-a", "yes")
	if err != nil || first.Socket(a.ID()) == nil {
		t.Fatal(err)
	}
	teamA := first.Socket(a.ID()).Namespace()
	b, err := join("/team-b", "")
	if err != nil || second.Socket(b.ID()) == nil {
		t.Fatal(err)
	}
	// The child exists; that says nothing about another client.
	refused(t, connect(t, srv, "/"), "/team-a", "Invalid namespace")
	if srv.Of("/team-a") != teamA {
		t.Error("Of makes another namespace")
	}
	refused(t, connect(t, srv, "/"), "/team-a", "Invalid namespace")
	var e *socketiotest.ConnectError
	if _, err := join("/team-p", "panic"); !errors.As(err, &e) || e.Message != "Invalid namespace" {
		t.Errorf("after a panic: %v", err)
	}

	// One that blocks holds up nothing else of its client.
	if err := c.Write(`0/team-slow,{"token":"slow"}`); err != nil {
		t.Fatal(err)
	}
	if err := c.Write(`0/team-slow,{"token":"slow"}`); err != nil {
		t.Fatal(err)
	}
	handled(t, c)
	close(release)
	waitFor(t, "the slow one is in", func() bool { return slices.Contains(names(srv), "/team-slow") && len(first.Sockets()) == 2 })

	if err := c.Write(`0/team-ever,{"token":"for ever"}`); err != nil {
		t.Fatal(err)
	}
	for name := ""; name != "/team-ever"; {
		name = receive(t, asked)
	}
	c.Abort()
	mustBe(t, receive(t, ended), socketio.ErrClosed)
	waitFor(t, "no child is left", func() bool { return slices.Equal(names(srv), []string{"/", "/team-a", "/team-exact"}) })
}

func TestEventBeforeTheMatchIsAViolation(t *testing.T) {
	srv := newServer(t, nil)
	srv.OfFunc(func(ctx context.Context, _ string, _ socketio.Handshake) bool {
		<-ctx.Done()
		return true
	})
	c := connect(t, srv, "/")
	for _, packet := range []string{"0/x,", `2/x,["early"]`} {
		if err := c.Write(packet); err != nil {
			t.Fatal(err)
		}
	}
	reason(t, c)
	waitFor(t, "the namespace is gone", func() bool { return len(srv.Namespaces()) == 1 })
}

func TestApplicantsCountAsNamespaces(t *testing.T) {
	srv := newServer(t, &socketio.Options{MaxNamespaces: 3})
	srv.OfRegexp(roomNames)
	c := connect(t, srv, "/")
	for i := range 2 {
		if _, err := c.Join(t.Context(), fmt.Sprintf("/room-%d", i), nil); err != nil {
			t.Fatal(err)
		}
	}
	refused(t, c, "/room-2", "Too many namespaces: MaxNamespaces is 3")
}

func TestNewNamespaceHookRunsBeforeTheFirstSocket(t *testing.T) {
	srv := newServer(t, nil)
	var d diary
	release := make(chan struct{})
	srv.OnNamespace(func(ns *socketio.Namespace) {
		d.note(ns.Name())
		if ns.Name() == "/room-1" {
			srv.Of("/from-the-hook")
			srv.Of("/room-1")
			<-release
		}
		withSync(ns)
	})
	srv.OnNamespace(func(*socketio.Namespace) { panic("on purpose") })
	srv.OfRegexp(roomNames)
	srv.Of("/exact")
	srv.Of("/exact")
	var clients [3]*socketiotest.Client
	var all sync.WaitGroup
	for i := range clients {
		all.Go(func() { clients[i], _ = socketiotest.Dial(t.Context(), srv, "/room-1", nil) })
	}
	waitFor(t, "the hook runs", func() bool { return slices.Contains(names(srv), "/room-1") })
	if n := len(srv.Of("/room-1").Sockets()); n != 0 {
		t.Errorf("%d sockets came before the hook had returned", n)
	}
	close(release)
	all.Wait()
	for _, c := range clients {
		handled(t, c)
		c.Abort()
	}
	d.expect(t, "/exact", "/room-1", "/from-the-hook")
}

// TestNamespacesChaos: clients come and go, by every way that there is, in few
// namespaces whose last user is always about to leave.
func TestNamespacesChaos(t *testing.T) {
	srv := newServer(t, nil)
	parent := withSync(srv.OfFunc(func(_ context.Context, name string, _ socketio.Handshake) bool {
		if name == "/slow" {
			time.Sleep(time.Millisecond)
		}
		return name != "/none"
	}))
	parent.Use(func(_ context.Context, s *socketio.Socket) error {
		if s.Namespace().Name() == "/refused" {
			return &socketio.Error{Message: "no"}
		}
		return nil
	})
	parent.OnConnect(func(_ context.Context, s *socketio.Socket) {
		if s.Namespace().Name() == "/kicked" {
			s.Disconnect(true)
		}
	})
	lists := []string{"/a", "/b", "/slow", "/refused", "/kicked", "/none"}
	var all sync.WaitGroup
	for worker := range 8 {
		all.Go(func() {
			for i := range 60 {
				name := lists[(worker+i)%len(lists)]
				c, err := socketiotest.Dial(t.Context(), srv, name, nil)
				if err != nil {
					continue
				}
				switch i % 4 {
				case 0:
					c.Disconnect()
				case 1:
					_ = c.Write("0/b,")
					_ = c.Write("0/slow,")
				case 2:
					_ = parent.Emit("event", i)
				}
				c.Abort()
			}
		})
	}
	all.Wait()
	waitFor(t, "no child is left", func() bool { return len(srv.Namespaces()) == 1 && srv.Stats().Sockets == 0 })

	// The same when the server ends meanwhile.
	for worker := range 4 {
		all.Go(func() {
			for i := range 30 {
				if c, err := socketiotest.Dial(t.Context(), srv, lists[(worker+i)%3], nil); err == nil && i%2 == 0 {
					c.Abort()
				}
			}
		})
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := srv.Shutdown(ctx); err != nil {
		t.Error(err)
	}
	all.Wait()
	if left := names(srv); !slices.Equal(left, []string{"/"}) {
		t.Errorf("left after Shutdown: %v", left)
	}
}
