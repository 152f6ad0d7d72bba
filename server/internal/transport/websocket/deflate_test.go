package websocket

import (
	"bytes"
	"fmt"
	"net/http"
	"runtime"
	"strings"
	"testing"

	"github.com/gobwas/ws"

	"parley/server/internal/deflate"
	"parley/server/internal/transport"
)

const offered = request + "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n\r\n"

// squeeze compresses the payload of a message.
func squeeze(payload string) (compressed string) {
	deflate.NewCompressor(0, 9).Compress([]byte(payload), func(p []byte) { compressed = string(p) })
	return compressed
}

// marked builds a masked frame that says that it begins a compressed message.
func marked(fin bool, op ws.OpCode, payload string) []byte {
	f := masked(fin, op, payload)
	f[0] |= 0x40
	return f
}

// compressedTexts are ways to send "4Hello" compressed: as in RFC 7692, 7.2.3, but
// with a packet type.
var compressedTexts = []struct {
	name   string
	frames []byte
}{
	{"one frame", marked(true, ws.OpText, squeeze("4Hello"))},
	{"fragments of a byte", func() (all []byte) {
		payload := squeeze("4Hello")
		all = marked(false, ws.OpText, payload[:1])
		for i := 1; i < len(payload)-1; i++ {
			all = join(all, masked(false, ws.OpContinuation, payload[i:i+1]), masked(true, ws.OpPong, ""))
		}
		return join(all, masked(true, ws.OpContinuation, payload[len(payload)-1:]))
	}()},
	{"empty fragments", join(marked(false, ws.OpText, ""), masked(false, ws.OpContinuation, squeeze("4Hello")), masked(true, ws.OpContinuation, ""))},
	{"not compressed", marked(true, ws.OpText, "\x00\x06\x00\xf9\xff4Hello\x00")},
	{"two blocks", marked(true, ws.OpText, "\x00\x02\x00\xfd\xff4H\x00\x04\x00\xfb\xffello\x00")},
	{"an empty block between", marked(true, ws.OpText, "\x00\x02\x00\xfd\xff4H\x00\x00\x00\xff\xff\x00\x04\x00\xfb\xffello\x00")},
	{"a last block", marked(true, ws.OpText, "\x01\x06\x00\xf9\xff4Hello\x00")},
	{"not marked", masked(true, ws.OpText, "4Hello")},
}

func TestCompressedMessagesAreRead(t *testing.T) {
	for _, m := range compressedTexts {
		b := newBench(testLimits)
		b.window = 15
		// Each message stands for itself, and the next one need not be compressed.
		b.Input(b.turn, join(m.frames, text("4plain"), m.frames, marked(true, ws.OpBinary, squeeze("\xff\xff"))))
		for _, want := range []string{"Hello", "plain", "Hello", "\xff\xff"} {
			if len(b.sink.packets) == 0 {
				t.Errorf("%s: %q did not come", m.name, want)
			} else if p := <-b.sink.packets; string(p.Data) != want || p.Binary != (want[0] == 0xff) {
				t.Errorf("%s: got %q, want %q", m.name, p.Data, want)
			}
		}
		if b.message != nil || b.partial != nil || b.ended {
			t.Errorf("%s: something is held", m.name)
		}
		b.end()
	}
}

// deflateViolations are what ends a connection on which compression was agreed.
var deflateViolations = []struct {
	name  string
	input []byte
	code  ws.StatusCode
}{
	{"marked ping", marked(true, ws.OpPing, ""), 1002},
	{"marked pong", marked(true, ws.OpPong, ""), 1002},
	{"marked close", marked(true, ws.OpClose, ""), 1002},
	{"marked continuation", join(marked(false, ws.OpText, squeeze("4x")), marked(true, ws.OpContinuation, "")), 1002},
	{"marked continuation of a plain message", join(masked(false, ws.OpText, "4x"), marked(true, ws.OpContinuation, "")), 1002},
	{"second reserved bit too", func() []byte { f := marked(true, ws.OpText, squeeze("4x")); f[0] |= 0x20; return f }(), 1002},
	{"marked opcode 3", marked(true, 3, ""), 1002},
	{"no payload", marked(true, ws.OpText, ""), 1007},
	{"no payload in two fragments", join(marked(false, ws.OpBinary, ""), masked(true, ws.OpContinuation, "")), 1007},
	{"text that is not compressed", marked(true, ws.OpText, "4Hello"), 1007},
	{"unknown block", marked(true, ws.OpText, "\x07"), 1007},
	{"look behind the beginning", marked(true, ws.OpText, "\x02\x01\x00\x00"), 1007},
	{"compressed text that is not UTF-8", marked(true, ws.OpText, squeeze("4\xff")), 1007},
	{"too large", marked(true, ws.OpBinary, squeeze(strings.Repeat("x", testLimits.MaxPayload+1))), 1009},
	{"too large in fragments", func() []byte {
		payload := squeeze(strings.Repeat("x", testLimits.MaxPayload+1))
		return join(marked(false, ws.OpBinary, payload[:9]), masked(true, ws.OpContinuation, payload[9:]))
	}(), 1009},
	{"too large even compressed", join(marked(false, ws.OpText, "x"), frameHeader(true, ws.OpContinuation, int64(testLimits.MaxPayload))), 1009},
	{"a bomb", marked(true, ws.OpBinary, strings.Repeat(squeeze(strings.Repeat("x", 100_000))+"\x00\x00\xff\xff", 1000)), 1009},
}

func TestViolationsOfCompression(t *testing.T) {
	for _, v := range deflateViolations {
		b := newBench(testLimits)
		b.window = 15
		b.Input(b.turn, join(text("4good"), v.input, text("4late")))
		got := b.link.wrote.Bytes()
		if want := ws.MustCompileFrame(ws.NewCloseFrame(nil)); len(got) < 4 || got[0] != want[0] || ws.StatusCode(got[2])<<8|ws.StatusCode(got[3]) != v.code {
			t.Errorf("%s: wrote %q, want a close frame with %d", v.name, got, v.code)
		}
		if p := <-b.sink.packets; string(p.Data) != "good" || len(b.sink.packets) > 0 || len(b.sink.gone) != 1 {
			t.Errorf("%s: %q and %d more packets came; told of the end %d times", v.name, p.Data, len(b.sink.packets), len(b.sink.gone))
		}
		b.end()
	}
}

func TestMarkedFramesWithoutAgreement(t *testing.T) {
	for _, m := range compressedTexts[:len(compressedTexts)-1] {
		b := newBench(testLimits)
		b.Input(b.turn, m.frames)
		if got := b.outcome(); !strings.Contains(got, errProtocolReserved.reason) {
			t.Errorf("%s: %s", m.name, got)
		}
		b.end()
	}
}

func TestPeersThatAgreedGetCompressedFrames(t *testing.T) {
	s := newServer(t, testLimits, false)
	s.upgrader.Deflate = true
	c := deflate.NewCompressor(100, 1)
	payload := strings.Repeat("hello ", 1000)
	m := message(payload).Deflatable(c)
	batch := []transport.Message{message("first"), m, m.Uncompressed(), message("last")}
	for raw, compressed := range map[string]bool{
		offered: true,
		strings.Replace(offered, "client_max", "server_max", 1): false,
		request + "\r\n": false,
	} {
		client := s.connect(t, raw)
		res := client.response()
		if got := res.Header.Get("Sec-WebSocket-Extensions"); res.StatusCode != http.StatusSwitchingProtocols || (got == agreed) != compressed {
			t.Fatalf("%s, extensions %q", res.Status, got)
		}
		sink := await(t, "the server's end", s.sinks)
		for _, scratch := range []int{10, 10_000} {
			sink.conn.Write(batch, make([]byte, scratch))
			for i, want := range []string{"4first", "4" + payload, "4" + payload, "4last"} {
				f := client.frame()
				if f.Header.Rsv1() != (compressed && i == 1) {
					t.Errorf("frame %d: compressed %v", i, f.Header.Rsv1())
				}
				if f.Header.Rsv1() {
					inflated, err := deflate.Inflate(f.Payload, len(want))
					if err != nil {
						t.Fatal(err)
					}
					f.Payload = bytes.Clone(inflated.Bytes())
					inflated.Release()
				}
				if string(f.Payload) != want {
					t.Errorf("frame %d: %.40q", i, f.Payload)
				}
			}
		}
	}
	if c.Count() != 1 {
		t.Errorf("compressed %d times", c.Count())
	}
}

func TestMalformedOffersAreRefused(t *testing.T) {
	s := newServer(t, testLimits, false)
	s.upgrader.Deflate = true
	res := s.connect(t, request+"Sec-WebSocket-Extensions: permessage-deflate; ;\r\n\r\n").response()
	if res.StatusCode != http.StatusBadRequest {
		t.Errorf("status %s", res.Status)
	}
	await(t, "the error", s.refused)
}

func TestAtRestAConnectionWithCompressionHoldsNothing(t *testing.T) {
	const n = 200
	input := marked(true, ws.OpText, squeeze("4"+strings.Repeat("x", 5000)))
	benches := make([]*bench, n)
	for i := range benches {
		benches[i] = newBench(testLimits)
		benches[i].window = 15
	}
	heap := func() uint64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.GC() // what pools held
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before := heap()
	for _, b := range benches {
		b.Input(b.turn, bytes.Clone(input))
		<-b.sink.packets
	}
	if after := heap(); after > before+n*1000 {
		t.Errorf("%d bytes for each connection", (after-before)/n)
	}
	for _, b := range benches {
		b.end()
	}
}

func BenchmarkCompressedInput(b *testing.B) {
	for _, size := range []int{100, 1000, 10_000} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			payload := strings.Repeat(`{"id":1,"text":"hello"},`, size/24)
			c := newBench(testLimits)
			defer c.end()
			c.window = 15
			frame := marked(true, ws.OpText, squeeze("4"+payload))
			input := make([]byte, len(frame))
			b.SetBytes(int64(len(payload)))
			b.ReportAllocs()
			for b.Loop() {
				copy(input, frame)
				c.Input(c.turn, input)
				<-c.sink.packets
			}
		})
	}
}
