package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
	"time"

	"parley/adapters/cluster"
	"parley/adapters/nodewire"
	"parley/server/adapter"
	"parley/server/socketio"
)

// TestLibrariesOfNodeAgree: what is written for the wires of Node's adapters is read by the libraries that they use, and
// written by them is the same byte for byte; and it is read here as what was meant.
func TestLibrariesOfNodeAgree(t *testing.T) {
	libraries := startScript(t, "nodewire.mjs")
	var (
		classic nodewire.Classic
		sharded nodewire.Sharded
		streams nodewire.Streams
	)
	wires := map[string]struct {
		write func([]byte, *cluster.Message) ([]byte, error)
		read  func([]byte) (cluster.Message, error)
	}{
		"classic": {classic.AppendBroadcast, classic.ParseBroadcast},
		"sharded": {sharded.Append, sharded.Parse},
		"streams": {streams.Append, streams.Parse},
	}
	rnd := rand.New(rand.NewPCG(3, 5))
	for round := range 500 {
		args := make([]any, rnd.IntN(4))
		for i := range args {
			args[i] = randomValue(rnd, 4)
		}
		p, err := socketio.EncodeEvent(randomText(rnd)+"x", args...)
		if err != nil {
			t.Fatal(err)
		}
		m := &cluster.Message{
			Kind: cluster.Broadcast, Namespace: "/" + randomText(rnd), From: "0123456789abcdef", Payload: p,
			Selection: adapter.Selection{Rooms: []string{randomText(rnd)}, Except: []string{}},
			Flags:     adapter.Flags{Volatile: rnd.IntN(2) == 0, Uncompressed: rnd.IntN(2) == 0},
		}
		for name, wire := range wires {
			data, err := wire.write(nil, m)
			if err != nil {
				t.Fatalf("%s: %s: %v", name, p.Data, err)
			}
			line, _ := json.Marshal(map[string]any{"wire": name, "data": data})
			libraries.tell(string(line))
			var answer struct {
				Again []byte
				Error string
			}
			libraries.next(&answer, time.Minute)
			if !bytes.Equal(answer.Again, data) {
				t.Fatalf("round %d, %s: wrote\n%q\nthe library\n%q %s", round, name, data, answer.Again, answer.Error)
			}
			back, err := wire.read(answer.Again)
			if err != nil || !sameJSON(back.Payload.Data, p.Data) || len(back.Payload.Attachments) != len(p.Attachments) || !reflect.DeepEqual(back.Selection.Rooms, m.Selection.Rooms) {
				t.Fatalf("round %d, %s: read %s %v, %v, want %s", round, name, back.Payload.Data, back.Selection, err, p.Data)
			}
			for i, a := range back.Payload.Attachments {
				if !bytes.Equal(a, p.Attachments[i]) {
					t.Fatalf("round %d, %s: attachment %d is %x, want %x", round, name, i, a, p.Attachments[i])
				}
			}
		}
	}
	libraries.wait()
}

func sameJSON(a, b []byte) bool {
	var x, y any
	return json.Unmarshal(a, &x) == nil && json.Unmarshal(b, &y) == nil && reflect.DeepEqual(x, y)
}

// randomValue avoids what the libraries themselves change: objects with the names of numbers, which JavaScript puts in front,
// and integers beyond 2^53.
func randomValue(rnd *rand.Rand, levels int) any {
	kinds := 12
	if levels == 0 {
		kinds = 9
	}
	switch rnd.IntN(kinds) {
	case 0:
		return nil
	case 1:
		return rnd.IntN(2) == 0
	case 2:
		return rnd.Int64N(1<<53-1) >> rnd.IntN(53)
	case 3:
		return -(rnd.Int64N(1<<53-1) >> rnd.IntN(53))
	case 4:
		return math.Ldexp(rnd.Float64()-0.5, rnd.IntN(80)-60)
	case 5:
		return rnd.NormFloat64() * 1e-200
	case 6, 7:
		return randomText(rnd)
	case 8:
		return make([]byte, rnd.IntN(2)*rnd.IntN(400))
	case 9:
		return map[string]any{"_placeholder": 1, "num": 0, "type": "Buffer"}
	case 10:
		list := make([]any, rnd.IntN(20))
		for i := range list {
			list[i] = randomValue(rnd, levels-1)
		}
		return list
	}
	object := make(map[string]any)
	for i := range rnd.IntN(20) {
		object[fmt.Sprint("k", i, randomText(rnd))] = randomValue(rnd, levels-1)
	}
	return object
}

func randomText(rnd *rand.Rand) string {
	const letters = "ab#*é✓😀\"\\/\n\u2028<&\x00{}"
	all := []rune(letters)
	var text strings.Builder
	for range rnd.IntN(6) * rnd.IntN(10) {
		text.WriteRune(all[rnd.IntN(len(all))])
	}
	return text.String()
}
