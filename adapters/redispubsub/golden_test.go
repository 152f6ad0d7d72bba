package redispubsub_test

import (
	"bytes"
	"context"
	"encoding/hex"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"parley/adapters/cluster"
	"parley/adapters/nodewire"
	"parley/adapters/redisconn/redistest"
	"parley/adapters/redispubsub"
	"parley/server/adapter"
)

// A captured message of Node's, or one of ours.
type wireMessage struct {
	channel string
	data    []byte
}

// captures returns what Node has sent, by the call that made it. The first is the
// asker's own, the others are answers.
func captures(t *testing.T, file string) map[string][]wireMessage {
	t.Helper()
	text, err := os.ReadFile("../nodewire/testdata/" + file)
	if err != nil {
		t.Fatal(err)
	}
	all := make(map[string][]wireMessage)
	call, again := "", false
	for line := range strings.Lines(strings.TrimSpace(string(text))) {
		line = strings.TrimSuffix(line, "\n")
		if name, ok := strings.CutPrefix(line, "# A: "); ok {
			call = name
			_, again = all[call]
			continue
		}
		channel, body, _ := strings.Cut(line, " ")
		data := []byte(body)
		if body[0] != '{' {
			if data, err = hex.DecodeString(body); err != nil {
				t.Fatal(err)
			}
		}
		if !again {
			all[call] = append(all[call], wireMessage{channel, data})
		}
	}
	return all
}

// calls are those of Node's users, as Parley makes them. What waits for answers gets none.
var calls = []struct {
	node string
	make func(a adapter.Adapter) error
}{
	{`io.emit("hello")`, func(a adapter.Adapter) error { return a.Broadcast(event(`["hello"]`), to(), adapter.Flags{}) }},
	{`io.emit("hello",1,"2",{a:1.5,b:null,c:true,d:[1]},-5,300)`, func(a adapter.Adapter) error {
		return a.Broadcast(event(`["hello",1,"2",{"a":1.5,"b":null,"c":true,"d":[1]},-5,300]`), to(), adapter.Flags{})
	}},
	{`io.emit("bin",Buffer[1,2,3],{x:Uint8Array[9]})`, func(a adapter.Adapter) error {
		p := adapter.Payload{Data: []byte(`["bin",{"_placeholder":true,"num":0},{"x":{"_placeholder":true,"num":1}}]`), Attachments: [][]byte{{1, 2, 3}, {9}}}
		return a.Broadcast(p, to(), adapter.Flags{})
	}},
	{`io.to("room1").emit("r")`, func(a adapter.Adapter) error { return a.Broadcast(event(`["r"]`), to("room1"), adapter.Flags{}) }},
	{`io.to(["room1","room2"]).except("room3").emit("r")`, func(a adapter.Adapter) error {
		return a.Broadcast(event(`["r"]`), adapter.Selection{Rooms: []string{"room1", "room2"}, Except: []string{"room3"}}, adapter.Flags{})
	}},
	{`io.volatile.emit("v")`, func(a adapter.Adapter) error {
		return a.Broadcast(event(`["v"]`), to(), adapter.Flags{Volatile: true})
	}},
	{`io.compress(false).emit("c")`, func(a adapter.Adapter) error {
		return a.Broadcast(event(`["c"]`), to(), adapter.Flags{Uncompressed: true})
	}},
	{`io.timeout(1000).emit("ack", cb)`, func(a adapter.Adapter) error {
		return ask(a, `["ack"]`, to(), adapter.Flags{Timeout: time.Second})
	}},
	{`io.to("room1").except("room2").timeout(1000).emit("ack", cb)`, func(a adapter.Adapter) error {
		return ask(a, `["ack"]`, adapter.Selection{Rooms: []string{"room1"}, Except: []string{"room2"}}, adapter.Flags{Timeout: time.Second})
	}},
	{`io.socketsJoin("j1")`, func(a adapter.Adapter) error { return a.Join(to(), []string{"j1"}) }},
	{`io.in("room1").except("room2").socketsJoin(["j2","j3"])`, func(a adapter.Adapter) error {
		return a.Join(adapter.Selection{Rooms: []string{"room1"}, Except: []string{"room2"}}, []string{"j2", "j3"})
	}},
	{`io.socketsLeave("j1")`, func(a adapter.Adapter) error { return a.Leave(to(), []string{"j1"}) }},
	{`io.in("room1").socketsLeave(["j2","j3"])`, func(a adapter.Adapter) error { return a.Leave(to("room1"), []string{"j2", "j3"}) }},
	{`io.fetchSockets()`, func(a adapter.Adapter) error {
		_, err := a.Sockets(soon(), to())
		return err
	}},
	{`io.serverSideEmit("sse","world",1,{a:1})`, func(a adapter.Adapter) error { return a.ServerSide(event(`["sse","world",1,{"a":1}]`)) }},
	{`io.serverSideEmit("sseack",7,cb)`, func(a adapter.Adapter) error {
		_, err := a.ServerSideCall(soon(), event(`["sseack",7]`))
		return err
	}},
	{`io.disconnectSockets()`, func(a adapter.Adapter) error { return a.Disconnect(to(), false) }},
	{`io.in("room9").disconnectSockets(true)`, func(a adapter.Adapter) error { return a.Disconnect(to("room9"), true) }},
}

// soon is a context for answers that will not come. There is another subscriber, so that
// they are waited for.
func soon() context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	context.AfterFunc(ctx, cancel)
	return ctx
}

type noAcks struct{}

func (noAcks) Expect(int)             {}
func (noAcks) Answer(adapter.Payload) {}
func (noAcks) Gone(error)             {}

func ask(a adapter.Adapter, text string, to adapter.Selection, f adapter.Flags) error {
	return a.BroadcastAck(soon(), event(text), to, f, noAcks{})
}

// parse reads a message of either wire.
func parse(t *testing.T, wire redispubsub.Wire, w wireMessage) (m cluster.Message) {
	t.Helper()
	var err error
	switch {
	case wire == redispubsub.Sharded:
		m, err = nodewire.Sharded{}.Parse(w.data)
	case strings.Contains(w.channel, "-request#"):
		m, err = nodewire.Classic{}.ParseRequest(w.data)
	case strings.Contains(w.channel, "-response#"):
		m, err = nodewire.Classic{}.ParseAnswer(w.data)
	default:
		m, err = nodewire.Classic{}.ParseBroadcast(w.data)
	}
	if err != nil {
		t.Fatalf("%s %q: %v", w.channel, w.data, err)
	}
	return m
}

// renamed returns a message with other ids in the place of its own.
func renamed(w []byte, old, now cluster.Message) []byte {
	w = bytes.ReplaceAll(w, []byte(old.From), []byte(now.From))
	if old.Request == "" {
		return w
	}
	if w[0] != '{' {
		packed := func(id string) []byte { return append([]byte{0xa0 | byte(len(id))}, id...) }
		return bytes.ReplaceAll(w, packed(old.Request), packed(now.Request))
	}
	return bytes.ReplaceAll(w, []byte(old.Request), []byte(now.Request))
}

// TestPatternsMissNothing of what is sent to a room in the moment in which it is joined.
func TestPatternsMissNothing(t *testing.T) {
	t.Parallel()
	client := redistest.Start(t).Client(t)
	opts := options(redispubsub.Options{Patterns: true})
	for _, ns := range []string{"/", "/t[1]?*\\"} {
		a, b := join(t, client, opts, ns), join(t, client, opts, ns)
		b.synced(t)
		a.emit(t, `["nobody"]`, "red")
		a.emit(t, `["all"]`)
		b.expect(t, `["all"]`)
		b.enter(b.a, "red") // and nothing need be told to Redis
		a.emit(t, `["red"]`, "red")
		a.emit(t, `["all"]`)
		b.expect(t, `["red"]`, `["all"]`)
	}
}

func forBothWires(t *testing.T, test func(t *testing.T, server *redistest.Server, opts *redispubsub.Options, file string)) {
	t.Parallel()
	for file, opts := range map[string]redispubsub.Options{"classic.txt": {}, "sharded.txt": {Wire: redispubsub.Sharded}} {
		t.Run(file, func(t *testing.T) {
			t.Parallel()
			test(t, redistest.Start(t), &opts, file)
		})
	}
}

// TestCallsAreMadeAsNodeMakesThem compares what Redis gets with what it got from Node.
func TestCallsAreMadeAsNodeMakesThem(t *testing.T) {
	forBothWires(t, func(t *testing.T, server *redistest.Server, opts *redispubsub.Options, file string) {
		captured := captures(t, file)
		silent := newStage("/")
		silent.answer = func(adapter.Acks) {}
		silent.reply = func() adapter.Payload { return event("[]") }
		_, _ = open(t, server.Client(t), opts).Adapter(silent)
		c := open(t, server.Client(t), opts)
		a, _ := c.Adapter(newStage("/"))
		if err := c.Sync(t.Context(), "/"); err != nil {
			t.Fatal(err)
		}
		for _, call := range calls {
			t.Run(call.node, func(t *testing.T) {
				m := watch(t, server)
				_ = call.make(a)
				if err := c.Sync(t.Context(), "/"); err != nil { // what tells others that nobody waits any more has gone too
					t.Fatal(err)
				}
				got := m.next("publish", "spublish")
				ours := wireMessage{got[1], []byte(got[2])}
				want, ok := captured[call.node]
				if !ok {
					t.Fatal("not captured")
				}
				if sharded := got[0] == "spublish"; sharded != (opts.Wire == redispubsub.Sharded) {
					t.Error(got[0])
				}
				text := renamed(want[0].data, parse(t, opts.Wire, want[0]), parse(t, opts.Wire, ours))
				if ours.channel != want[0].channel || !bytes.Equal(ours.data, text) {
					t.Errorf("got  %s %q\nwant %s %q", ours.channel, ours.data, want[0].channel, text)
				}
			})
		}
	})
}

// TestQuestionsAreAnsweredAsNodeAnswersThem asks as Node has asked.
func TestQuestionsAreAnsweredAsNodeAnswersThem(t *testing.T) {
	forBothWires(t, func(t *testing.T, server *redistest.Server, opts *redispubsub.Options, file string) {
		captured := captures(t, file)
		client := server.Client(t)
		c := open(t, client, opts)
		s := newStage("/")
		binary := adapter.Payload{Data: []byte(`[{"_placeholder":true,"num":0}]`), Attachments: [][]byte{{3, 4}}}
		answer := event(`["from-b"]`)
		s.answer = func(acks adapter.Acks) {
			acks.Expect(1)
			acks.Answer(answer)
		}
		s.reply = func() adapter.Payload { return event(`["pong 7"]`) }
		a, _ := c.Adapter(s)
		if err := c.Sync(t.Context(), "/"); err != nil {
			t.Fatal(err)
		}
		for _, call := range []string{
			`io.timeout(1000).emit("ack", cb)`, `io.timeout(1000).emit("ackbin", cb)`,
			`io.to("room1").except("room2").timeout(1000).emit("ack", cb)`, `io.serverSideEmit("sseack",7,cb)`,
		} {
			t.Run(call, func(t *testing.T) {
				if answer = event(`["from-b"]`); strings.Contains(call, "bin") {
					answer = binary
				}
				wire := captured[call]
				question := parse(t, opts.Wire, wire[0])
				m := watch(t, server)
				command := "publish"
				if opts.Wire == redispubsub.Sharded {
					command = "spublish"
				}
				if err := client.Do(t.Context(), command, wire[0].channel, wire[0].data).Err(); err != nil {
					t.Fatal(err)
				}
				m.next(command) // the question
				for _, want := range wire[1:] {
					got := m.next(command)
					ours := wireMessage{got[1], []byte(got[2])}
					// Node needs an option to answer to the asker alone.
					channel := want.channel
					if !strings.Contains(channel, question.From) {
						channel += question.From + "#"
					}
					text := renamed(want.data, parse(t, opts.Wire, want), parse(t, opts.Wire, ours))
					if ours.channel != channel || !bytes.Equal(ours.data, text) {
						t.Errorf("got  %s %q\nwant %s %q", ours.channel, ours.data, channel, text)
					}
				}
			})
		}
		if err := a.Close(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

// TestSubscriptionsAreThoseOfNode, but for the patterns, and the channel of losses that is none of Node's.
func TestSubscriptionsAreThoseOfNode(t *testing.T) {
	forBothWires(t, func(t *testing.T, server *redistest.Server, opts *redispubsub.Options, file string) {
		client := server.Client(t)
		opts.Linger = 50 * time.Millisecond
		c := open(t, client, opts)
		s := newStage("/custom")
		a, _ := c.Adapter(s)
		s.enter(a, "red", "blue", "red") // as a socket's id and as a room
		a.RoomCreated("own", true)
		if err := c.Sync(t.Context(), "/custom", "red", "blue"); err != nil {
			t.Fatal(err)
		}
		list, counts := client.PubSubChannels, client.PubSubNumSub
		if opts.Wire == redispubsub.Sharded {
			list, counts = client.PubSubShardChannels, client.PubSubShardNumSub
		}
		want := map[string]bool{"socket.io-lost#/custom#": true, "socket.io#/custom#": true, "socket.io#/custom#red#": true, "socket.io#/custom#blue#": true, "socket.io#/custom#own#": true}
		id := 0
		if opts.Wire == redispubsub.Classic || opts.Wire == 0 {
			want["socket.io-request#/custom#"], want["socket.io-response#/custom#"] = true, true
			id = len("socket.io-response#/custom#I5Mbnh#")
		} else {
			id = len("socket.io#/custom#2cdd8f97a3de2206#")
		}
		names, err := list(t.Context(), "socket.io*").Result()
		if err != nil || len(names) != len(want)+1 {
			t.Fatalf("%v, %v", names, err)
		}
		for _, name := range names {
			if !want[name] && len(name) != id {
				t.Errorf("subscribed to %s", name)
			}
		}
		n, err := counts(t.Context(), names...).Result()
		for name, n := range n {
			if n != 1 {
				t.Errorf("%d subscriptions to %s, %v", n, name, err)
			}
		}
		a.RoomRemoved("red", false)
		a.RoomRemoved("blue", false)
		a.RoomRemoved("own", true)
		for end := time.Now().Add(patience); ; time.Sleep(5 * time.Millisecond) {
			names, _ := list(t.Context(), "socket.io*").Result()
			if joined := fmt.Sprint(names); strings.Contains(joined, "#red#") && !strings.Contains(joined, "#blue#") && !strings.Contains(joined, "#own#") {
				break
			} else if time.Now().After(end) {
				t.Fatal(joined)
			}
		}
		if err := a.Close(t.Context()); err != nil {
			t.Error(err)
		}
		for end := time.Now().Add(patience); ; time.Sleep(5 * time.Millisecond) {
			if names, _ := list(t.Context(), "socket.io*").Result(); len(names) == 0 {
				break
			} else if time.Now().After(end) {
				t.Fatal(names)
			}
		}
	})
}
