package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"parley/server/socketio"
)

// serve runs our side of the benchmark until it is told to stop.
func serve(args []string) error {
	flags := flag.NewFlagSet("serve", flag.ContinueOnError)
	addr := flags.String("addr", "127.0.0.1:3000", "`host:port` to listen on")
	shared := flags.String("redis", "", "`host:port` of a Redis that servers share; none: this one is alone")
	wire := flags.String("adapter", "streams", "how they talk over it: `streams, pubsub or sharded`")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() > 0 {
		return fmt.Errorf("serve: unexpected argument %q", flags.Arg(0))
	}
	peers, err := connectPeers(*shared, *wire)
	if err != nil {
		return fmt.Errorf("serve: --adapter: %w", err)
	}
	io := socketio.New(peers.options())
	mountBench(io)
	mux := http.NewServeMux()
	mux.Handle("/socket.io/", io)
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second}

	listener, err := net.Listen("tcp", *addr)
	if err != nil {
		return err
	}
	fmt.Fprintf(os.Stderr, "parley-bench: serving /bench on http://%s/\n", listener.Addr())
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(listener) }()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	ending, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	err = errors.Join(io.Shutdown(ending), server.Shutdown(ending), peers.close(ending))
	<-failed
	return err
}

// mountBench adds the namespace that the scenarios drive. Values are passed on
// as they came, never decoded.
func mountBench(io *socketio.Server) {
	bench := io.Of("/bench")
	socketio.On(bench, "echo", func(_ context.Context, s *socketio.Socket, x socketio.Value) error {
		return s.Emit("echo", x)
	})
	socketio.OnAck(bench, "echo-ack", func(_ context.Context, _ *socketio.Socket, x socketio.Value) (socketio.Value, error) {
		return x, nil
	})
	socketio.On(bench, "join", func(_ context.Context, s *socketio.Socket, room string) error {
		return s.Join(room)
	})
	socketio.On(bench, "bcast", func(_ context.Context, _ *socketio.Socket, in socketio.Args2[string, socketio.Value]) error {
		return bench.To(in.A).Emit("bcast", in.B)
	})
}
