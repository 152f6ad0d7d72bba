package websocket

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/gobwas/ws"

	"parley/server/internal/reactor"
	"parley/server/internal/transport"
)

func message(s string) transport.Message {
	return transport.Text(append(transport.NewBuffer(len(s)), s...))
}

// names are what stands before the payload of a control frame in a test.
var names = map[ws.OpCode]string{ws.OpClose: "close:", ws.OpPing: "ping:", ws.OpPong: "pong:"}

// sent reads the payloads of all frames that were written, and what is left of
// the last one.
func (b *bench) sent(t *testing.T) (payloads []string, rest int) {
	t.Helper()
	r := bytes.NewReader(b.link.wrote.Bytes())
	for {
		rest = r.Len()
		f, err := readFrame(r)
		if err != nil {
			return payloads, rest
		}
		payloads = append(payloads, names[f.Header.OpCode]+string(f.Payload))
	}
}

func TestBatchLeavesInAsFewWritesAsFit(t *testing.T) {
	b := newBench(testLimits)
	defer b.end()
	big := strings.Repeat("b", 3000)
	batch := []transport.Message{message("one"), message("two"), message(big), message("three"), message(big), message(big)}
	if n := b.Write(batch, make([]byte, 1000)); n != len(batch) {
		t.Errorf("took %d of %d", n, len(batch))
	}
	got, rest := b.sent(t)
	want := []string{"4one", "4two", "4" + big, "4three", "4" + big, "4" + big}
	if strings.Join(got, ",") != strings.Join(want, ",") || rest > 0 {
		t.Errorf("wrote %.100q", got)
	}
}

func TestShortWritesLoseNothing(t *testing.T) {
	var batch []transport.Message
	var want []string
	for i := range 40 {
		s := strings.Repeat("x", i*i)
		batch = append(batch, message(s))
		want = append(want, "4"+s)
	}
	for _, room := range []int{0, 1, 2, 3, 100, 999, 1000, 1001, 5000} {
		b := newBench(testLimits)
		scratch := make([]byte, 1000)
		for left := batch; len(left) > 0; {
			b.link.room = room
			n := b.Write(left, scratch)
			left = left[n:]
			if len(left) > 0 && b.Writable() {
				t.Fatal("Writable though not everything was taken")
			}
			b.link.room = max(room, 1)
			handler{b.Conn}.Writable()
		}
		b.link.room = -1
		handler{b.Conn}.Writable()
		if got, rest := b.sent(t); strings.Join(got, ",") != strings.Join(want, ",") || rest > 0 {
			t.Errorf("room for %d: wrote %d frames and %d bytes", room, len(got), rest)
		}
		b.end()
	}
}

func TestDrainedComesWhenTheRestHasLeft(t *testing.T) {
	b := newBench(testLimits)
	defer b.end()
	b.link.room = 3
	if n := b.Write([]transport.Message{message("one"), message("two")}, make([]byte, 100)); n != 2 || b.Writable() {
		t.Errorf("took %d; writable: %v", n, b.Writable())
	}
	b.link.room = 2
	handler{b.Conn}.Writable()
	if len(b.sink.drained) > 0 || b.Writable() {
		t.Error("Drained before all had left")
	}
	if n := b.Write([]transport.Message{message("three")}, make([]byte, 100)); n != 0 {
		t.Errorf("took %d while blocked", n)
	}
	b.link.room = -1
	handler{b.Conn}.Writable()
	if len(b.sink.drained) != 1 || !b.Writable() {
		t.Error("not Drained")
	}
}

func TestLargeFramesAreNotCopiedForSlowReaders(t *testing.T) {
	m := transport.Text(append(transport.NewBuffer(6000), strings.Repeat("x", 5000)...))
	// The frame is shared by all who get it, so nobody may write behind it.
	behind := append(m.Frame(), "untouched"...)[len(m.Frame()):]
	b := newBench(testLimits)
	defer b.end()
	b.link.room = 100
	b.Write([]transport.Message{m}, make([]byte, 1000))
	if rest := b.unsent; &rest[len(rest)-1] != &m.Frame()[len(m.Frame())-1] {
		t.Error("the frame was copied")
	}
	b.Input(b.turn, masked(true, ws.OpPing, "x"))
	b.Close()
	b.link.room = -1
	handler{b.Conn}.Writable()
	if got, rest := b.sent(t); len(got) != 2 || got[1] != "close:" || rest > 0 || string(behind) != "untouched" {
		t.Errorf("wrote %d frames; behind the shared one stands %q", len(got), behind)
	}
}

func TestCloseFrameFollowsWhatHadToWait(t *testing.T) {
	b := newBench(testLimits)
	defer b.end()
	b.link.room = 3
	b.Write([]transport.Message{message("last words")}, make([]byte, 100))
	b.Close()
	if b.link.closeWrite.Load() || b.link.aborted.Load() {
		t.Error("the stream was ended in the middle of a frame")
	}
	b.link.room = -1
	handler{b.Conn}.Writable()
	if got, rest := b.sent(t); strings.Join(got, ",") != "4last words,close:" || rest > 0 || !b.link.closeWrite.Load() {
		t.Errorf("wrote %q; ended: %v", got, b.link.closeWrite.Load())
	}
	if len(b.sink.drained) > 0 {
		t.Error("Drained after Close")
	}
}

// A client that pings and does not read must not make the server hold an
// answer for each, and one that reads late must get one for its last.
func TestPingsOfAPeerThatIsBehindGetOneAnswer(t *testing.T) {
	b := newBench(testLimits)
	defer b.end()
	b.link.room = 3
	b.Write([]transport.Message{message("one")}, make([]byte, 100))
	for range 10_000 {
		b.Input(b.turn, masked(true, ws.OpPing, "early"))
	}
	b.Input(b.turn, masked(true, ws.OpPing, "last"))
	if n := cap(b.unsent) + cap(b.late); n > 300 {
		t.Errorf("%d bytes are held", n)
	}
	b.link.room = -1
	handler{b.Conn}.Writable()
	b.Write([]transport.Message{message("two")}, make([]byte, 100))
	if got, _ := b.sent(t); strings.Join(got, ",") != "4one,pong:last,4two" {
		t.Errorf("wrote %q", got)
	}
}

func TestAtRestNothingIsHeld(t *testing.T) {
	b := newBench(testLimits)
	defer b.end()
	b.link.room = 10
	b.Write([]transport.Message{message(strings.Repeat("x", 100))}, make([]byte, 10))
	input := join(masked(false, ws.OpText, "4x"), masked(true, ws.OpContinuation, "x"), text("4"+strings.Repeat("x", 5000)))
	for i := range input {
		b.Input(b.turn, input[i:i+1])
	}
	b.link.room = -1
	handler{b.Conn}.Writable()
	if b.partial != nil || b.message != nil || b.unsent != nil || b.late != nil || b.answer != nil || b.timing {
		t.Errorf("held: %d %d %d %d %d, timing %v", cap(b.partial), cap(b.message), cap(b.unsent), cap(b.late), cap(b.answer), b.timing)
	}
}

func TestPauseStopsTheLink(t *testing.T) {
	b := newBench(testLimits)
	defer b.end()
	b.Pause()
	if !b.link.paused.Load() {
		t.Error("not paused")
	}
	b.Resume()
	if b.link.paused.Load() {
		t.Error("not resumed")
	}
	b.Pause()
	b.Close()
	if b.link.paused.Load() {
		t.Error("a closed connection does not see its peer hang up")
	}
}

// Over a real connection, with a client that reads nothing for long.
func TestNothingIsLostOnTheWayToASlowReader(t *testing.T) {
	for _, secure := range []bool{false, true} {
		s := newServer(t, testLimits, secure)
		c, sink := s.dial(t)
		const n = 400
		var batch []transport.Message
		for i := range n {
			batch = append(batch, message(strings.Repeat(string(rune('a'+i%26)), 1000*(i%60))))
		}
		blocked := make(chan struct{}, 1)
		go func() {
			scratch := make([]byte, reactor.ScratchSize)
			for left := batch; len(left) > 0; {
				left = left[sink.conn.Write(left, scratch):]
				if len(left) > 0 {
					select {
					case blocked <- struct{}{}:
					default:
					}
					<-sink.drained
				}
			}
			for !sink.conn.Writable() {
				time.Sleep(time.Millisecond)
			}
			sink.conn.Close()
		}()
		await(t, "the client's window is full", blocked)
		for i, m := range batch {
			if f := c.frame(); !bytes.Equal(f.Payload, m.AppendPolling(nil)) {
				t.Fatalf("frame %d is %.20q", i, f.Payload)
			}
		}
		c.closed()
	}
}
