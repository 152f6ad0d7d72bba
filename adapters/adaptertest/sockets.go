package adaptertest

import (
	"context"
	"encoding/json"
	"slices"
	"strings"

	"parley/server/socketio"
)

var (
	nickname = socketio.NewSharedKey[string]("nickname")
	private  = socketio.NewKey[string]("private")
)

func fetchedSockets(c *cluster) {
	for i, s := range c.sockets {
		c.must(nickname.Set(s, string(rune('a'+i))))
		private.Set(s, "secret")
		if i > 0 {
			c.must(s.Join("room", "other"))
		}
	}
	all, err := c.ns[0].To().FetchSockets(c.within(patience))
	c.must(err)
	if len(all) != servers {
		c.Fatalf("got %d sockets", len(all))
	}
	for _, r := range all {
		i := slices.IndexFunc(c.sockets[:], func(s *socketio.Socket) bool { return s.ID() == r.ID })
		if i < 0 {
			c.Fatalf("unknown socket %s", r.ID)
		}
		if name, ok := nickname.Get(r); !ok || name != string(rune('a'+i)) || strings.Contains(string(r.Data), "secret") {
			c.Errorf("socket %d has the data %s", i, r.Data)
		}
		slices.Sort(r.Rooms)
		if want := []string{"other", "room"}; i > 0 && !slices.Equal(r.Rooms, want) || i == 0 && len(r.Rooms) > 0 {
			c.Errorf("socket %d is in the rooms %v", i, r.Rooms)
		}
		var auth struct{ N int }
		h := c.sockets[i].Handshake()
		if err := json.Unmarshal(r.Handshake.Auth, &auth); err != nil || auth.N != i {
			c.Errorf("socket %d has auth %s: %v", i, r.Handshake.Auth, err)
		}
		if r.Handshake.URL != h.URL || r.Handshake.Query.Get("EIO") != "4" || r.Handshake.Time.Unix() != h.Time.Unix() ||
			r.Handshake.Header.Get("Host") != h.Header().Get("Host") {
			c.Errorf("socket %d has the handshake %+v", i, r.Handshake)
		}
		c.must(r.Emit("you", i))
		expect(c, i, "you", i)
	}
	for _, target := range []struct {
		name string
		socketio.Target
		want int
	}{
		{"room", c.ns[1].To("room"), 2},
		{"rooms", c.ns[0].To("room", "other"), 2},
		{"all but a room", c.ns[2].Except("room"), 1},
		{"nobody", c.ns[0].To("nobody"), 0},
		{"local", c.ns[0].Local(), 1},
		{"others", c.sockets[0].Broadcast(), 2},
		{"itself", c.sockets[1].Volatile(), 1},
	} {
		found, err := target.FetchSockets(c.within(patience))
		if err != nil || len(found) != target.want {
			c.Errorf("%s: got %d sockets, want %d, %v", target.name, len(found), target.want, err)
		}
	}
}

// in waits until exactly these sockets are in a room.
func (c *cluster) in(room string, want ...int) {
	c.Helper()
	for i, s := range c.sockets {
		c.until(room, func() bool { return slices.Contains(s.Rooms(), room) == slices.Contains(want, i) })
	}
}

func membership(c *cluster) {
	c.must(c.ns[0].To().Join("all", "more"))
	c.in("all", 0, 1, 2)
	c.in("more", 0, 1, 2)
	c.must(c.ns[1].To("all").Except(c.sockets[0].ID()).Leave("all"))
	c.in("all", 0)
	c.must(c.ns[1].To("all").Join("chained"))
	c.in("chained", 0)
	c.must(c.ns[2].Local().Join("here"))
	c.must(c.sockets[2].Broadcast().Join("others"))
	c.in("others", 0, 1)
	c.in("here", 2)

	found, err := c.ns[0].To(c.sockets[1].ID()).FetchSockets(c.within(patience))
	c.must(err)
	if len(found) != 1 {
		c.Fatalf("got %d sockets", len(found))
	}
	c.must(found[0].Join("remote"))
	c.in("remote", 1)
	c.must(found[0].Leave("remote"))
	c.in("remote")
}

func disconnection(c *cluster) {
	why := make(chan socketio.Reason, servers)
	for _, ns := range c.ns {
		ns.OnDisconnect(func(_ context.Context, _ *socketio.Socket, r socketio.Reason) { why <- r })
	}
	c.must(c.sockets[1].Join("room"))
	c.must(c.ns[0].To("room").Disconnect(false))
	if got, err := c.clients[1].Reason(c.within(patience)); err != nil || got != "io server disconnect" {
		c.Errorf("got %q, %v", got, err)
	}
	c.must(c.ns[1].To().Disconnect(true))
	for _, i := range []int{0, 2} {
		if got, err := c.clients[i].Reason(c.within(patience)); err != nil || got != "io server disconnect" {
			c.Errorf("got %q, %v", got, err)
		}
	}
	for range servers {
		if r := <-why; r != socketio.ReasonServerDisconnect {
			c.Errorf("got %s", r)
		}
	}
}
