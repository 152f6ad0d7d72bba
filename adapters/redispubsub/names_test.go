package redispubsub_test

import (
	"fmt"
	"strings"
	"testing"

	"parley/adapters/redisconn/redistest"
	"parley/adapters/redispubsub"
	"parley/server/adapter"
)

// TestNamesDoNotCross: whatever rooms and namespaces are called, each gets what is for it,
// and counts its own servers.
func TestNamesDoNotCross(t *testing.T) {
	forBothWires(t, func(t *testing.T, server *redistest.Server, opts *redispubsub.Options, _ string) {
		client := server.Client(t)
		here, there := open(t, client, opts), open(t, server.Client(t), opts)
		namespaces := []string{"/", "/a", "/a#", "/a#b", "/a#b#c", "/a%23b", "/#", "/*", "/a*", "/a?", "/[a]", "/{a}", "/{a}#b"}
		rooms := []string{"", "a", "b", "#", "b#", "b#c", "*", "?", "[a]", "{a}", "{", "é", "12345678901234567890", strings.Repeat("x", 200)}
		stages := make(map[string]*stage)
		senders := make(map[string]adapter.Adapter)
		for _, ns := range namespaces {
			stages[ns] = newStage(ns)
			a, err := there.Adapter(stages[ns])
			if err != nil {
				t.Fatal(err)
			}
			defer a.Close(t.Context())
			stages[ns].enter(a, rooms...)
			if senders[ns], err = here.Adapter(newStage(ns)); err != nil {
				t.Fatal(err)
			}
			defer senders[ns].Close(t.Context())
		}
		ids := uids(t, client.PubSubChannels(t.Context(), "*").Val())
		if opts.Wire == redispubsub.Sharded {
			ids = uids(t, client.PubSubShardChannels(t.Context(), "*").Val())
		}
		rooms = append(rooms, ids...)
		for _, ns := range namespaces {
			if err := there.Sync(t.Context(), ns); err != nil {
				t.Fatal(err)
			}
			if n, err := senders[ns].ServerCount(t.Context()); n != 2 || err != nil {
				t.Errorf("%s: %d servers, %v", ns, n, err)
			}
			for i, room := range rooms {
				if err := senders[ns].Broadcast(event(fmt.Sprintf(`["%d"]`, i)), to(room), adapter.Flags{}); err != nil {
					t.Error(err)
				}
			}
			if err := senders[ns].Broadcast(event(`["end"]`), to(), adapter.Flags{}); err != nil {
				t.Error(err)
			}
			if _, err := senders[ns].Sockets(t.Context(), to()); err != nil {
				t.Error(err)
			}
		}
		for _, ns := range namespaces {
			for i := range len(rooms) - len(ids) {
				stages[ns].expect(t, fmt.Sprintf(`["%d"]`, i))
			}
			for got := range stages[ns].got {
				if got == `["end"]` {
					break
				}
				// A room with the id of a server is on that server's channel, which is not more than a room.
			}
			if len(stages[ns].got) > 0 {
				t.Errorf("%s: more: %s", ns, <-stages[ns].got)
			}
		}
	})
}

// uids are the ids of servers, as they stand in their channels' names.
func uids(t *testing.T, channels []string) (ids []string) {
	t.Helper()
	for _, channel := range channels {
		part := strings.Split(channel, "#")
		if len(part) != 4 || !strings.HasPrefix(channel, "socket.io") {
			continue
		}
		if id := part[2]; len(id) == 16 || len(id) == 6 {
			ids = append(ids, id)
		}
	}
	return ids
}

// TestOrdinaryNamesAreThoseOfNode: channels of ordinary names are Node's, those of the others are
// not.
func TestOrdinaryNamesAreThoseOfNode(t *testing.T) {
	forBothWires(t, func(t *testing.T, server *redistest.Server, opts *redispubsub.Options, _ string) {
		c := open(t, server.Client(t), opts)
		for ns, want := range map[string]string{
			"/": "socket.io#/#red#", "/a": "socket.io#/a#red#", "/a*[b]{c}?": "socket.io#/a*[b]{c}?#red#",
			"/a%23b": "socket.io#/a%23b#red#", "/a#b": "socket.io-escaped#/a%23b#red#", "/a%23#": "socket.io-escaped#/a%2523%23#red#",
		} {
			a, _ := c.Adapter(newStage(ns))
			defer a.Close(t.Context())
			m := watch(t, server)
			if err := a.Broadcast(event(`["x"]`), to("red"), adapter.Flags{}); err != nil {
				t.Fatal(err)
			}
			if got := m.next("publish", "spublish")[1]; got != want {
				t.Errorf("%s: got %s, want %s", ns, got, want)
			}
		}
	})
}

// TestIDsOfSocketsHaveNoChannel on which Node servers in their default mode would not hear.
func TestIDsOfSocketsHaveNoChannel(t *testing.T) {
	server := redistest.Start(t)
	c := open(t, server.Client(t), &redispubsub.Options{Wire: redispubsub.Sharded})
	const id = "X3xDBt7kI4xioGSKAAAA"
	for _, sent := range []struct{ ns, room, channel string }{
		{"/", id, "socket.io#/#"},
		{"/a", id, "socket.io#/a#"},
		{"/a", "/a#" + id, "socket.io#/a#"}, // of a client of revision 3
		{"/a", "/b#" + id, "socket.io#/a#/b#" + id + "#"},
		{"/a", "/a#red", "socket.io#/a#/a#red#"},
	} {
		a, _ := c.Adapter(newStage(sent.ns))
		defer a.Close(t.Context())
		m := watch(t, server)
		if err := a.Broadcast(event(`["x"]`), to(sent.room), adapter.Flags{}); err != nil {
			t.Fatal(err)
		}
		if got := m.next("spublish")[1]; got != sent.channel {
			t.Errorf("to %s in %s: got %s, want %s", sent.room, sent.ns, got, sent.channel)
		}
	}
}

// TestSecretKeepsOthersOut, Node servers too.
func TestSecretKeepsOthersOut(t *testing.T) {
	forBothWires(t, func(t *testing.T, server *redistest.Server, opts *redispubsub.Options, _ string) {
		opts.Secret = []byte("0123456789abcdef")
		other := *opts
		other.Secret = []byte("fedcba9876543210")
		client := server.Client(t)
		a, b := join(t, server.Client(t), opts, "/"), join(t, server.Client(t), opts, "/")
		stranger := join(t, client, &other, "/")
		b.enter(b.a, "red")
		b.synced(t, "red")
		m := watch(t, server)
		stranger.emit(t, `["forged"]`)
		m.next("publish", "spublish")
		a.emit(t, `["genuine"]`)
		genuine := m.next("publish", "spublish")
		// The same once more on another channel.
		if err := client.Do(t.Context(), genuine[0], strings.Replace(genuine[1], "#/#", "#/#red#", 1), genuine[2]).Err(); err != nil {
			t.Fatal(err)
		}
		a.emit(t, `["end"]`, "red")
		b.expect(t, `["genuine"]`, `["end"]`)
		if n := b.c.Health().BadMessages; n != 2 {
			t.Errorf("%d bad messages, want 2", n)
		}
		if !strings.HasPrefix(genuine[1], "socket.io-signed#") {
			t.Error(genuine[1])
		}
	})
}

func TestImpossibleOptionsAreNamed(t *testing.T) {
	client := redistest.Start(t).Client(t)
	for field, opts := range map[string]redispubsub.Options{
		"Wire": {Wire: 9}, "Receive": {Wire: redispubsub.Sharded, Receive: 9}, "Send": {Send: redispubsub.Static}, "Patterns": {Wire: redispubsub.Sharded, Patterns: true},
		"Secret": {Secret: []byte("short")}, "Timeout": {Timeout: -1}, "Linger": {Linger: -1}, "MaxAnswering": {MaxAnswering: -1},
	} {
		if _, err := redispubsub.New(client, &opts); err == nil || !strings.Contains(err.Error(), field) {
			t.Errorf("%s: got %v", field, err)
		}
	}
	if _, err := redispubsub.New(nil, nil); err == nil {
		t.Error("no client is none")
	}
}
