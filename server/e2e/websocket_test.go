package e2e

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"parley/server/socketio"
)

// TestCloseCodes: what each side's way of ending a connection looks like.
func TestCloseCodes(t *testing.T) {
	for _, row := range []struct {
		name   string
		send   []byte
		code   int
		reason string
	}{
		{"kick", text(`42["kick",true]`), noStatus, serverKicked},
		{"bad engine packet", text("x"), noStatus, parseError},
		{"empty text frame", text(""), noStatus, parseError},
		{"bad socket.io packet", text("4x"), noStatus, forcedClose},
		{"second CONNECT", text("40"), noStatus, forcedClose},
		{"ping from a client", text("2"), noStatus, transportError},
		{"too large", frame(fin|opText, bytes.Repeat([]byte("x"), 1001)), 1009, transportError},
		{"bad UTF-8", frame(fin|opText, []byte("42[\"\xff\"]")), 1007, transportError},
		{"unmasked", []byte{fin | opText, 1, '3'}, 1002, transportError},
		{"close 1000", frame(fin|opClose, []byte{3, 232}), 1000, transportClose},
		{"close 1001 with a reason", frame(fin|opClose, append([]byte{3, 233}, "bye"...)), 1001, transportClose},
		{"close 3000", frame(fin|opClose, []byte{11, 184}), 3000, transportClose},
		{"close without a code", frame(fin|opClose, nil), noStatus, transportClose},
	} {
		t.Run(row.name, func(t *testing.T) {
			srv := start(t, socketio.Options{MaxPayload: 1000})
			w := watch(t, srv)
			c, _ := openWS(t, srv)
			id := c.join("/")
			c.send(row.send)
			c.wantClose(row.code)
			_ = c.Close()
			w.want(t, id, row.reason)
		})
	}
}

func TestCloseCodeOfShutdown(t *testing.T) {
	srv := start(t, socketio.Options{})
	c := joinWS(t, srv)
	p, _ := joinPolling(t, srv)
	waiting := p.begin()
	if srv.io == nil {
		c.sendText(`42["shutdown"]`)
	} else if err := srv.io.Shutdown(context.Background()); err != nil {
		t.Error(err)
	}
	_, payload, err := c.frame()
	if !errors.Is(err, closeError(noStatus)) && !errors.Is(err, closeError(1001)) {
		t.Errorf("got %q, %v; want a close frame and no DISCONNECT", payload, err)
	}
	if a := <-waiting; a.body != "1" && a.status == 200 {
		t.Errorf("the waiting poll got %d %q", a.status, a.body)
	}
}

// A lost line has no close frame, and the server tells the sockets at once.
func TestLostConnection(t *testing.T) {
	srv := start(t, socketio.Options{})
	w := watch(t, srv)
	c, _ := openWS(t, srv)
	id := c.join("/")
	_ = c.Close()
	w.want(t, id, transportClose)
}

func TestEnginePacketsWithoutMeaningAreIgnored(t *testing.T) {
	srv := start(t, socketio.Options{})
	c := joinWS(t, srv)
	c.sendText("6", "0", "5", "3", `42["echo",1]`)
	c.want(`42["echo",1]`)
}

func TestClosePacketOverWebSocket(t *testing.T) {
	notNode(t, "it ignores the packet")
	srv := start(t, socketio.Options{})
	w := watch(t, srv)
	c, _ := openWS(t, srv)
	id := c.join("/")
	c.sendText("1")
	c.wantClose(noStatus)
	w.want(t, id, transportClose)
}

func TestFragmentsMakeOnePacket(t *testing.T) {
	srv := start(t, socketio.Options{})
	c := joinWS(t, srv)
	event := `42["echo","` + strings.Repeat("ü", 300) + `"]`
	for _, size := range []int{1, 7, 100, 599} {
		first := byte(opText)
		rest := []byte(event)
		for len(rest) > size {
			// Cuts in the middle of characters, and control frames in between, are allowed.
			c.send(frame(first, rest[:size]), frame(fin|opPing, []byte("between")))
			rest, first = rest[size:], opContinuation
		}
		c.send(frame(fin|opContinuation, rest))
		for {
			op, payload := c.message()
			if op == opPong {
				continue
			}
			if string(payload) != event {
				t.Fatalf("in pieces of %d: got %q", size, payload)
			}
			break
		}
	}
	c.send(frame(opText, []byte(`42["echo",`)), frame(opContinuation, nil), frame(opContinuation, nil), frame(fin|opContinuation, []byte("1]")))
	c.want(`42["echo",1]`)
}

func TestFramesCutAnywhere(t *testing.T) {
	srv := start(t, socketio.Options{})
	c := joinWS(t, srv)
	stream := bytes.Join([][]byte{
		text(`42["echo",1]`), text(`451-["echo",{"_placeholder":true,"num":0}]`), bin(bytes.Repeat([]byte{7}, 130)...),
		text(`42["echo","` + strings.Repeat("x", 66_000) + `"]`),
	}, nil)
	for i := 0; i < len(stream); {
		n := 1
		if i > 300 {
			n = 10_007
		}
		n = min(n, len(stream)-i)
		c.send(stream[i : i+n])
		i += n
	}
	c.want(`42["echo",1]`, `451-["echo",{"_placeholder":true,"num":0}]`)
	if op, data := c.message(); op != opBinary || len(data) != 130 {
		t.Errorf("opcode %d, %d bytes", op, len(data))
	}
	c.want(`42["echo","` + strings.Repeat("x", 66_000) + `"]`)
}

// What a client has sent before it hangs up is handled.
func TestLastWordsAreHeard(t *testing.T) {
	srv := start(t, socketio.Options{})
	listener := joinWS(t, srv)
	for range 50 {
		c := joinWS(t, srv)
		c.send(text(`42["cast",{},"last words"]`), frame(fin|opClose, []byte{3, 232}))
		_ = c.Close()
		listener.want(`42["cast","last words"]`)
	}
}

// A client that reads nothing is closed, and nobody else notices.
func TestSlowReaderIsClosed(t *testing.T) {
	notNode(t, "it queues without end")
	srv := start(t, socketio.Options{SendQueueBytes: 100_000, WriteTimeout: 5 * time.Second})
	w := watch(t, srv)
	slow, _ := openWS(t, srv)
	id := slow.join("/")
	good := joinWS(t, srv)
	event := `42["cast",{"to":["` + id + `"]},"` + strings.Repeat("x", 50_000) + `"]`
	done := make(chan struct{})
	go func() {
		defer close(done)
		w.want(t, id, "slow consumer")
	}()
	for i := 0; ; i++ {
		select {
		case <-done:
			return
		default:
		}
		good.sendText(event, `42["echo",1]`)
		good.want(`42["echo",1]`)
	}
}
