package reactor

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"log/slog"
	"math/big"
	"net"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// patience is how long something that must happen may take on a busy machine.
const patience = 10 * time.Second

func newReactor(t *testing.T) *Reactor {
	t.Helper()
	r := New(slog.New(slog.DiscardHandler), 2)
	t.Cleanup(func() { within(t, "the reactor's goroutines end", r.Wait) })
	return r
}

// within fails the test if f does not return in time.
func within(t *testing.T, what string, f func()) {
	t.Helper()
	done := make(chan struct{})
	go func() {
		defer close(done)
		f()
	}()
	await(t, what, done)
}

// await returns what comes from c, or fails the test.
func await[T any](t *testing.T, what string, c <-chan T) T {
	t.Helper()
	select {
	case v := <-c:
		return v
	case <-time.After(patience):
		stacks := make([]byte, 1<<16)
		t.Fatalf("waited in vain: %s\n%s", what, stacks[:runtime.Stack(stacks, true)])
		panic("unreachable")
	}
}

// eventually polls until ok or fails the test.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain: %s", what)
		}
	}
}

// An owner is a Handler that passes everything on. It checks that Input and
// Gone come one at a time and that Gone comes last.
type owner struct {
	t        *testing.T
	conn     Conn
	input    func(t Turn, p []byte)
	writable func()
	gone     chan error
	inside   atomic.Int32
	over     atomic.Bool
}

func newOwner(t *testing.T) *owner { return &owner{t: t, gone: make(chan error, 4)} }

func (o *owner) enter() {
	if o.inside.Add(1) != 1 {
		o.t.Error("Input and Gone overlap")
	}
	if o.over.Load() {
		o.t.Error("something came after Gone")
	}
}

func (o *owner) Input(t Turn, p []byte) {
	o.enter()
	defer o.inside.Add(-1)
	if o.input != nil {
		o.input(t, p)
	}
}

func (o *owner) Writable() {
	if o.writable != nil {
		o.writable()
	}
}

func (o *owner) Gone(_ Turn, err error) {
	o.enter()
	defer o.inside.Add(-1)
	o.over.Store(true)
	o.conn.Close()
	o.gone <- err
}

// echo makes the owner write back what it gets, however little room there is.
func (o *owner) echo() *owner {
	var mu sync.Mutex
	var backlog []byte
	flush := func() {
		for len(backlog) > 0 {
			n := o.conn.Write(backlog)
			backlog = backlog[n:]
			if n == 0 {
				return
			}
		}
	}
	o.input = func(_ Turn, p []byte) {
		mu.Lock()
		defer mu.Unlock()
		backlog = append(backlog, p...)
		flush()
	}
	o.writable = func() {
		mu.Lock()
		defer mu.Unlock()
		flush()
	}
	return o
}

// A kind is a kind of connection; pair returns both of its ends.
type kind struct {
	name string
	pair func(t *testing.T) (server, client net.Conn)
	half bool // one direction can be closed
}

var kinds = []kind{
	{"tcp", tcpPair, true},
	{"pipe", pipePair, false},
	{"tls", tlsPair, true},
}

// overKinds runs a test on each kind of connection.
func overKinds(t *testing.T, test func(t *testing.T, k kind)) {
	for _, k := range kinds {
		t.Run(k.name, func(t *testing.T) { test(t, k) })
	}
}

// open adds the server's end of a new connection to r; conn is not started.
func (k kind) open(t *testing.T, r *Reactor, o *owner) (client net.Conn) {
	t.Helper()
	server, client := k.pair(t)
	o.conn = r.Add(server, o)
	t.Cleanup(func() {
		_ = client.Close()
		o.conn.Close()
	})
	return client
}

func pipePair(*testing.T) (server, client net.Conn) { return net.Pipe() }

func tcpPair(t *testing.T) (server, client net.Conn) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	client, err = net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	server, err = ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	return server, client
}

func tlsPair(t *testing.T) (server, client net.Conn) {
	t.Helper()
	rawServer, rawClient := tcpPair(t)
	s := tls.Server(rawServer, &tls.Config{Certificates: []tls.Certificate{certificate(t)}})
	c := tls.Client(rawClient, &tls.Config{InsecureSkipVerify: true})
	shaken := make(chan error, 1)
	go func() { shaken <- s.Handshake() }()
	if err := c.Handshake(); err != nil {
		t.Fatal(err)
	}
	if err := await(t, "the TLS handshake", shaken); err != nil {
		t.Fatal(err)
	}
	return s, c
}

var certificate = func() func(t *testing.T) tls.Certificate {
	made := sync.OnceValues(func() (tls.Certificate, error) {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			return tls.Certificate{}, err
		}
		template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
		der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
		return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, err
	})
	return func(t *testing.T) tls.Certificate {
		t.Helper()
		cert, err := made()
		if err != nil {
			t.Fatal(err)
		}
		return cert
	}
}()

type taskFunc func()

func (f taskFunc) Run() { f() }
