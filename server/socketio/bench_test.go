package socketio

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"net"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"
)

// frame returns a masked WebSocket frame with a text of less than 126 bytes.
func frame(text string) []byte {
	return append([]byte{0x81, 0x80 | byte(len(text)), 0, 0, 0, 0}, text...)
}

// A reader is a client of which only what it receives matters.
type reader struct {
	net.Conn
	in *bufio.Reader
}

// dialAll connects n clients over loopback to a namespace, with more lines in
// their requests, and returns them with nothing left to read, and their sockets.
func dialAll(b testing.TB, srv *Server, namespace string, n int, lines ...string) (clients []*reader, sockets []*Socket) {
	b.Helper()
	hs := httptest.NewServer(srv)
	b.Cleanup(hs.Close)
	ns := srv.Of(namespace)
	ns.OnConnect(func(_ context.Context, s *Socket) { _ = s.Emit("ready") })
	for range n {
		conn, err := net.Dial("tcp", hs.Listener.Addr().String())
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { _ = conn.Close() })
		_, _ = fmt.Fprint(conn, "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: x\r\n"+
			"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"+
			strings.Join(append(lines, "\r\n"), ""))
		if _, err := conn.Write(frame("40" + namespace + ",")); err != nil {
			b.Fatal(err)
		}
		c := &reader{conn, bufio.NewReaderSize(conn, 64<<10)}
		for line := ""; !strings.Contains(line, `["ready"`); {
			part, err := c.in.ReadString(']')
			if err != nil {
				b.Fatal(err)
			}
			line = part
		}
		clients = append(clients, c)
	}
	return clients, ns.Sockets()
}

// burst is how many events a client sends at a time.
const burst = 200

// round sends a burst of events and reads the answer to each, a text frame.
func (c *reader) round(b *testing.B, events []byte, answer string) {
	if _, err := c.Write(events); err != nil {
		b.Error(err)
	}
	c.discard(b, answer)
}

func (c *reader) discard(b *testing.B, answer string) {
	if _, err := c.in.Discard(burst * (2 + len(answer))); err != nil {
		b.Error(err)
	}
}

// BenchmarkEcho is the whole way of an event and its answer, in bursts over
// loopback: the client's part and the network are counted too.
func BenchmarkEcho(b *testing.B) {
	type point struct {
		X    int    `json:"x"`
		Text string `json:"text"`
	}
	const object = `{"x":1,"text":"hello world"}`
	for _, bench := range []struct {
		name, event, answer string
		handle              func(*Namespace)
	}{
		{"value", `42/bench,["echo",` + object + `]`, `42/bench,["echo",` + object + `]`, func(ns *Namespace) {
			On(ns, "echo", func(_ context.Context, s *Socket, in Value) error { return s.Emit("echo", in) })
		}},
		{"string", `42/bench,["echo","hello world"]`, `42/bench,["echo","hello world"]`, func(ns *Namespace) {
			On(ns, "echo", func(_ context.Context, s *Socket, in string) error { return s.Emit("echo", in) })
		}},
		{"struct", `42/bench,["echo",` + object + `]`, `42/bench,["echo",` + object + `]`, func(ns *Namespace) {
			On(ns, "echo", func(_ context.Context, s *Socket, in point) error { return s.Emit("echo", in) })
		}},
		{"ack", `42/bench,17["echo",` + object + `]`, `43/bench,17[` + object + `]`, func(ns *Namespace) {
			OnAck(ns, "echo", func(_ context.Context, _ *Socket, in Value) (Value, error) { return in, nil })
		}},
	} {
		b.Run(bench.name, func(b *testing.B) {
			srv := New(nil)
			bench.handle(srv.Of("/bench"))
			clients, _ := dialAll(b, srv, "/bench", 1)
			events := bytes.Repeat(frame(bench.event), burst)
			b.ReportAllocs()
			for n := 0; n < b.N; n += burst {
				clients[0].round(b, events, bench.answer)
			}
		})
	}
}

// BenchmarkBroadcast is the whole way of events to all members of a room, the
// clients' reading and the network counted too.
func BenchmarkBroadcast(b *testing.B) {
	const members = 200
	const answer = `42["bcast","hello world"]`
	srv := New(nil)
	ns := srv.Of("/")
	On(ns, "bcast", func(_ context.Context, _ *Socket, in Value) error { return ns.To("room").Emit("bcast", in) })
	clients, sockets := dialAll(b, srv, "/", members)
	for _, s := range sockets {
		if err := s.Join("room"); err != nil {
			b.Fatal(err)
		}
	}
	events := bytes.Repeat(frame(answer), burst)
	b.ReportAllocs()
	begin, rounds := time.Now(), 0
	for n := 0; n < b.N; n += burst {
		var wg sync.WaitGroup
		for _, c := range clients[1:] {
			wg.Go(func() { c.discard(b, answer) })
		}
		clients[0].round(b, events, answer)
		wg.Wait()
		rounds++
	}
	b.ReportMetric(float64(time.Since(begin).Nanoseconds())/float64(rounds*burst*members), "ns/delivery")
}

// BenchmarkGather is the choice of the receivers of a broadcast.
func BenchmarkGather(b *testing.B) {
	const members = 1000
	srv := New(nil)
	ns := srv.Of("/")
	for range members {
		s := &Socket{ns: ns, id: newID()}
		if err := s.Join("room", "other"); err != nil {
			b.Fatal(err)
		}
	}
	for name, target := range map[string]Target{
		"room":   ns.To("room"),
		"rooms":  ns.To("room", "other"),
		"except": ns.To("room").Except("other"),
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				target.gather().release()
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/members, "ns/member")
		})
	}
}

// BenchmarkRecovery is what one broadcast costs before it is delivered: what recovery
// adds does not grow with the receivers.
func BenchmarkRecovery(b *testing.B) {
	for _, on := range []bool{false, true} {
		b.Run(fmt.Sprint(on), func(b *testing.B) {
			srv := New(nil)
			ns := srv.Of("/")
			if on {
				ns.EnableRecovery(Recovery{})
			}
			defer func() { _ = srv.Shutdown(context.Background()) }()
			b.ReportAllocs()
			for b.Loop() {
				if err := ns.To("room").Emit("bcast", "hello world"); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
