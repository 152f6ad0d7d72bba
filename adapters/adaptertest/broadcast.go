package adaptertest

import (
	"bytes"
	"context"
	"fmt"

	"parley/server/socketio"
	"parley/server/socketiotest"
)

type emitter interface {
	Emit(event string, args ...any) error
}

// targets: socket 0 is in rooms a and b, 1 in a, 2 in b and c.
func targets(c *cluster) {
	for i, rooms := range [][]string{{"a", "b"}, {"a"}, {"b", "c"}} {
		c.must(c.sockets[i].Join(rooms...))
	}
	ns, s := c.ns[0], c.sockets[0]
	id := func(i int) string { return c.sockets[i].ID() }
	for i, target := range []struct {
		name string
		emitter
		want string
	}{
		{"all", ns, "012"},
		{"room", ns.To("a"), "01"},
		{"rooms", ns.To("a", "c"), "012"},
		{"unknown room", ns.To("none"), ""},
		{"id of another server", ns.To(id(2)), "2"},
		{"own id", ns.To(id(0)), "0"},
		{"all but a room", ns.Except("c"), "01"},
		{"room but a room", ns.To("b").Except("c"), "0"},
		{"room but an id", ns.To("a").Except(id(1)), "0"},
		{"volatile", ns.Volatile(), "012"},
		{"local", ns.Local(), "0"},
		{"local room", ns.To("a").Local(), "0"},
		{"others", s.Broadcast(), "12"},
		{"others in a room", s.To("b"), "2"},
		{"others here", s.Local(), ""},
		{"one socket", s, "0"},
		{"one socket, volatile", s.Volatile(), "0"},
		{"emitted elsewhere", c.ns[2].To("a"), "01"},
		{"others, elsewhere", c.sockets[1].Broadcast(), "02"},
	} {
		c.must(target.Emit("event", i))
		// What was emitted on one server arrives in order.
		from := ns
		switch target.name {
		case "emitted elsewhere":
			from = c.ns[2]
		case "others, elsewhere":
			from = c.ns[1]
		}
		c.must(from.Emit("end", i))
		got := ""
		for n := range c.clients {
			if c.arrived(n, i) {
				got += fmt.Sprint(n)
			}
		}
		if got != target.want {
			c.Errorf("%s: clients %q got it, want %q", target.name, got, target.want)
		}
	}
}

// arrived reports whether a client gets event i once before the end of its turn.
func (c *cluster) arrived(client, i int) (yes bool) {
	c.Helper()
	for {
		e, err := c.clients[client].Next(c.within(patience))
		c.must(err)
		var n int
		if err := e.Decode(&n); err != nil || n != i || yes && e.Name == "event" {
			c.Fatalf("client %d: event %s %s in turn %d, %v", client, e.Name, e.Args, i, err)
		}
		if e.Name == "end" {
			return yes
		}
		yes = true
	}
}

type nested struct {
	Text string `json:"text"`
	Data []byte `json:"data"`
}

func arguments(c *cluster) {
	all := []byte{0, 1, 0xff}
	large := bytes.Repeat([]byte("0123456789"), 50_000)
	c.must(c.ns[0].Emit("plain", 1, "zwei \u2028 \"3\"", nil, 1.5, map[string]any{"a": []int{}}))
	c.must(c.ns[0].Emit("binary", all, nested{"text", []byte{7}}, []byte{}))
	// The caller's bytes are the caller's again.
	c.must(c.ns[0].Emit("large", large))
	clear(large)
	for i, client := range c.clients {
		var text string
		for _, raw := range client.Expect("plain").Args {
			text += string(raw) + ";"
		}
		if want := "1;\"zwei \u2028 \\\"3\\\"\";null;1.5;{\"a\":[]};"; text != want {
			c.Errorf("client %d: got %s, want %s", i, text, want)
		}
		e := client.Expect("binary")
		if len(e.Attachments) != 3 || !bytes.Equal(e.Attachments[0], all) || !bytes.Equal(e.Attachments[1], []byte{7}) {
			c.Errorf("client %d: got %s with %v", i, e.Args, e.Attachments)
		}
		if e := client.Expect("large"); len(e.Attachments) != 1 || !bytes.HasSuffix(e.Attachments[0], []byte("6789")) {
			c.Errorf("client %d: the large one has changed", i)
		}
	}
}

// subscribed joins rooms that nobody else is in: whoever waits for others to reach it misses nothing.
func subscribed(c *cluster) {
	for i := range 100 {
		room := fmt.Sprint("room ", i)
		c.must(c.sockets[0].Join(room))
		c.must(c.ns[0].Subscribed(c.within(patience), room))
		c.must(c.ns[1+i%2].To(room).Emit("news", i))
		expect(c, 0, "news", i)
		c.sockets[0].Leave(room)
	}
}

func order(c *cluster) {
	const events = 500
	for i := range events {
		switch i % 4 {
		case 0:
			c.must(c.ns[0].Emit("n", i))
		case 1:
			c.must(c.ns[0].To(c.sockets[1].ID()).Join("room"))
			c.must(c.ns[0].To("room").Emit("n", i))
		case 2:
			c.must(c.ns[0].To("room").Leave("room"))
			c.must(c.ns[0].To("room").Emit("n", -i))
		default:
			c.must(c.ns[0].Emit("n", i, []byte{1}))
		}
	}
	for i := range events {
		if i%4 == 2 {
			continue
		}
		e, err := c.clients[1].Next(c.within(patience))
		c.must(err)
		if string(e.Args[0]) != fmt.Sprint(i) {
			c.Fatalf("got %s, want %d", e.Args, i)
		}
	}
}

func namespaces(c *cluster) {
	var others [servers]*socketiotest.Client
	for _, srv := range c.servers {
		ns := srv.Of("/other")
		ns.OnConnect(func(_ context.Context, s *socketio.Socket) { _ = s.Join("room") })
	}
	for i, srv := range c.servers {
		others[i] = socketiotest.Connect(c, srv, "/other", nil)
		c.must(c.sockets[i].Join("room"))
	}
	c.until("all are seen in the other namespace", func() bool {
		found, err := c.servers[0].Of("/other").To("room").FetchSockets(c.within(patience))
		return err == nil && len(found) == servers
	})
	c.must(c.servers[0].Of("/other").To("room").Emit("x", "other"))
	c.must(c.ns[0].To("room").Emit("x", "main"))
	for i := range c.clients {
		expect(c, i, "x", "main")
		var got string
		if err := others[i].Expect("x").Decode(&got); err != nil || got != "other" {
			c.Errorf("got %q, %v", got, err)
		}
	}
}
