package forward

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"testing"
	"time"
)

// hijacking is a server that gives each upgraded connection to f, with what has come early.
func hijacking(t *testing.T, f func(c *net.TCPConn, in *bufio.Reader)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Upgrade") != "websocket" || r.Header.Get("Connection") != "Upgrade" {
			http.Error(w, "no upgrade", http.StatusBadRequest)
			return
		}
		c, rw, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer c.Close()
		// The answer and the first bytes in one piece.
		_, _ = rw.WriteString("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nX-Answer: yes\r\n\r\nhello")
		_ = rw.Flush()
		f(c.(*net.TCPConn), rw.Reader)
	}
}

// upgrade opens a tunnel on which the server has said hello.
func (r *rig) upgrade(owner *rig, early string) (*net.TCPConn, *bufio.Reader) {
	r.t.Helper()
	c := r.dial(owner.request("GET", "Upgrade: WebSocket", "Connection: keep-alive, Upgrade") + early)
	in := bufio.NewReader(c)
	res, err := http.ReadResponse(in, nil)
	if err != nil || res.StatusCode != 101 || res.Header.Get("X-Answer") != "yes" || res.Header.Get("Upgrade") != "websocket" {
		r.t.Fatalf("%+v, %v", res, err)
	}
	if got, err := in.Peek(5); err != nil || string(got) != "hello" {
		r.t.Fatalf("%q, %v", got, err)
	}
	_, _ = in.Discard(5)
	return c, in
}

func TestTunnelsCarryWhateverIsSent(t *testing.T) {
	door, owner := pair(t, Options{}, hijacking(t, func(c *net.TCPConn, in *bufio.Reader) {
		_, _ = io.Copy(c, in)
		_, _ = io.WriteString(c, "bye") // after the client's end, which is not the server's
	}))
	c, in := door.upgrade(owner, "early")
	sent := make([]byte, 3_000_000)
	for i := range sent {
		sent[i] = byte(i * i >> 7)
	}
	go func() {
		rest := sent
		for _, size := range []int{1, atRest, atRest + 1, pieceSize, len(sent) - 2*atRest - 2 - pieceSize} {
			_, _ = c.Write(rest[:size])
			rest = rest[size:]
		}
		_ = c.CloseWrite()
	}()
	whole := append([]byte("early"), sent...)
	whole = append(whole, "bye"...)
	got, err := io.ReadAll(in)
	if err != nil || string(got) != string(whole) {
		t.Errorf("%d bytes of %d, %v", len(got), len(whole), err)
	}
	eventually(t, "the end", func() bool { return door.Stats().Open == 0 })
}

func TestRefusedUpgradesArePassedOn(t *testing.T) {
	door, owner := pair(t, Options{}, func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "Forbidden", http.StatusBadRequest) })
	c := door.dial(owner.request("GET", "Upgrade: websocket", "Connection: Upgrade"))
	res, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatal(err)
	}
	if body, err := io.ReadAll(res.Body); res.StatusCode != 400 || string(body) != "Forbidden\n" || !res.Close || err != nil {
		t.Errorf("%+v %q %v", res, body, err)
	}
}

func TestTheEndOfEitherSideReachesTheOther(t *testing.T) {
	ended := make(chan error, 1)
	door, owner := pair(t, Options{}, hijacking(t, func(c *net.TCPConn, in *bufio.Reader) {
		if b, _ := in.ReadByte(); b == 'x' {
			_, _ = io.WriteString(c, "last words")
			return
		}
		_, err := in.ReadByte()
		ended <- err
	}))
	c, in := door.upgrade(owner, "x")
	if got, err := io.ReadAll(in); string(got) != "last words" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
	c.Close()
	c, _ = door.upgrade(owner, "y")
	_ = c.SetLinger(0) // a reset
	c.Close()
	if err := await(t, "the server's end", ended); err == nil {
		t.Error("the server sees no end")
	}
	eventually(t, "the end", func() bool { return door.Stats().Open == 0 })
}

// TestWhoTakesNothingIsCutOff, but not a client whose server does not read: it is held back on purpose.
func TestWhoTakesNothingIsCutOff(t *testing.T) {
	ended, read := make(chan struct{}), make(chan struct{})
	const patience = 100 * time.Millisecond
	door, owner := pair(t, Options{WriteTimeout: patience}, hijacking(t, func(c *net.TCPConn, in *bufio.Reader) {
		if b, _ := in.ReadByte(); b == 'h' {
			<-read
			_, _ = io.Copy(c, in)
			return
		}
		defer close(ended)
		for piece := make([]byte, 1<<16); ; {
			if _, err := c.Write(piece); err != nil {
				return
			}
		}
	}))
	door.upgrade(owner, "x")
	await(t, "the end", ended)

	c, in := door.upgrade(owner, "h")
	const size = 20_000_000 // more than all buffers on the way
	go func() {
		_, _ = c.Write(make([]byte, size))
		_ = c.CloseWrite()
	}()
	time.AfterFunc(3*patience, func() { close(read) })
	if n, err := io.Copy(io.Discard, in); n != size || err != nil {
		t.Errorf("%d bytes, %v", n, err)
	}
}

func TestDrainAndCloseEndTunnels(t *testing.T) {
	door, owner := pair(t, Options{}, hijacking(t, func(_ *net.TCPConn, in *bufio.Reader) { _, _ = in.ReadByte() }))
	const over = 100 * time.Millisecond
	began, ended := time.Now(), make(chan error, 5)
	for range cap(ended) {
		c, in := door.upgrade(owner, "")
		go func() {
			_, err := in.ReadByte()
			ended <- err
			c.Close()
		}()
	}
	if err := door.Drain(context.Background(), over); err != nil || time.Since(began) < over {
		t.Errorf("%v after %s", err, time.Since(began))
	}
	for range cap(ended) {
		if err := await(t, "the end", ended); err != io.EOF {
			t.Errorf("%v, want the end", err)
		}
	}
}
