// Command suiteserver is the server that the protocol authors' own test suites
// expect, which are in the repository of socket.io: docs/engine.io-protocol and
// docs/socket.io-protocol. With a suite checked out and its packages installed:
//
//	go run ./server/e2e/suiteserver -engine        # for engine.io-protocol/v4-test-suite
//	go run ./server/e2e/suiteserver -engine -eio3  # for engine.io-protocol/v3-test-suite
//	go run ./server/e2e/suiteserver                # for socket.io-protocol/v5-test-suite
//	npm test                                       # in the suite's directory
package main

import (
	"context"
	"encoding/json"
	"flag"
	"log"
	"net/http"
	"time"

	"parley/server/engineio"
	"parley/server/socketio"
)

// The suites know these figures.
const (
	pingInterval   = 300 * time.Millisecond
	pingTimeout    = 200 * time.Millisecond
	connectTimeout = time.Second
	maxPayload     = 1_000_000
)

func main() {
	addr := flag.String("addr", "localhost:3000", "host:port to listen on; the suites use port 3000 of localhost")
	engine := flag.Bool("engine", false, "serve Engine.IO alone, on /engine.io/")
	eio3 := flag.Bool("eio3", false, "admit clients of Engine.IO 3")
	flag.Parse()

	mux := http.NewServeMux()
	if *engine {
		mux.Handle("/engine.io/", echoServer(*eio3))
	} else {
		mux.Handle("/socket.io/", suiteServer())
	}
	server := &http.Server{Addr: *addr, Handler: mux, ReadHeaderTimeout: 5 * time.Second}
	log.Fatal(server.ListenAndServe())
}

// echoServer sends back every message.
func echoServer(eio3 bool) http.Handler {
	return engineio.New(func(s *engineio.Session) engineio.Receiver { return echo{s} }, &engineio.Options{
		AllowEIO3:      eio3,
		PingInterval:   pingInterval,
		PingTimeout:    pingTimeout,
		MaxPayload:     maxPayload,
		AllowedOrigins: []string{"*"},
	})
}

type echo struct{ session *engineio.Session }

func (e echo) Receive(_ engineio.Turn, data []byte, binary bool) {
	message := engineio.Binary(data)
	if !binary {
		message = engineio.Text(append(engineio.NewBuffer(len(data)), data...))
	}
	_ = e.session.Send(message) // a session that is gone needs no echo
}

func (e echo) Closed(engineio.Turn, engineio.Reason, error) {}

// suiteServer has the namespaces / and /custom.
func suiteServer() http.Handler {
	io := socketio.New(&socketio.Options{
		PingInterval:   pingInterval,
		PingTimeout:    pingTimeout,
		ConnectTimeout: connectTimeout,
		MaxPayload:     maxPayload,
		AllowedOrigins: []string{"*"},
	})
	for _, name := range []string{"/", "/custom"} {
		ns := io.Of(name)
		ns.OnConnect(func(_ context.Context, s *socketio.Socket) {
			auth := s.Handshake().Auth
			if auth == nil {
				auth = json.RawMessage("{}")
			}
			_ = s.Emit("auth", auth)
		})
		socketio.On(ns, "message", func(_ context.Context, s *socketio.Socket, in socketio.Args) error {
			return s.Emit("message-back", in)
		})
		socketio.OnAck(ns, "message-with-ack", func(_ context.Context, _ *socketio.Socket, in socketio.Args) (socketio.Args, error) {
			return in, nil
		})
	}
	return io
}
