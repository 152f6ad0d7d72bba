package webtransport_test

import (
	"context"
	"crypto/tls"
	"log"
	"net/http"
	"os"
	"os/signal"
	"time"

	"parley/server/socketio"
	"parley/server/webtransport"
)

// Polling and WebSocket over TCP, WebTransport over UDP, on one port and with one
// certificate.
func Example() {
	certificate, err := tls.LoadX509KeyPair("cert.pem", "key.pem")
	if err != nil {
		log.Fatal(err)
	}
	config := &tls.Config{Certificates: []tls.Certificate{certificate}}

	io := socketio.New(nil)
	http.Handle("/socket.io/", io)
	web := &http.Server{Addr: ":8443", TLSConfig: config}
	wt := webtransport.New(io, &webtransport.Options{Addr: ":8443", TLSConfig: config})
	go func() { log.Print(web.ListenAndServeTLS("", "")) }()
	go func() { log.Print(wt.ListenAndServe()) }()

	stop, _ := signal.NotifyContext(context.Background(), os.Interrupt)
	<-stop.Done()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	_ = io.Shutdown(ctx) // first, so that clients get what waits for them
	_ = wt.Shutdown(ctx)
	_ = web.Shutdown(ctx)
}
