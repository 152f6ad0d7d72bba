package socketio

import (
	"bytes"
	"compress/flate"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"parley/server/adapter"
)

const offer = "Sec-WebSocket-Extensions: permessage-deflate\r\n"

// next reads a frame of less than 64 KiB, decompressed, and whether it came
// compressed.
func (c *reader) next(t testing.TB) (payload string, compressed bool) {
	t.Helper()
	_ = c.SetReadDeadline(time.Now().Add(10 * time.Second))
	head := make([]byte, 4)
	_, err := io.ReadFull(c.in, head[:2])
	size := int(head[1])
	if size == 126 && err == nil {
		_, err = io.ReadFull(c.in, head[2:])
		size = int(binary.BigEndian.Uint16(head[2:]))
	}
	data := make([]byte, size)
	if err == nil {
		_, err = io.ReadFull(c.in, data)
	}
	if compressed = head[0]&0x40 != 0; compressed && err == nil {
		data, err = io.ReadAll(flate.NewReader(io.MultiReader(bytes.NewReader(data), strings.NewReader("\x00\x00\xff\xff\x01\x00\x00\xff\xff"))))
	}
	if err != nil {
		t.Fatal(err)
	}
	return string(data), compressed
}

// article is about size bytes of JSON as an application would send it.
func article(size int) Value {
	b := []byte("[0")
	for i := 0; len(b) < size; i++ {
		b = fmt.Appendf(b, `,{"id":%d,"user":"user-%x","text":"message number %d","read":false}`, i*7919, i*2654435761, i)
	}
	return Value{raw: append(b, ']')}
}

// deflating returns a server with permessage-deflate that ends with the test.
func deflating(t testing.TB) *Server {
	t.Helper()
	srv := New(&Options{PerMessageDeflate: &PerMessageDeflate{}})
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := srv.Shutdown(ctx); err != nil {
			t.Errorf("Shutdown: %v", err)
		}
	})
	return srv
}

// receivers are one client that did not offer compression, and n that did.
func receivers(t *testing.T, srv *Server, n int) (plain *reader, clients []*reader) {
	t.Helper()
	others, _ := dialAll(t, srv, "/", 1)
	clients, _ = dialAll(t, srv, "/", n, offer)
	for _, c := range clients {
		if payload, _ := c.next(t); payload != `42["ready"]` { // of the second hook
			t.Fatalf("got %q", payload)
		}
	}
	return others[0], clients
}

func TestABroadcastIsCompressedOnce(t *testing.T) {
	srv := deflating(t)
	ns := srv.Of("/")
	plain, clients := receivers(t, srv, 20)
	data := article(4000)
	want := `42["news",` + string(data.raw) + `]`
	for name, emit := range map[string]func() error{
		"all":      func() error { return ns.Emit("news", data) },
		"volatile": func() error { return ns.Volatile().Emit("news", data) },
		"compress": func() error { return ns.Compress(true).Emit("news", data) },
	} {
		before := srv.Stats().MessagesCompressed
		if err := emit(); err != nil {
			t.Fatal(err)
		}
		for i, c := range append(clients, plain) {
			if got, compressed := c.next(t); got != want || compressed != (c != plain) {
				t.Errorf("%s: client %d got %.40q, compressed %v", name, i, got, compressed)
			}
		}
		if n := srv.Stats().MessagesCompressed - before; n != 1 {
			t.Errorf("%s: compressed %d times", name, n)
		}
	}
}

func TestAttachmentsAreCompressed(t *testing.T) {
	srv := deflating(t)
	_, clients := receivers(t, srv, 3)
	data := bytes.Repeat([]byte("data "), 1000)
	if err := srv.Of("/").Emit("file", data); err != nil {
		t.Fatal(err)
	}
	for _, c := range clients {
		if got, compressed := c.next(t); got != `451-["file",{"_placeholder":true,"num":0}]` || compressed {
			t.Errorf("got %q, compressed %v", got, compressed)
		}
		if got, compressed := c.next(t); got != string(data) || !compressed {
			t.Errorf("got %.40q, compressed %v", got, compressed)
		}
	}
	if n := srv.Stats().MessagesCompressed; n != 1 {
		t.Errorf("compressed %d times", n)
	}
}

func TestWhatIsNotToBeCompressed(t *testing.T) {
	srv := deflating(t)
	ns := srv.Of("/")
	_, clients := receivers(t, srv, 1)
	other, s := ns.Sockets()[0], ns.Sockets()[1]
	if other.Handshake().Header().Get("Sec-Websocket-Extensions") != "" {
		other, s = s, other
	}
	data := article(4000)
	for i, emit := range []func() error{
		func() error { return ns.Compress(false).Emit("news", data) },
		func() error { return ns.To(s.ID()).Volatile().Compress(false).Emit("news", data) },
		func() error { return s.Compress(false).Emit("news", data) },
		func() error { return other.Compress(false).To(s.ID()).Emit("news", data) },
		func() error { return ns.Compress(false).Emit("file", bytes.Repeat([]byte("data "), 1000)) },
		func() error { return ns.Emit("news", article(900)) },
	} {
		if err := emit(); err != nil {
			t.Fatal(err)
		}
		got, compressed := clients[0].next(t)
		if strings.HasPrefix(got, "451-") {
			got, compressed = clients[0].next(t)
		}
		if len(got) < 900 || compressed {
			t.Errorf("%d: got %.40q, compressed %v", i, got, compressed)
		}
	}
	if err := s.Compress(false).Compress(true).Emit("news", data); err != nil {
		t.Fatal(err)
	}
	if got, compressed := clients[0].next(t); !compressed {
		t.Errorf("got %.40q, not compressed", got)
	}
	if n := srv.Stats().MessagesCompressed; n != 1 {
		t.Errorf("compressed %d times", n)
	}
}

func TestWhatIsNotToBeCompressedInANamespaceWithRecovery(t *testing.T) {
	srv := deflating(t)
	ns := srv.Of("/kept")
	ns.EnableRecovery(Recovery{})
	clients, sockets := dialAll(t, srv, "/kept", 1, offer)
	data, s := article(4000), sockets[0]
	for i, emit := range []func() error{
		func() error { return ns.Compress(false).Emit("news", data) },
		func() error { return ns.To(s.id).Volatile().Compress(false).Emit("news", data) },
		func() error { return s.Compress(false).Emit("news", data) },
		func() error {
			event := adapter.Event{Payload: adapter.Payload{Data: []byte(`["news",` + string(data.raw) + `]`)}, Uncompressed: true}
			return ns.recovery.Load().receive(event, flags{})
		},
	} {
		if err := emit(); err != nil {
			t.Fatal(err)
		}
		if got, compressed := clients[0].next(t); len(got) < 4000 || compressed {
			t.Errorf("%d: got %.40q, compressed %v", i, got, compressed)
		}
	}
	take := func(e adapter.Event, at string) error {
		p, err := ns.recovery.Load().packetOf(e, at)
		if want := strings.Contains(string(e.Data), "ready"); p.text.Compressible() != want {
			t.Errorf("%.20q is to be compressed: %t", e.Data, !want)
		}
		return err
	}
	session := adapter.Session{ID: s.id}
	if err := ns.recovery.Load().log.Replay(t.Context(), session, s.lease.since, take, func() {}); err != nil {
		t.Error(err)
	}
}

func TestImpossibleCompressionPanics(t *testing.T) {
	for name, o := range map[string]PerMessageDeflate{
		"PerMessageDeflate.Threshold is negative": {Threshold: -1},
		"PerMessageDeflate.Level is negative":     {Level: -1},
		"PerMessageDeflate.Level is above 9":      {Level: 10},
	} {
		func() {
			defer func() {
				if v := fmt.Sprint(recover()); !strings.Contains(v, name) {
					t.Errorf("%+v: panic %q", o, v)
				}
			}()
			New(&Options{PerMessageDeflate: &o})
		}()
	}
}

// BenchmarkDeflatedBroadcast is 4 KB of JSON to 1,000 clients, with and without
// compression.
func BenchmarkDeflatedBroadcast(b *testing.B) {
	const members = 1000
	for name, lines := range map[string][]string{"plain": nil, "deflate": {offer}} {
		b.Run(name, func(b *testing.B) {
			srv := deflating(b)
			clients, _ := dialAll(b, srv, "/", members, lines...)
			data := article(4096)
			b.ReportAllocs()
			for b.Loop() {
				if err := srv.Of("/").Emit("news", data); err != nil {
					b.Fatal(err)
				}
				for _, c := range clients {
					c.skip(b)
				}
			}
			b.ReportMetric(float64(srv.Stats().MessagesCompressed)/float64(b.N), "compressions/op")
		})
	}
}

// skip reads a frame of 126 bytes to 64 KiB.
func (c *reader) skip(t testing.TB) {
	head, err := c.in.Peek(4)
	if err == nil {
		_, err = c.in.Discard(4 + int(binary.BigEndian.Uint16(head[2:])))
	}
	if err != nil {
		t.Fatal(err)
	}
}
