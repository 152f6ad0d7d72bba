package webtransport

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/quic-go/quic-go"
	wt "github.com/quic-go/webtransport-go"

	"parley/server/socketio"
	"parley/server/wire/eio"
)

// patience is how long something that must happen may take on a busy machine.
const patience = 10 * time.Second

// A world is a server with its WebTransport, and a client of it.
type world struct {
	t      *testing.T
	io     *socketio.Server
	wt     *Server
	http   *httptest.Server
	addr   string // of UDP
	dialer *wt.Transport
	ended  chan socketio.Reason // of the sockets of the main namespace
	served chan error
}

func newWorld(t *testing.T, opts socketio.Options) *world {
	t.Helper()
	w := &world{t: t, ended: make(chan socketio.Reason, 100), served: make(chan error, 1)}
	opts.Logger = slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelDebug}))
	w.io = socketio.New(&opts)
	main := w.io.Of("/")
	main.OnDisconnect(func(_ context.Context, _ *socketio.Socket, why socketio.Reason) { w.ended <- why })
	socketio.On(main, "echo", func(_ context.Context, s *socketio.Socket, x socketio.Value) error { return s.Emit("echo", x) })
	socketio.On(main, "flood", func(_ context.Context, s *socketio.Socket, n int) error {
		for range n {
			if err := s.Emit("large", strings.Repeat("x", 900_000)); err != nil {
				return err
			}
		}
		return nil
	})
	w.http = httptest.NewServer(w.io)
	certificate, roots := newCertificate(t)
	w.wt = New(w.io, &Options{TLSConfig: &tls.Config{Certificates: []tls.Certificate{certificate}}})
	pc, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w.addr = pc.LocalAddr().String()
	go func() { w.served <- w.wt.Serve(pc) }()
	w.dialer = &wt.Transport{
		TLSClientConfig: &tls.Config{RootCAs: roots, NextProtos: []string{"h3"}},
		QUICConfig:      &quic.Config{EnableDatagrams: true, EnableStreamResetPartialDelivery: true},
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := errors.Join(w.io.Shutdown(ctx), w.wt.Shutdown(ctx)); err != nil {
			t.Errorf("Shutdown: %v", err)
		}
		if err := <-w.served; !errors.Is(err, http.ErrServerClosed) {
			t.Errorf("Serve: %v", err)
		}
		_ = pc.Close()
		w.http.Close()
	})
	return w
}

// newCertificate returns what a browser would take by its hash: an ECDSA key,
// valid for 14 days at most.
func newCertificate(t *testing.T) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		NotBefore:    time.Now().Add(-time.Hour),
		NotAfter:     time.Now().Add(24 * time.Hour),
		IPAddresses:  []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(parsed)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, roots
}

// A client is a session with its stream.
type client struct {
	t       *testing.T
	session *wt.Session
	*wt.Stream
	buf  []byte
	last []byte // the frame of the latest packet
}

// session begins a WebTransport session without a stream.
func (w *world) session(header ...string) (*wt.Session, int, error) {
	w.t.Helper()
	head := http.Header{}
	for i := 0; i < len(header); i += 2 {
		head.Set(header[i], header[i+1])
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	for {
		response, session, err := w.dialer.Dial(ctx, "https://"+w.addr+"/any/path?color=blue", head)
		switch {
		case response != nil:
			return session, response.StatusCode, err
		case ctx.Err() != nil:
			return nil, 0, err
		}
		// A short UpgradeTimeout has ended the connection before the request.
	}
}

// open begins a session and its stream, on which it sends packets.
func (w *world) open(packets ...string) *client {
	w.t.Helper()
	session, _, err := w.session()
	if err != nil {
		w.t.Fatal(err)
	}
	return w.stream(session, packets...)
}

func (w *world) stream(session *wt.Session, packets ...string) *client {
	w.t.Helper()
	stream, err := session.OpenStream()
	if err != nil {
		w.t.Fatal(err)
	}
	_ = stream.SetDeadline(time.Now().Add(patience))
	c := &client{t: w.t, session: session, Stream: stream}
	w.t.Cleanup(func() { _ = session.CloseWithError(0, "") })
	c.send(packets...)
	return c
}

// connect opens a session and joins the main namespace.
func (w *world) connect() *client {
	w.t.Helper()
	c := w.open("0", "40")
	c.want("0{")
	c.want("40{")
	return c
}

// frame makes a frame of a packet in text form, "b:" before bytes for a binary
// one.
func frame(packet string) []byte {
	if data, ok := strings.CutPrefix(packet, "b:"); ok {
		return eio.Packet{Type: eio.Message, Binary: true, Data: []byte(data)}.AppendFrame(nil)
	}
	p, err := eio.Parse([]byte(packet))
	if err != nil {
		panic(err)
	}
	return p.AppendFrame(nil)
}

func (c *client) send(packets ...string) {
	c.t.Helper()
	var all []byte
	for _, packet := range packets {
		all = append(all, frame(packet)...)
	}
	c.raw(all)
}

func (c *client) raw(p []byte) {
	c.t.Helper()
	if _, err := c.Write(p); err != nil {
		c.t.Fatal(err)
	}
}

// next returns the next packet, pings left out.
func (c *client) next() (string, error) {
	for {
		p, size, err := eio.ParseFrame(c.buf, 10<<20)
		switch {
		case err != nil:
			c.t.Fatalf("the server sends a bad frame: %v", err)
		case size == 0:
			more := make([]byte, 64<<10)
			n, err := c.Read(more)
			c.buf = append(c.buf, more[:n]...)
			if n == 0 && err != nil {
				return "", err
			}
			continue
		}
		c.last, c.buf = c.buf[:size], c.buf[size:]
		if p.Binary {
			return "b:" + string(p.Data), nil
		}
		if p.Type != eio.Ping {
			return string(p.AppendText(nil)), nil
		}
	}
}

// want reads a packet that begins so.
func (c *client) want(prefix string) string {
	c.t.Helper()
	got, err := c.next()
	if err != nil || !strings.HasPrefix(got, prefix) {
		c.t.Fatalf("got %.80q (%v), want %.80q", got, err, prefix)
	}
	return got
}

// gone waits for the end of the session, before which nothing may come.
func (c *client) gone() {
	c.t.Helper()
	if got, err := c.next(); err == nil {
		c.t.Errorf("got %.80q, not the end", got)
	}
	select {
	case <-c.session.Context().Done():
	case <-time.After(patience):
		c.t.Fatal("the server does not end the session")
	}
}

// poll begins a polling session and returns its id.
func (w *world) poll() (sid string, upgrades []string) {
	w.t.Helper()
	h, err := eio.ParseHandshake([]byte(w.get("")[1:]))
	if err != nil {
		w.t.Fatal(err)
	}
	return h.SID, h.Upgrades
}

// get polls once.
func (w *world) get(sid string) string { return w.request("transport=polling&sid=" + sid) }

func (w *world) request(query string) string {
	return w.body(w.http.Client().Get(w.http.URL + "/?EIO=4&" + query))
}

func (w *world) post(sid, payload string) {
	w.t.Helper()
	url := w.http.URL + "/?EIO=4&transport=polling&sid=" + sid
	if got := w.body(w.http.Client().Post(url, "text/plain", strings.NewReader(payload))); got != "ok" {
		w.t.Errorf("POST: %q", got)
	}
}

func (w *world) body(response *http.Response, err error) string {
	if err != nil {
		w.t.Error(err)
		return ""
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		w.t.Error(err)
	}
	return string(body)
}

func (w *world) reason(want socketio.Reason) {
	w.t.Helper()
	select {
	case got := <-w.ended:
		if got != want {
			w.t.Errorf("the socket ended with %q, want %q", got, want)
		}
	case <-time.After(patience):
		w.t.Fatal("the socket does not end")
	}
}

// proof is a control client that must not notice what others do.
func (w *world) proof() (alive func()) {
	c := w.connect()
	round := 0
	return func() {
		w.t.Helper()
		round++
		c.send(fmt.Sprintf(`42["echo",%d]`, round))
		c.want(fmt.Sprintf(`42["echo",%d]`, round))
	}
}
