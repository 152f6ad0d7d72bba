package redispubsub_test

import (
	"bufio"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"parley/adapters/redisconn/redistest"
	"parley/server/adapter"
)

// A stage is a namespace whose sockets the test plays.
type stage struct {
	namespace string
	sockets   []adapter.Socket
	got       chan string            // events that were delivered, and "missed"
	answer    func(adapter.Acks)     // to whoever asks
	reply     func() adapter.Payload // to server-side events

	mu    sync.Mutex // guards rooms
	rooms []string
}

func newStage(namespace string) *stage {
	return &stage{namespace: namespace, got: make(chan string, 10_000)}
}

func (s *stage) Namespace() string { return s.namespace }

func (s *stage) HasRoom(name string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Contains(s.rooms, name)
}

func (s *stage) Rooms() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.rooms)
}

// enter puts a local socket into a room.
func (s *stage) enter(a adapter.Adapter, rooms ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, room := range rooms {
		s.rooms = append(s.rooms, room)
		a.RoomCreated(room, false)
	}
}

func (s *stage) Deliver(p adapter.Payload, _ adapter.Selection, _ adapter.Flags) error {
	if s.got != nil {
		s.got <- string(p.Data)
	}
	return nil
}

func (s *stage) DeliverAt(adapter.Event, string) (func(), error) { panic("no such event") }

func (s *stage) DeliverAck(_ adapter.Payload, _ adapter.Selection, _ adapter.Flags, acks adapter.Acks) (func(), error) {
	s.answer(acks)
	return func() {}, nil
}

func (s *stage) Join(to adapter.Selection, rooms []string) error {
	s.got <- "join " + strings.Join(to.Rooms, ",") + ": " + strings.Join(rooms, ",")
	return nil
}

func (s *stage) Leave(to adapter.Selection, rooms []string) {
	s.got <- "leave " + strings.Join(to.Rooms, ",") + ": " + strings.Join(rooms, ",")
}

func (s *stage) Disconnect(to adapter.Selection, closeTransport bool) {
	s.got <- "disconnect " + strings.Join(to.Rooms, ",") + ": " + strconv.FormatBool(closeTransport)
}

func (s *stage) Sockets(adapter.Selection) []adapter.Socket { return s.sockets }

func (s *stage) ServerSide(p adapter.Payload, reply func(adapter.Payload)) error {
	s.got <- string(p.Data)
	if reply != nil {
		reply(s.reply())
	}
	return nil
}

func (s *stage) Together(f func()) { f() }

func (s *stage) Holding(_ string, answer func(adapter.Holding, bool)) {
	answer(adapter.Holding{}, false)
}

func (s *stage) Release(_, _, _ string, done func()) { done() }

func (s *stage) Missed() { s.got <- "missed" }

func (s *stage) Unsent() { s.got <- "unsent" }

// expect takes what was delivered next.
func (s *stage) expect(t *testing.T, want ...string) {
	t.Helper()
	for _, w := range want {
		select {
		case got := <-s.got:
			if got != w {
				t.Fatalf("%s: got %s, want %s", s.namespace, got, w)
			}
		case <-time.After(patience):
			t.Fatalf("%s: nothing instead of %s", s.namespace, w)
		}
	}
}

func event(text string) adapter.Payload { return adapter.Payload{Data: []byte(text)} }

func to(rooms ...string) adapter.Selection { return adapter.Selection{Rooms: rooms} }

// A monitor sees the commands that a Redis gets.
type monitor struct {
	t     *testing.T
	lines *bufio.Reader
}

func watch(t *testing.T, server *redistest.Server) *monitor {
	t.Helper()
	conn, err := net.Dial("tcp", server.Addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(2 * patience))
	m := &monitor{t, bufio.NewReader(conn)}
	if _, err := conn.Write([]byte("MONITOR\r\n")); err != nil {
		t.Fatal(err)
	}
	if line, err := m.lines.ReadString('\n'); err != nil || line != "+OK\r\n" {
		t.Fatal(line, err)
	}
	return m
}

// next returns the next command of a name, or of one of several.
func (m *monitor) next(names ...string) []string {
	m.t.Helper()
	for {
		line, err := m.lines.ReadString('\n')
		if err != nil {
			m.t.Fatal(err)
		}
		_, rest, _ := strings.Cut(line, "] ")
		var args []string
		for rest = strings.TrimSpace(rest); rest != ""; rest = strings.TrimPrefix(rest, " ") {
			quoted, err := strconv.QuotedPrefix(rest)
			if err != nil {
				m.t.Fatal(line, err)
			}
			arg, _ := strconv.Unquote(quoted)
			args = append(args, arg)
			rest = rest[len(quoted):]
		}
		if slices.Contains(names, strings.ToLower(args[0])) && !strings.HasPrefix(args[1], "parley:probe") {
			return args
		}
	}
}
