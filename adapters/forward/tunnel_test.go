package forward

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"parley/adapters/redisconn/redistest"
)

// hijacking is a server that gives each upgraded connection to f, with what has come early.
func hijacking(t *testing.T, f func(c net.Conn, in *bufio.Reader)) http.HandlerFunc {
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
		f(c, rw.Reader)
	}
}

// upgrade opens a tunnel on which the server has said hello.
func (r *rig) upgrade(tag, early string) (*net.TCPConn, *bufio.Reader) {
	r.t.Helper()
	c := r.dial(request("GET", tag, "Upgrade: WebSocket", "Connection: keep-alive, Upgrade") + early)
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
	door, owner := pair(t, Options{}, hijacking(t, func(c net.Conn, in *bufio.Reader) {
		_, _ = io.Copy(c, in)
		_, _ = io.WriteString(c, "bye") // after the client's end, which is not the server's
	}))
	c, in := door.upgrade(owner.Tag(), "early")
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
	c := door.dial(request("GET", owner.Tag(), "Upgrade: websocket", "Connection: Upgrade"))
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
	door, owner := pair(t, Options{}, hijacking(t, func(c net.Conn, in *bufio.Reader) {
		if b, _ := in.ReadByte(); b == 'x' {
			_, _ = io.WriteString(c, "last words")
			return
		}
		_, err := in.ReadByte()
		ended <- err
	}))
	c, in := door.upgrade(owner.Tag(), "x")
	if got, err := io.ReadAll(in); string(got) != "last words" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
	c.Close()
	c, _ = door.upgrade(owner.Tag(), "y")
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
	door, owner := pair(t, Options{WriteTimeout: patience}, hijacking(t, func(c net.Conn, in *bufio.Reader) {
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
	door.upgrade(owner.Tag(), "x")
	await(t, "the end", ended)

	c, in := door.upgrade(owner.Tag(), "h")
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
	door, owner := pair(t, Options{}, hijacking(t, func(_ net.Conn, in *bufio.Reader) { _, _ = in.ReadByte() }))
	const over = 100 * time.Millisecond
	began, ended := time.Now(), make(chan error, 5)
	for range cap(ended) {
		c, in := door.upgrade(owner.Tag(), "")
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

// TestServersMayEncrypt what they say to each other.
func TestServersMayEncrypt(t *testing.T) {
	client := redistest.Start(t).Client(t)
	web := httptest.NewUnstartedServer(nil)
	opts := Options{URL: "https://" + web.Listener.Addr().String()}
	owner, err := New(client, &opts)
	if err != nil {
		t.Fatal(err)
	}
	web.Config.Handler = owner.Handler(hijacking(t, func(c net.Conn, in *bufio.Reader) { _, _ = io.Copy(c, in) }))
	web.StartTLS()
	t.Cleanup(func() {
		_ = owner.Close(context.Background())
		web.Close()
	})
	roots := x509.NewCertPool()
	roots.AddCert(web.Certificate())
	door := start(t, client, Options{TLS: &tls.Config{RootCAs: roots, ServerName: "example.com"}}, nobody)
	eventually(t, "the owner is listed", func() bool { return owner.Stats().Listed })
	if status, _ := door.get(path(owner.Tag())); status != http.StatusBadRequest {
		t.Errorf("%d", status)
	}
	c, in := door.upgrade(owner.Tag(), "early")
	_ = c.CloseWrite()
	if got, err := io.ReadAll(in); string(got) != "early" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
}
