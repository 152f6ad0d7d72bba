package websocket

import (
	"math/rand/v2"
	"testing"

	"github.com/gobwas/ws"
)

var fuzzLimits = Limits{MaxPayload: 300, MaxFragments: 5, ReadTimeout: testLimits.ReadTimeout}

// feed gives a new connection, with or without compression, all of input in
// pieces of the sizes that size returns.
func feed(t *testing.T, window uint8, input []byte, size func() int) string {
	t.Helper()
	b := newBench(fuzzLimits)
	b.window = window
	defer b.end()
	for len(input) > 0 {
		n := min(max(size(), 1), len(input))
		b.Input(b.turn, append([]byte(nil), input[:n]...))
		input = input[n:]
		// A frame may be there up to its last byte, and append has slack.
		if held, most := cap(b.partial)+cap(b.message), 2*(fuzzLimits.MaxPayload+14+n)+512; held > most {
			t.Fatalf("%d bytes are held, with a limit of %d", held, fuzzLimits.MaxPayload)
		}
		if b.ended && (b.partial != nil || len(b.sink.gone) != 1) {
			t.Fatal("ended, but not told or not forgotten")
		}
	}
	return b.outcome()
}

func seeds() [][]byte {
	list := [][]byte{
		text("4hello"),
		join(text("4one"), masked(true, ws.OpPing, "p"), text("4two"), masked(true, ws.OpClose, closeBody(1000, "bye"))),
		join(masked(false, ws.OpText, "4\xc3"), masked(true, ws.OpPing, ""), masked(true, ws.OpContinuation, "\xa9"), text("3")),
		join(masked(true, ws.OpBinary, string(make([]byte, 200))), text("2probe"), text("5")),
		text("1"), text(""), text("x"),
	}
	for _, v := range violations {
		list = append(list, join(text("4good"), v.input, text("4late")))
	}
	for _, v := range deflateViolations {
		list = append(list, join(text("4good"), v.input, text("4late")))
	}
	for _, m := range compressedTexts {
		list = append(list, join(m.frames, text("4late")))
	}
	return list
}

func TestOutcomeDoesNotDependOnHowTheBytesArrive(t *testing.T) {
	for _, input := range seeds() {
		for _, window := range []uint8{0, 15} {
			whole := feed(t, window, input, func() int { return len(input) })
			if got := feed(t, window, input, func() int { return 1 }); got != whole {
				t.Errorf("%x\nbyte by byte: %s\nat once: %s", input, got, whole)
			}
		}
	}
}

func FuzzFrames(f *testing.F) {
	for _, input := range seeds() {
		f.Add(input, uint64(len(input)), true)
		f.Add(input, uint64(len(input)), false)
	}
	f.Fuzz(func(t *testing.T, input []byte, seed uint64, deflate bool) {
		var window uint8
		if deflate {
			window = 15
		}
		input = input[:min(len(input), 20_000)] // 7 bytes are a packet, and the sink has room for 3,000
		whole := feed(t, window, input, func() int { return len(input) })
		random := rand.New(rand.NewPCG(seed, 0))
		chunked := feed(t, window, input, func() int { return random.IntN(20) })
		if chunked != whole {
			t.Errorf("in chunks: %s\nat once: %s", chunked, whole)
		}
	})
}
