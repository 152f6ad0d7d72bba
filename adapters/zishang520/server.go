package zishang520

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"github.com/zishang520/engine.io/v2/engine"
	"github.com/zishang520/engine.io/v2/transports"
	"github.com/zishang520/engine.io/v2/types"
	"github.com/zishang520/socket.io-go-parser/v2/parser"
	"github.com/zishang520/socket.io/v2/socket"

	"parley/server/engineio"
)

// A Server is the engine of a socket.Server, and an http.Handler. Of an
// engine.BaseServer it has the events "connection", "connection_error",
// "initial_headers", "headers", "flush" and "drain", the middlewares of Use, Opts,
// Clients, ClientsCount and Close. Its connections, each an engine.Socket, have the events
// "packet", "data", "message", "packetCreate" and "flush" (of messages), "drain", "heartbeat",
// "upgrade", "error" and "close".
type Server struct {
	engine.BaseServer
	opts   Options
	io     *socket.Server
	given  *socket.ServerOptions // what the application has said
	engine *engineio.Server
	parser parser.Parser
	log    *slog.Logger
	ids    func(*http.Request) (string, error) // Options.GenerateID of the application

	handshakes sync.Map // of *http.Request, by the id of the session that is about to begin
	broadcast  atomic.Pointer[frame]
	initial    engineio.Message // Opts().InitialPacket
	watching   sync.Mutex       // makes watch come one at a time

	closing sync.Once
	closed  chan struct{} // closed when what Close began has ended
}

var (
	_ engine.BaseServer = (*Server)(nil)
	_ http.Handler      = (*Server)(nil)
)

// Bind gives a socket.Server an engine of this module, and returns that. It must come
// before clients do, and replaces Attach, Listen and ServeHandler of the socket.Server,
// whose options are kept but for the path, which is the mux's affair, and the client
// files, which are not served. Nil options are the defaults. It panics with the name of
// the option if one is impossible, and if the socket.Server has an engine, because
// NewServer was given an address or a server: clients would stay with that.
func Bind(server *socket.Server, opts *Options) *Server {
	if server.Engine() != nil {
		panic("zishang520: the socket.Server has an engine already; begin with socket.NewServer(nil, …)")
	}
	s := &Server{
		BaseServer: engine.MakeBaseServer(),
		opts:       opts.withDefaults(),
		io:         server,
		parser:     server.Opts().GetRawParser(),
		closed:     make(chan struct{}),
	}
	if s.parser == nil {
		s.parser = parser.NewParser()
	}
	s.construct()
	options := engineOptions(s.Opts())
	if s.opts.Engine != nil {
		s.opts.Engine(&options)
	}
	if s.log = options.Logger; s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	s.setHooks(&options)
	s.engine = engineio.New(s.accept, &options)
	server.Bind(s)
	_ = server.On("new_namespace", s.meet) // never fails
	return s
}

// construct gives Opts the defaults of engine.io/v2. The origins are the engine's
// affair, not a middleware's.
func (s *Server) construct() {
	given := socket.DefaultServerOptions()
	if s.opts.ServerOptions != nil {
		given.Assign(s.opts.ServerOptions)
	}
	given.Assign(s.io.Opts())
	s.given = given
	cors := given.Cors()
	given.SetCors(nil)
	s.BaseServer.Construct(given)
	if cors != nil {
		s.Opts().SetCors(cors)
	}
	if first := s.Opts().InitialPacket(); first != nil {
		data, err := io.ReadAll(first)
		if err != nil {
			panic("zishang520: the option InitialPacket cannot be read: " + err.Error())
		}
		s.initial = engineio.Text(append(engineio.NewBuffer(len(data)), data...))
	}
}

// Attach serves the path of the socket.Server on a server of engine.io/v2, and closes
// with it. The second argument is ignored.
func (s *Server) Attach(server *types.HttpServer, _ any) {
	path := socket.DefaultServerOptions()
	path.Assign(s.given)
	if path.GetRawPath() == nil {
		path.SetPath(s.io.Path())
	}
	server.Once("close", func(...any) { s.Close() })
	server.HandleFunc(s.ComputePath(path), s.ServeHTTP)
}

// accept begins a connection.
func (s *Server) accept(session *engineio.Session) engineio.Receiver {
	c := newConn(s, session)
	s.Clients().Store(session.ID(), c)
	if s.Opts().InitialPacket() != nil {
		_ = session.Send(s.initial) // a session that is gone needs none
	}
	if c.Protocol() == 3 {
		c.expect(mainNamespace) // socket.io/v2 connects it to this at once
	}
	if !s.guard("connection", func() { s.Emit("connection", c) }) {
		c.Close(false)
	}
	return (*receiver)(c)
}

// guard keeps a panic of an application's function from ending more than that. It
// reports false if there was one.
func (s *Server) guard(event string, f func()) (fine bool) {
	defer func() {
		if v := recover(); v != nil {
			s.log.Error("panic in a listener", "event", event, "panic", fmt.Sprint(v), "stack", string(debug.Stack()))
		}
	}()
	f()
	return true
}

// ClientsCount returns the number of connections.
func (s *Server) ClientsCount() uint64 { return uint64(s.engine.Stats().CurrentConnections) }

// patience is how long Close waits for what it leaves to end by itself.
const patience = 30 * time.Second

// Close refuses new connections and closes all there are. It does not wait for their
// listeners, as Shutdown does.
func (s *Server) Close() engine.BaseServer {
	s.closing.Do(func() {
		over, cancel := context.WithCancel(context.Background())
		cancel()
		_ = s.engine.Shutdown(over) // begins at once, and waits for nothing
		go func() {
			defer close(s.closed)
			ctx, cancel := context.WithTimeout(context.Background(), patience)
			defer cancel()
			_ = s.engine.Shutdown(ctx) // a listener that never returns keeps its goroutine
		}()
	})
	return s
}

// Shutdown closes the socket.Server and waits until nothing of its engine is left
// running or ctx ends, whose error it then returns. Unlike Close of the socket.Server it
// lets every listener that is running return before its socket hears of the end.
func (s *Server) Shutdown(ctx context.Context) error {
	s.Close()
	err := s.engine.Shutdown(ctx)
	s.io.Close(nil)
	if err == nil {
		<-s.closed // a matter of moments now
	}
	return err
}

var errNotHere = errors.New("zishang520: the engine makes its transports itself")

// Verify refuses: requests are for ServeHTTP.
func (s *Server) Verify(*types.HttpContext, bool) (*types.CodeMessage, map[string]any) {
	return engine.BAD_REQUEST, map[string]any{"name": errNotHere.Error()}
}

// Handshake refuses: requests are for ServeHTTP.
func (s *Server) Handshake(string, *types.HttpContext) (*types.CodeMessage, transports.Transport) {
	return engine.BAD_REQUEST, nil
}

// CreateTransport returns an error: requests are for ServeHTTP.
func (s *Server) CreateTransport(string, *types.HttpContext) (transports.Transport, error) {
	return nil, errNotHere
}
