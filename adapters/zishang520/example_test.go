package zishang520_test

import (
	"context"
	"log"
	"net/http"
	"os"
	"os/signal"
	"time"

	"github.com/zishang520/socket.io/v2/socket"

	"parley/adapters/zishang520"
)

// An application of socket.io/v2, and the one line that is new.
func ExampleBind() {
	io := socket.NewServer(nil, nil)
	io.On("connection", func(args ...any) {
		s := args[0].(*socket.Socket)
		s.On("chat message", func(args ...any) { io.Emit("chat message", args...) })
	})
	engine := zishang520.Bind(io, nil) // was io.ServeHandler(nil)
	http.Handle("/socket.io/", engine)

	server := &http.Server{Addr: ":3000", ReadHeaderTimeout: 5 * time.Second}
	go func() { log.Print(server.ListenAndServe()) }()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	<-ctx.Done()
	ending, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	log.Print(engine.Shutdown(ending), server.Shutdown(ending))
}
