package e2e

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"math"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
	"time"

	"parley/adapters/redisconn/redistest"
	"parley/server/socketio"
)

var poisons = flag.Int("poisons", 400, "how many events of any kind the servers of Node get over each wire")

// TestNothingPoisonsNodePeers: whatever is sent through one of our servers, those of Node have it as our clients have it,
// and neither die of it nor stand still. With the clients of Redis for which an error in a listener is the end.
func TestNothingPoisonsNodePeers(t *testing.T) {
	notNode(t, "it is about what ours sends to Node's")
	for _, row := range mixedClusters {
		t.Run(row.name, func(t *testing.T) {
			if row.connect == nil {
				return
			}
			server := redistest.Start(t)
			own := startOwnPeer(t, server.Addr, row.connect, 0)
			peers := []*peerServer{own}
			for _, client := range []string{"redis-4", "ioredis"} {
				node := row.node
				node.Redis, node.Client = port(t, server.Addr), client
				peers = append(peers, startNodePeer(t, node))
			}
			poison(t, peers)
		})
	}
}

// poison has the first server send all kinds of events.
func poison(t *testing.T, peers []*peerServer) {
	t.Helper()
	p := &poisoner{rnd: rand.New(rand.NewPCG(7, 11)), ns: peers[0].app.io.Of("/")}
	driver := startScript(t, "poison.mjs", task{"peers": peers, "rooms": oddRooms}.json())
	answer := func(line string) {
		t.Helper()
		if line != "" {
			driver.tell(line)
		}
		var report struct {
			Ready      bool
			Difference *string
		}
		if driver.next(&report, time.Minute); report.Difference != nil {
			t.Fatal(*report.Difference)
		}
	}
	answer("")
	p.awaitRooms(t, peers)
	for sent := 0; sent < *poisons; sent += 100 {
		for range 100 {
			p.send(t)
		}
		answer(strconv.Itoa(p.sent))
	}
	answer("back")
	driver.tell("end")
	driver.wait()
	for _, peer := range peers {
		peer.health(t)
	}
	if t.Logf("%d events, %d refused", p.sent, p.refused); p.sent < *poisons/2 {
		t.Errorf("only %d events were sent", p.sent)
	}
}

// oddRooms are those that all clients are in.
var oddRooms = []string{"a#b", "*", "[x]", "{tag}", "7", "-1", "1e3", "é😀", "exactly twenty chars", strings.Repeat("r", 250), "\\", "__proto__"}

// A poisoner sends events that a seed repeats.
type poisoner struct {
	rnd           *rand.Rand
	ns            *socketio.Namespace
	sent, refused int
}

// awaitRooms waits until the others' rooms are known, so that nothing that is sent to one misses them.
func (p *poisoner) awaitRooms(t *testing.T, peers []*peerServer) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for end := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		all := 0
		for _, room := range oddRooms {
			got, err := socketio.CallAll[socketio.Args](ctx, p.ns.To(room), "volatile probe")
			if err != nil {
				t.Fatal(err)
			}
			all += len(got)
		}
		if all == len(oddRooms)*len(peers) {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("%d clients in rooms", all)
		}
	}
}

// send sends one event, or more that are not compared.
func (p *poisoner) send(t *testing.T) {
	target := p.target()
	name := p.name()
	args := make([]any, p.rnd.IntN(4))
	for i := range args {
		args[i] = p.value(4)
	}
	switch p.rnd.IntN(12) {
	case 0:
		_ = target.Volatile().Emit("volatile "+name, args...)
		return
	case 1:
		_ = p.ns.ServerSideEmit(p.pick("told", "error", "connection", "connect", "new_namespace", "newListener", "disconnect", "__proto__", "toString", name), args...)
		return
	case 2:
		_ = target.Except("-1").Join(p.pick(oddRooms...), "more", "")
		_ = p.ns.Except("-1").Disconnect(p.rnd.IntN(2) == 0)
		_ = p.ns.To(p.text()).Leave("more")
		return
	}
	if err := target.Compress(p.rnd.IntN(2) == 0).Emit(name, args...); err != nil {
		p.refused++
		return
	}
	p.sent++
}

// target has all three clients in it.
func (p *poisoner) target() socketio.Target {
	t := p.ns.To()
	for range p.rnd.IntN(3) {
		t = t.To(p.pick(oddRooms...))
	}
	if p.rnd.IntN(3) == 0 {
		t = t.Except("nobody", p.text())
	}
	return t
}

func (p *poisoner) pick(list ...string) string { return list[p.rnd.IntN(len(list))] }

func (p *poisoner) name() string {
	return p.pick("x", "", "message", "toString", "__proto__", "hasOwnProperty", "constructor", "7", "é😀", "\x00", p.text(), strings.Repeat("n", p.rnd.IntN(300)))
}

func (p *poisoner) text() string {
	return p.pick("", "a", "\x00\x1f\u2028\u2029\ufeff", "</script>&amp;", `"\`, "😀", "\ufffd", "é", strings.Repeat("s", p.length()), strings.Repeat("é", p.length()/2),
		"2026-11-23T00:00:00.000Z", "NaN", "\u0085\u00a0")
}

// length is one at which codecs change their heads.
func (p *poisoner) length() int {
	return []int{0, 1, 15, 16, 17, 31, 32, 33, 127, 128, 255, 256, 257, 1000, 32767, 32768, 65535, 65536}[p.rnd.IntN(18)]
}

func (p *poisoner) value(depth int) any {
	switch n := p.rnd.IntN(26); {
	case n == 0:
		return nil
	case n == 1:
		return p.rnd.IntN(2) == 0
	case n < 5:
		return int64(1)<<p.rnd.IntN(64) - int64(p.rnd.IntN(3))
	case n == 5:
		return -(int64(1) << p.rnd.IntN(63)) + int64(p.rnd.IntN(3)-1)
	case n == 6:
		return uint64(math.MaxUint64) - p.rnd.Uint64N(3)
	case n < 10:
		return []float64{0, math.Copysign(0, -1), 0.1, -0.5, 1e20, 1e21, 1e-7, 5e-324, math.MaxFloat64, 1 << 53, 1<<53 + 2, -(1 << 63), math.Pi * 1e10, float64(float32(0.1))}[p.rnd.IntN(14)]
	case n < 14:
		return p.text()
	case n == 14:
		return make([]byte, p.length())
	case n == 15:
		return json.RawMessage(p.pick("1e400", "-1e400", "1E5", "-0", "0.0", "1.50", "123456789012345678901234567890", "1e-400", `"\u0041\ud83d\ude00\/"`, ` { "a" : [ 1 , 2 ] } `,
			`{"_placeholder":true,"num":0}`, `{"_placeholder":true,"num":"x"}`, `[{"_placeholder":true}]`, `{"__proto__":{"x":1},"toJSON":1}`, `{"":{"":{"":[]}}}`))
	case n == 16:
		return map[string]any{"_placeholder": true, "num": p.rnd.IntN(3), "data": []byte{1}}
	case n == 17:
		return map[string]any{"type": "Buffer", "data": []int{1, 2}}
	case n == 18 && depth == 4:
		return make([]bool, p.length())
	case n == 19 && depth == 4:
		many := make(map[string]int)
		for i := range p.length() {
			many[strconv.Itoa(i)] = i
		}
		return many
	case n == 20 && depth == 4:
		var deep any = "deep"
		for i := range 20 + p.rnd.IntN(200) {
			if deep = []any{deep}; i%3 == 0 {
				deep = map[string]any{"x": deep}
			}
		}
		return deep
	case depth == 0:
		return fmt.Sprint(n)
	case n < 23:
		list := make([]any, p.rnd.IntN(5))
		for i := range list {
			list[i] = p.value(depth - 1)
		}
		return list
	default:
		object := make(map[string]any)
		for range p.rnd.IntN(5) {
			object[p.pick("a", "", "__proto__", "length", "toJSON", "then", "ключ", p.text())] = p.value(depth - 1)
		}
		return object
	}
}
