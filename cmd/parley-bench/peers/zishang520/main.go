// Command zishang520 is the peer of parley-bench that is written against
// github.com/zishang520/socket.io/v2: on its own engine, or with -bind on ours.
//
//	go build -o bin/zishang520 ./cmd/parley-bench/peers/zishang520
//	bin/parley-bench run --server 'bound=bin/zishang520 -bind {addr}' --server 'zishang=bin/zishang520 {addr}'
package main

import (
	"flag"
	"log"
	"net/http"
	"time"

	"github.com/zishang520/socket.io/v2/socket"

	"parley/adapters/zishang520"
)

func main() {
	bind := flag.Bool("bind", false, "serve with the engine of this module")
	flag.Parse()
	if flag.NArg() != 1 {
		log.Fatal("usage: zishang520 [-bind] host:port")
	}
	io := socket.NewServer(nil, nil)
	bench(io)
	var handler http.Handler
	if *bind {
		handler = zishang520.Bind(io, nil)
	} else {
		handler = io.ServeHandler(nil)
	}
	server := &http.Server{Addr: flag.Arg(0), Handler: handler, ReadHeaderTimeout: 5 * time.Second}
	log.Fatal(server.ListenAndServe())
}

// bench adds the namespace that parley-bench drives.
func bench(io *socket.Server) {
	namespace := io.Of("/bench", nil)
	namespace.On("connection", func(args ...any) {
		s := args[0].(*socket.Socket)
		s.On("echo", func(args ...any) { s.Emit("echo", args...) })
		s.On("echo-ack", func(args ...any) { args[1].(socket.Ack)(args[:1], nil) })
		s.On("join", func(args ...any) { s.Join(socket.Room(args[0].(string))) })
		s.On("bcast", func(args ...any) { namespace.To(socket.Room(args[0].(string))).Emit("bcast", args[1]) })
	})
}
