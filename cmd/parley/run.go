package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strconv"
	"sync/atomic"
	"time"

	"parley/namespaces/chat"
	"parley/namespaces/identity"
	"parley/namespaces/limits"
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
	if len(args) > 0 && args[0] == "token" {
		return printToken(args[1:], environ, stdout, stderr)
	}
	c, err := parseConfig(args, environ)
	if errors.Is(err, flag.ErrHelp) {
		printHelp(stdout, usage, settings)
		return exitOK
	}
	revoked := new(identity.Revocations)
	var gate *identity.Gate
	if err == nil {
		gate, err = c.keys.gate(revoked)
	}
	if err != nil {
		fmt.Fprintf(stderr, "parley: %v\nRun parley --help for the flags.\n", err)
		return exitUsage
	}
	log := newLogger(c, stderr)
	for _, name := range c.unknownEnv {
		log.Warn("environment variable has no effect", "name", name)
	}
	listener, err := net.Listen("tcp", c.addr)
	if err != nil {
		log.Error("cannot listen", "flag", "--addr", "error", err)
		return exitFailed
	}
	defer listener.Close()
	m := newMetrics()
	srv := newServer(c, m, log)
	mount(c, srv, gate, m, log)

	forClients := m.handler(srv)
	if !gate.Open() {
		forClients = nil
	}
	if c.opsAddr != "" {
		l, err := net.Listen("tcp", c.opsAddr)
		if err != nil {
			log.Error("cannot listen", "flag", "--ops-addr", "error", err)
			return exitFailed
		}
		ops := serveOps(l, opsRoutes(m.handler(srv), gate, revoked, log), log)
		defer ops.Close()
	}
	return serve(c, srv, forClients, gate.Open(), listener, signals, log)
}

// newServer makes the server, with the limits that are not a namespace's.
func newServer(c *config, m *metrics, log *slog.Logger) *socketio.Server {
	o := &socketio.Options{
		PingInterval:         c.pingInterval,
		PingTimeout:          c.pingTimeout,
		ConnectTimeout:       c.connectTimeout,
		Transports:           c.transports,
		AllowedOrigins:       c.origins,
		AllowLoopbackOrigins: !c.keys.given(),
		MaxPayload:           c.maxPayload,
		AllowEIO3:            c.allowEIO3,
		MaxRooms:             roomsPerClient + 1,
		OnConnectionError:    m.refused,
		OnSession:            m.session,
		Logger:               log,
	}
	if c.eventRate > 0 {
		o.PacketRate = &socketio.PacketRate{PerSecond: c.eventRate, Burst: 2 * c.eventRate}
	}
	if c.connectionsPerIP > 0 {
		boundAddresses(o, c.connectionsPerIP, log)
	}
	return socketio.New(o)
}

// boundAddresses gives each address so many connections.
func boundAddresses(o *socketio.Options, most int, log *slog.Logger) {
	addresses := limits.NewAddresses(limits.AddressOptions{
		Most: most, PerSecond: max(1, most/50), Burst: max(1, most/5), Logger: log,
	})
	o.AllowRequest = func(r *http.Request) error { return addresses.Admit(r.RemoteAddr) }
	next := o.OnSession
	o.OnSession = func(i socketio.SessionInfo) {
		switch i.Change {
		case socketio.SessionOpened:
			addresses.Opened(i.RemoteAddr)
		case socketio.SessionClosed:
			addresses.Closed(i.RemoteAddr)
		}
		next(i)
	}
}

// mount adds the namespaces.
func mount(c *config, srv *socketio.Server, gate *identity.Gate, m *metrics, log *slog.Logger) {
	m.namespace(srv.Of("/"))
	srv.OnNamespace(m.namespace)
	var rate limits.Rate // nil: no limit
	if c.rateLimit > 0 {
		rate = m.rate(limits.NewWindow(c.rateLimit, time.Minute))
	}
	gate.Guard(srv.Of("/"))
	chat.Mount(srv, gate, &chat.Options{RoomsPerSocket: roomsPerClient, Recovery: c.recovery, Rate: rate, Logger: log})
}

// serve serves clients until the first signal. Metrics may be nil.
func serve(c *config, srv *socketio.Server, metrics http.HandlerFunc, open bool, listener net.Listener, signals <-chan os.Signal, log *slog.Logger) int {
	var ready atomic.Bool
	web := newHTTPServer(routes(c, srv, &ready, metrics), log)
	failed := make(chan error, 1)
	go func() { failed <- web.Serve(listener) }()
	ready.Store(true)
	announce(listener.Addr(), open, log)

	select {
	case err := <-failed:
		log.Error("cannot serve", "error", err)
		return exitFailed
	case sig := <-signals:
		ready.Store(false)
		return drain(c.drain, srv, web, sig, signals, log)
	}
}

// announce says where the server listens, and in open mode that it believes whatever its clients say.
func announce(addr net.Addr, open bool, log *slog.Logger) {
	tcp := addr.(*net.TCPAddr)
	if open {
		log.Info("open mode: no key is configured, users are who they say they are")
	}
	if open && !tcp.IP.IsLoopback() {
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
