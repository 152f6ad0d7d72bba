package main

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
)

// A stub is a Socket.IO server with the namespace /bench that can be told to make mistakes.
type stub struct {
	// deliver decides what is sent in place of the n-th message to a client; nil sends it as it is.
	deliver func(n int, packet string) []string
	// welcome decides whether the n-th client of all is let into the namespace; nil lets all in.
	welcome func(n int) bool

	mu    sync.Mutex // guards what follows, and every write
	rooms map[string][]*stubConn
	count int
}

type stubConn struct {
	net.Conn
	sent int
}

// listen starts s on a free port for the time of the test.
func (s *stub) listen(t *testing.T) (addr string) {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var connections sync.WaitGroup
	connections.Go(func() { s.serve(l, &connections) })
	t.Cleanup(func() {
		l.Close()
		connections.Wait()
	})
	return l.Addr().String()
}

func (s *stub) serve(l net.Listener, connections *sync.WaitGroup) {
	s.rooms = make(map[string][]*stubConn)
	for {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		connections.Go(func() {
			defer conn.Close()
			_ = s.converse(&stubConn{Conn: conn})
		})
	}
}

// converse serves one client until it leaves.
func (s *stub) converse(c *stubConn) error {
	in := bufio.NewReader(c)
	request, err := http.ReadRequest(in)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(c, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n\r\n",
		acceptKey(request.Header.Get("Sec-WebSocket-Key")))
	if err != nil {
		return err
	}
	s.mu.Lock()
	number := s.count
	s.count++
	c.write(`0{"sid":"x","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}`)
	s.mu.Unlock()
	for {
		packet, err := readMasked(in)
		if err != nil {
			return err
		}
		s.mu.Lock()
		if packet == packetConnect {
			if s.welcome == nil || s.welcome(number) {
				c.write(packetConnected + `{"sid":"y"}`)
				c.write(packetPing)
			}
		} else {
			s.event(c, packet)
		}
		s.mu.Unlock()
	}
}

// event does what the event asks for.
func (s *stub) event(c *stubConn, packet string) {
	rest, ok := strings.CutPrefix(packet, packetEvent)
	if !ok {
		return // the answer to the ping
	}
	id, array, _ := strings.Cut(rest, "[")
	var args []json.RawMessage
	if err := json.Unmarshal([]byte("["+array), &args); err != nil {
		panic(err)
	}
	switch string(args[0]) {
	case `"echo"`:
		s.send(c, packet)
	case `"echo-ack"`:
		s.send(c, fmt.Sprintf("%s%s[%s]", packetAck, id, args[1]))
	case `"join"`:
		s.rooms[string(args[1])] = append(s.rooms[string(args[1])], c)
	case `"bcast"`:
		for _, member := range s.rooms[string(args[1])] {
			s.send(member, fmt.Sprintf(`%s["bcast",%s]`, packetEvent, args[2]))
		}
	}
}

func (s *stub) send(c *stubConn, packet string) {
	packets := []string{packet}
	if s.deliver != nil {
		packets = s.deliver(c.sent, packet)
	}
	c.sent++
	for _, p := range packets {
		c.write(p)
	}
}

// write sends a packet in two fragments: a server may.
func (c *stubConn) write(packet string) {
	half := len(packet) / 2
	b := serverFrame(opText, false, []byte(packet[:half]))
	b = append(b, serverFrame(opPing, true, []byte("between"))...)
	b = append(b, serverFrame(opContinuation, true, []byte(packet[half:]))...)
	_, _ = c.Conn.Write(b)
}

// readMasked reads the next text message of a client.
func readMasked(in *bufio.Reader) (string, error) {
	for {
		head := make([]byte, 2)
		if _, err := io.ReadFull(in, head); err != nil {
			return "", err
		}
		size := int(head[1] & 0x7f)
		extended := make([]byte, map[int]int{126: 2, 127: 8}[size])
		if _, err := io.ReadFull(in, extended); err != nil {
			return "", err
		}
		if len(extended) > 0 {
			size = int(binary.BigEndian.Uint64(append(make([]byte, 8-len(extended)), extended...)))
		}
		body := make([]byte, 4+size)
		if _, err := io.ReadFull(in, body); err != nil {
			return "", err
		}
		mask(body[4:], binary.BigEndian.Uint32(body))
		if head[0] == 0x80|opText {
			return string(body[4:]), nil
		}
		if head[0] != 0x80|opPong || !bytes.Equal(body[4:], []byte("between")) {
			return "", fmt.Errorf("unexpected frame %x %q", head, body[4:])
		}
	}
}

// TestMain lets the test binary stand in for server programs: `serve`, and `stub host:port`.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 {
		switch os.Args[1] {
		case "serve":
			main()
			return
		case "stub":
			l, err := net.Listen("tcp4", os.Args[2])
			if err != nil {
				panic(err)
			}
			new(stub).serve(l, new(sync.WaitGroup))
			return
		}
	}
	// A loop keeps its processor of the Go scheduler even while it waits; the stub in the same process needs others.
	runtime.GOMAXPROCS(runtime.NumCPU() + len(scenarioNames))
	os.Exit(m.Run())
}
