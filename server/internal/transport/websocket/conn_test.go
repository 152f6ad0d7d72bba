package websocket

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/gobwas/ws"

	"parley/server/internal/transport"
	"parley/server/wire/eio"
)

func TestFramesAreReadByAnotherImplementation(t *testing.T) {
	for _, n := range []int{0, 1, 124, 125, 126, 127, 65534, 65535, 65536, 65537, 1 << 20} {
		payload := strings.Repeat("x", n)
		for _, c := range []struct {
			m    transport.Message
			op   ws.OpCode
			want string
		}{
			{transport.Text(append(transport.NewBuffer(n), payload...)), ws.OpText, "4" + payload},
			{transport.Binary([]byte(payload)), ws.OpBinary, payload},
			{transport.Control(eio.Noop, payload), ws.OpText, "6" + payload},
		} {
			r := strings.NewReader(string(c.m.Frame()))
			f, err := readFrame(r)
			if err != nil || r.Len() != 0 {
				t.Fatalf("%d bytes: %v, %d bytes behind the frame", n, err, r.Len())
			}
			if err := ws.CheckHeader(f.Header, ws.StateClientSide); err != nil {
				t.Errorf("%d bytes: %v", n, err)
			}
			if !f.Header.Fin || f.Header.OpCode != c.op || f.Header.Masked || string(f.Payload) != c.want {
				t.Errorf("%d bytes: header %+v", n, f.Header)
			}
		}
	}
}

func TestPacketsComeInOrder(t *testing.T) {
	s := newServer(t, testLimits, false)
	c, sink := s.dial(t)
	big := strings.Repeat("x", 200_000)
	c.write(join(text("4one"), masked(true, ws.OpBinary, "\x00\xff"), text("4"), text("2probe"),
		masked(true, ws.OpBinary, ""), text("4"+big), text("3")))
	for _, want := range []eio.Packet{
		{Type: eio.Message, Data: []byte("one")},
		{Type: eio.Message, Data: []byte("\x00\xff"), Binary: true},
		{Type: eio.Message},
		{Type: eio.Ping, Data: []byte("probe")},
		{Type: eio.Message, Binary: true},
		{Type: eio.Message, Data: []byte(big)},
		{Type: eio.Pong},
	} {
		p := await(t, "a packet", sink.packets)
		if p.Type != want.Type || p.Binary != want.Binary || string(p.Data) != string(want.Data) {
			t.Fatalf("got %v %.40q, want %v %.40q", p.Type, p.Data, want.Type, want.Data)
		}
	}
}

func TestFragmentsAreOneMessage(t *testing.T) {
	s := newServer(t, testLimits, false)
	c, sink := s.dial(t)
	// A letter may be cut, and control frames come in between.
	c.write(join(
		masked(false, ws.OpText, "4caf\xc3"),
		masked(true, ws.OpPing, "are you there"),
		masked(false, ws.OpContinuation, ""),
		masked(true, ws.OpPong, "unasked"),
		masked(true, ws.OpContinuation, "\xa9"),
		masked(false, ws.OpBinary, ""),
		masked(true, ws.OpContinuation, "\xff"),
	))
	if p := await(t, "the text", sink.packets); string(p.Data) != "café" || p.Binary {
		t.Errorf("got %q", p.Data)
	}
	if p := await(t, "the binary", sink.packets); string(p.Data) != "\xff" || !p.Binary {
		t.Errorf("got %q", p.Data)
	}
	if f := c.frame(); f.Header.OpCode != ws.OpPong || string(f.Payload) != "are you there" {
		t.Errorf("got %v %q for a ping", f.Header, f.Payload)
	}
}

func TestPingsAreAnsweredWithTheirPayload(t *testing.T) {
	s := newServer(t, testLimits, false)
	c, _ := s.dial(t)
	for _, payload := range []string{"", "x", strings.Repeat("y", 125)} {
		c.write(masked(true, ws.OpPing, payload))
		if f := c.frame(); f.Header.OpCode != ws.OpPong || string(f.Payload) != payload || f.Header.Masked {
			t.Errorf("got %v %q for the ping %q", f.Header, f.Payload, payload)
		}
	}
}

func closeBody(code ws.StatusCode, reason string) string {
	return string(ws.NewCloseFrameBody(code, reason))
}

// violations are what ends a connection, with the status that tells why.
var violations = []struct {
	name  string
	input []byte
	code  ws.StatusCode
}{
	{"text without a mask", ws.MustCompileFrame(ws.NewTextFrame([]byte("4x"))), 1002},
	{"close without a mask", ws.MustCompileFrame(ws.NewCloseFrame(nil)), 1002},
	{"first reserved bit", []byte{0xc1, 0x80, 0, 0, 0, 0}, 1002},
	{"second reserved bit", []byte{0xa1, 0x80, 0, 0, 0, 0}, 1002},
	{"third reserved bit on a ping", []byte{0x99, 0x80, 0, 0, 0, 0}, 1002},
	{"opcode 3", masked(true, 3, ""), 1002},
	{"opcode 7", masked(true, 7, ""), 1002},
	{"opcode 11", masked(true, 11, ""), 1002},
	{"opcode 15", masked(true, 15, ""), 1002},
	{"long ping", []byte{0x89, 0x80 | 126, 0, 126, 0, 0, 0, 0}, 1002},
	{"ping with a 64-bit length", []byte{0x89, 0x80 | 127}, 1002},
	{"fragmented ping", masked(false, ws.OpPing, ""), 1002},
	{"fragmented close", masked(false, ws.OpClose, ""), 1002},
	{"continuation of nothing", masked(true, ws.OpContinuation, "x"), 1002},
	{"open continuation of nothing", masked(false, ws.OpContinuation, ""), 1002},
	{"continuation of a whole message", join(text("4before"), masked(true, ws.OpContinuation, "")), 1002},
	{"text inside of a message", join(masked(false, ws.OpText, "4"), text("4x")), 1002},
	{"binary inside of a message", join(masked(false, ws.OpText, "4"), masked(false, ws.OpBinary, "x")), 1002},
	{"length with the highest bit", []byte{0x82, 0x80 | 127, 0x80, 0, 0, 0, 0, 0, 0, 1}, 1002},
	{"close frame of one byte", masked(true, ws.OpClose, "\x03"), 1002},
	{"close status 0", masked(true, ws.OpClose, closeBody(0, "")), 1002},
	{"close status 999", masked(true, ws.OpClose, closeBody(999, "")), 1002},
	{"close status 1004", masked(true, ws.OpClose, closeBody(1004, "")), 1002},
	{"close status 1005", masked(true, ws.OpClose, closeBody(1005, "")), 1002},
	{"close status 1006", masked(true, ws.OpClose, closeBody(1006, "")), 1002},
	{"close status 1015", masked(true, ws.OpClose, closeBody(1015, "")), 1002},
	{"close status 2999", masked(true, ws.OpClose, closeBody(2999, "")), 1002},
	{"close reason that is not UTF-8", masked(true, ws.OpClose, closeBody(1000, "\xff")), 1007},
	{"text that is not UTF-8", text("4\xff"), 1007},
	{"surrogate in a text", text("4\xed\xa0\x80"), 1007},
	{"fragments that are not UTF-8", join(masked(false, ws.OpText, "4\xc3"), masked(true, ws.OpContinuation, "x")), 1007},
	{"too many fragments", join(masked(false, ws.OpText, "4"), repeat(masked(false, ws.OpContinuation, "x"), 4)), 1008},
	{"too many empty fragments", join(masked(false, ws.OpBinary, ""), repeat(masked(false, ws.OpContinuation, ""), 4)), 1008},
	{"announced 101 bytes", frameHeader(true, ws.OpText, 101), 1009},
	{"announced 64 KiB", frameHeader(true, ws.OpBinary, 1<<16), 1009},
	{"announced 8 EiB", frameHeader(true, ws.OpBinary, 1<<63-1), 1009},
	{"fragments of 101 bytes", join(masked(false, ws.OpBinary, strings.Repeat("x", 60)), frameHeader(true, ws.OpContinuation, 41)), 1009},
}

func repeat(p []byte, n int) []byte { return []byte(strings.Repeat(string(p), n)) }

func TestViolationsCloseWithTheirStatus(t *testing.T) {
	s := newServer(t, Limits{MaxPayload: 100, MaxFragments: 4, ReadTimeout: testLimits.ReadTimeout}, false)
	for _, v := range violations {
		t.Run(v.name, func(t *testing.T) {
			c, sink := s.dial(t)
			c.write(join(text("4good"), v.input, text("4late")))
			if code, reason := c.closed(); code != v.code || reason == "" {
				t.Errorf("closed with %d %q, want %d", code, reason, v.code)
			}
			if err := await(t, "Gone", sink.gone); !errors.Is(err, transport.ErrViolation) {
				t.Errorf("Gone with %v", err)
			}
			for len(sink.packets) > 0 {
				if p := <-sink.packets; string(p.Data) == "late" {
					t.Error("a packet behind the violation was delivered")
				}
			}
		})
	}
}

func TestExactLimitsPass(t *testing.T) {
	s := newServer(t, Limits{MaxPayload: 100, MaxFragments: 4, ReadTimeout: testLimits.ReadTimeout}, false)
	c, sink := s.dial(t)
	c.write(join(
		text("4"+strings.Repeat("x", 99)),
		masked(false, ws.OpBinary, strings.Repeat("x", 60)), masked(true, ws.OpContinuation, strings.Repeat("x", 40)),
		masked(false, ws.OpText, "4"), repeat(masked(false, ws.OpContinuation, ""), 2), masked(true, ws.OpContinuation, "x"),
	))
	for _, want := range []int{99, 100, 1} {
		if p := await(t, "a packet", sink.packets); len(p.Data) != want {
			t.Errorf("got %d bytes, want %d", len(p.Data), want)
		}
	}
}

func TestCloseOfThePeerIsEchoed(t *testing.T) {
	for _, secure := range []bool{false, true} {
		s := newServer(t, testLimits, secure)
		for _, code := range []ws.StatusCode{1000, 1001, 1003, 1011, 3000, 4999, ws.StatusNoStatusRcvd} {
			c, sink := s.dial(t)
			body := ""
			if code != ws.StatusNoStatusRcvd {
				body = closeBody(code, "good-bye")
			}
			c.write(join(masked(true, ws.OpClose, body), text("4late")))
			if got, _ := c.closed(); got != code {
				t.Errorf("%d was answered with %d", code, got)
			}
			if err := await(t, "Gone", sink.gone); !errors.Is(err, transport.ErrClosedByPeer) ||
				errors.Is(err, transport.ErrGoingAway) != (code == ws.StatusGoingAway) {
				t.Errorf("%d: Gone with %v", code, err)
			}
			if len(sink.packets) > 0 {
				t.Error("a packet behind the close frame was delivered")
			}
		}
	}
}

func TestPacketsThatEndTheTransport(t *testing.T) {
	s := newServer(t, testLimits, false)
	for input, want := range map[string]error{
		"1":  transport.ErrClosedByPeer,
		"":   transport.ErrParse,
		"x":  transport.ErrParse,
		"7":  transport.ErrParse,
		"b=": transport.ErrParse,
	} {
		c, sink := s.dial(t)
		c.write(join(text(input), text("4late")))
		if code, _ := c.closed(); code != ws.StatusNoStatusRcvd {
			t.Errorf("%q: closed with %d", input, code)
		}
		if err := await(t, "Gone", sink.gone); !errors.Is(err, want) {
			t.Errorf("%q: Gone with %v, want %v", input, err, want)
		}
		if len(sink.packets) > 0 {
			t.Errorf("%q: something was delivered", input)
		}
	}
}

func TestLostConnectionsAreGoneOnce(t *testing.T) {
	for _, secure := range []bool{false, true} {
		s := newServer(t, testLimits, secure)
		for _, half := range [][]byte{nil, text("4begun")[:5], masked(false, ws.OpText, "4begun")} {
			c, sink := s.dial(t)
			c.write(half)
			_ = c.Close()
			if err := await(t, "Gone", sink.gone); err == nil || errors.Is(err, transport.ErrViolation) {
				t.Errorf("Gone with %v", err)
			}
		}
	}
}

func TestCloseSendsACloseFrameWithoutStatusAfterTheOutput(t *testing.T) {
	for _, secure := range []bool{false, true} {
		s := newServer(t, testLimits, secure)
		for range 50 {
			c, sink := s.dial(t)
			conn := sink.conn
			conn.Write([]transport.Message{transport.Control(eio.Noop, "last")}, make([]byte, 1000))
			conn.Close()
			if n := conn.Write([]transport.Message{transport.Control(eio.Noop, "lost")}, make([]byte, 1000)); n != 1 {
				t.Errorf("a closed connection took %d", n)
			}
			if f := c.frame(); string(f.Payload) != "6last" {
				t.Fatalf("got %q", f.Payload)
			}
			if code, _ := c.closed(); code != ws.StatusNoStatusRcvd {
				t.Fatalf("closed with %d", code)
			}
			_ = c.Close()
			if err := await(t, "Gone", sink.gone); err != io.EOF {
				t.Errorf("Gone with %v", err)
			}
		}
	}
}

func TestInputBehindTheHandshakeIsNotLost(t *testing.T) {
	for _, secure := range []bool{false, true} {
		s := newServer(t, testLimits, secure)
		var behind []byte
		for i := range 2000 { // more than any buffer of the handshake holds
			behind = append(behind, text(fmt.Sprintf("4%d", i))...)
		}
		_, sink := s.dial(t, behind...)
		for i := range 2000 {
			if p := await(t, "a packet", sink.packets); string(p.Data) != fmt.Sprint(i) {
				t.Fatalf("packet %d is %q", i, p.Data)
			}
		}
	}
}

func TestBadInputBehindTheHandshakeIsAnsweredInOrder(t *testing.T) {
	s := newServer(t, testLimits, false)
	c, sink := s.dial(t, []byte("test")...)
	if code, _ := c.closed(); code != 1002 {
		t.Errorf("closed with %d", code)
	}
	await(t, "Gone", sink.gone)
}
