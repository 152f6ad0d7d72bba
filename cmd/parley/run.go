package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"strconv"
	"sync/atomic"

	"parley/namespaces/chat"
	"parley/namespaces/disk"
	"parley/namespaces/documents"
	"parley/namespaces/identity"
	"parley/namespaces/notifications"
	"parley/namespaces/plain"
	"parley/namespaces/pubsub"
	"parley/server/socketio"
)

// Exit codes.
const (
	exitOK     = 0
	exitFailed = 1
	exitUsage  = 2
)

// roomsPerClient is how many rooms of a namespace a client may be in, besides the one that each user has.
const roomsPerClient = 128

// run is the program. It serves until the first signal, then drains, and returns the exit code.
func run(args, environ []string, signals <-chan os.Signal, stdout, stderr io.Writer) int {
	c, err := parseConfig(args, environ)
	if errors.Is(err, flag.ErrHelp) {
		printHelp(stdout)
		return exitOK
	}
	if err != nil {
		fmt.Fprintf(stderr, "parley: %v\nRun parley --help for the flags.\n", err)
		return exitUsage
	}
	log := newLogger(c, stderr)
	for _, name := range c.unknownEnv {
		log.Warn("environment variable has no effect", "name", name)
	}
	data, err := openData(c, log)
	if err != nil {
		return exitFailed
	}
	defer closeData(data, log)
	listener, err := net.Listen("tcp", c.addr)
	if err != nil {
		log.Error("cannot listen", "flag", "--addr", "error", err)
		return exitFailed
	}
	return serve(c, listener, data, signals, log)
}

func serve(c *config, listener net.Listener, data *disk.File, signals <-chan os.Signal, log *slog.Logger) int {
	srv := socketio.New(&socketio.Options{
		PingInterval:         c.pingInterval,
		PingTimeout:          c.pingTimeout,
		ConnectTimeout:       c.connectTimeout,
		Transports:           c.transports,
		AllowedOrigins:       c.origins,
		AllowLoopbackOrigins: true,
		MaxPayload:           c.maxPayload,
		AllowEIO3:            c.allowEIO3,
		MaxRooms:             roomsPerClient + 1,
		Logger:               log,
	})
	gate := identity.NewGate(nil)
	chat.Mount(srv, &chat.Options{RoomsPerSocket: roomsPerClient, Recovery: c.recovery, Keeper: data.Chat(), Logger: log})
	documents.Mount(srv, gate, &documents.Options{Recovery: c.recovery, Keeper: data.Documents(), Logger: log})
	pubsub.Mount(srv, gate, &pubsub.Options{Recovery: c.recovery})
	notes := notifications.Mount(srv, gate, &notifications.Options{Recovery: c.recovery, Logger: log})
	hub := plain.New(srv, gate, &plain.Options{Logger: log})

	var ready atomic.Bool
	web := newHTTPServer(routes(c, srv, hub, notes.Handler(), &ready), log)
	failed := make(chan error, 1)
	go func() { failed <- web.Serve(listener) }()
	ready.Store(true)
	announce(listener.Addr(), log)

	select {
	case err := <-failed:
		log.Error("cannot serve", "error", err)
		return exitFailed
	case sig := <-signals:
		ready.Store(false)
		return drain(c.drain, srv, hub, web, sig, signals, log)
	}
}

// announce says where the server listens and that it believes whatever its clients say.
func announce(addr net.Addr, log *slog.Logger) {
	tcp := addr.(*net.TCPAddr)
	log.Info("open mode: no key is configured, users are who they say they are")
	if !tcp.IP.IsLoopback() {
		log.Warn("open mode beyond loopback: whoever reaches this address may take any name", "addr", addr.String())
	}
	host := tcp.IP.String()
	if tcp.IP.IsUnspecified() {
		host = "localhost"
	}
	log.Info("listening", "addr", addr.String(), "url", "http://"+net.JoinHostPort(host, strconv.Itoa(tcp.Port))+"/")
}

func newLogger(c *config, w io.Writer) *slog.Logger {
	opts := &slog.HandlerOptions{Level: c.logLevel}
	if c.logFormat == "json" {
		return slog.New(slog.NewJSONHandler(w, opts))
	}
	return slog.New(slog.NewTextHandler(w, opts))
}
