package webtransport

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/http3"
	wt "github.com/quic-go/webtransport-go"

	"parley/server/engineio"
	"parley/server/internal/transport"
	"parley/server/socketio"
)

// Bounds of what one QUIC connection makes the server hold.
const (
	maxHeaderBytes = 64 << 10
	// A session has two streams, and HTTP/3 three of each side's own.
	maxStreams = 16
	// Received and not yet read: of a stream, and of a connection.
	streamWindow = 512 << 10
	connWindow   = 768 << 10
)

// keepAlive keeps a connection from being idle for QUIC while the session's own
// heartbeat is slower.
const keepAlive = 15 * time.Second

// Options configure a Server.
type Options struct {
	// Addr is the UDP address that ListenAndServe listens on. Default ":443".
	Addr string
	// TLSConfig holds the certificate. It must be set, and is copied.
	TLSConfig *tls.Config
}

// A Server accepts WebTransport clients on behalf of a socketio.Server. Its
// methods may be called from any goroutine.
type Server struct {
	host *transport.Host
	addr string
	tls  *tls.Config
	wt   *wt.Server
	quic *quic.Config

	closing context.Context // ends when Shutdown begins
	close   context.CancelFunc
	ended   chan struct{} // closed when no session is left, or Shutdown gives up
	end     sync.Once

	mu      sync.Mutex // guards the rest and orders Add before Wait
	conns   map[*conn]struct{}
	carried sync.WaitGroup // conns, and requests that may become one
	serving sync.WaitGroup // calls of Serve
}

// New returns a server whose clients join those of io. From then on io offers
// WebTransport to clients that poll. It panics with the field's name if an option
// is impossible.
func New(io *socketio.Server, opts *Options) *Server {
	if opts == nil || opts.TLSConfig == nil {
		panic("webtransport: Options.TLSConfig is missing")
	}
	s := &Server{
		host:  io.Engine().Attach(engineio.WebTransport),
		addr:  opts.Addr,
		ended: make(chan struct{}),
		conns: make(map[*conn]struct{}),
	}
	if s.addr == "" {
		s.addr = ":443"
	}
	s.closing, s.close = context.WithCancel(context.Background())
	h3 := &http3.Server{
		Handler:        http.HandlerFunc(s.handle),
		MaxHeaderBytes: maxHeaderBytes,
		IdleTimeout:    s.host.UpgradeTimeout,
		ConnContext:    withConn,
	}
	s.tls = http3.ConfigureTLSConfig(opts.TLSConfig.Clone())
	s.quic = &quic.Config{
		MaxIncomingStreams:               maxStreams,
		MaxIncomingUniStreams:            maxStreams,
		InitialStreamReceiveWindow:       streamWindow,
		MaxStreamReceiveWindow:           streamWindow,
		InitialConnectionReceiveWindow:   connWindow,
		MaxConnectionReceiveWindow:       connWindow,
		KeepAlivePeriod:                  keepAlive,
		EnableDatagrams:                  true, // WebTransport demands both
		EnableStreamResetPartialDelivery: true,
	}
	s.wt = &wt.Server{
		H3:                h3,
		ReorderingTimeout: s.host.UpgradeTimeout,
		CheckOrigin:       func(*http.Request) bool { return true }, // handle does, by the engine's list
	}
	return s
}

// ListenAndServe is Serve on the UDP address of the options.
func (s *Server) ListenAndServe() error {
	pc, err := net.ListenPacket("udp", s.addr)
	if err != nil {
		return err
	}
	defer pc.Close()
	return s.Serve(pc)
}

// Serve accepts clients on pc, which stays the caller's, until Shutdown has
// ended or pc fails. It always returns an error; after Shutdown that is
// http.ErrServerClosed.
func (s *Server) Serve(pc net.PacketConn) error {
	if !s.enter(&s.serving) {
		return http.ErrServerClosed
	}
	defer s.serving.Done()
	carrier := &quic.Transport{Conn: pc}
	var conns sync.WaitGroup
	defer conns.Wait()
	defer carrier.Close()
	listener, err := carrier.ListenEarly(s.tls, s.quic)
	if err != nil {
		return err
	}
	defer listener.Close()
	for {
		c, err := listener.Accept(s.closing)
		if s.closing.Err() != nil {
			<-s.ended
			return http.ErrServerClosed
		}
		if err != nil {
			return err
		}
		conns.Go(func() {
			if err := s.wt.ServeQUICConn(c); err != nil {
				s.host.Logger.Debug("webtransport: connection refused", "remote", c.RemoteAddr(), "error", err)
			}
		})
	}
}

// Shutdown refuses new clients, closes those there are, and returns when nothing
// of the server is left running. When ctx ends first, what is left is cut off and
// the context's error returned. Shut the socketio.Server down before: it lets
// its clients have what waits for them.
func (s *Server) Shutdown(ctx context.Context) error {
	s.mu.Lock()
	s.close()
	for c := range s.conns {
		c.Close()
	}
	s.mu.Unlock()
	left := make(chan struct{})
	go func() {
		defer close(left)
		s.carried.Wait()
	}()
	var err error
	select {
	case <-left:
	case <-ctx.Done():
		err = ctx.Err()
	}
	_ = s.wt.Close()
	s.end.Do(func() { close(s.ended) })
	s.serving.Wait()
	<-left
	return err
}

// enter adds to a group for which Shutdown waits. It reports false when Shutdown
// has begun.
func (s *Server) enter(group *sync.WaitGroup) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closing.Err() != nil {
		return false
	}
	group.Add(1)
	return true
}

// add notes a connection, which the request that became it has entered.
func (s *Server) add(c *conn) {
	s.mu.Lock()
	s.conns[c] = struct{}{}
	closing := s.closing.Err() != nil
	s.mu.Unlock()
	if closing {
		c.Close()
	}
}

// remove undoes add.
func (s *Server) remove(c *conn) {
	s.mu.Lock()
	delete(s.conns, c)
	s.mu.Unlock()
	s.carried.Done()
}
