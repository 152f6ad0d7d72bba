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
	"parley/namespaces/disk"
	"parley/namespaces/documents"
	"parley/namespaces/event"
	"parley/namespaces/identity"
	"parley/namespaces/limits"
	"parley/namespaces/notifications"
	"parley/namespaces/plain"
	"parley/namespaces/pubsub"
	"parley/server/engineio"
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

// maxDepth lets through whatever fits into an event of the largest size, so that a namespace answers it; the library's default
// would close the connection.
const maxDepth = event.MaxBytes / 2

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
	if err != nil {
		return misused(stderr, err)
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
	revoked, err := data.Revocations()
	if err != nil {
		log.Error("cannot read the data file", "flag", "--data", "error", err)
		return exitFailed
	}
	gate, err := c.keys.gate(revoked)
	if err != nil {
		return misused(stderr, err)
	}
	listener, err := net.Listen("tcp", c.addr)
	if err != nil {
		log.Error("cannot listen", "flag", "--addr", "error", err)
		return exitFailed
	}
	defer listener.Close()
	m := newMetrics()
	app := newApplication(c, gate, data, m, log)

	forClients := m.handler(app.srv)
	if !gate.Open() {
		forClients = nil
	}
	if c.opsAddr != "" {
		l, err := net.Listen("tcp", c.opsAddr)
		if err != nil {
			log.Error("cannot listen", "flag", "--ops-addr", "error", err)
			return exitFailed
		}
		ops := serveOps(l, opsRoutes(m.handler(app.srv), gate, revoked, log), log)
		defer ops.Close()
	}
	return serve(c, app, forClients, gate.Open(), listener, signals, log)
}

// misused says what is wrong with the command line.
func misused(stderr io.Writer, err error) int {
	fmt.Fprintf(stderr, "parley: %v\nRun parley --help for the flags.\n", err)
	return exitUsage
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
		MaxDepth:             maxDepth,
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
	o.OnSession = func(i engineio.SessionInfo) {
		switch i.Change {
		case engineio.SessionOpened:
			addresses.Opened(i.RemoteAddr)
		case engineio.SessionClosed:
			addresses.Closed(i.RemoteAddr)
		}
		next(i)
	}
}

// An application is the server and what it serves besides Socket.IO.
type application struct {
	srv           *socketio.Server
	notifications *notifications.Notifications
	hub           *plain.Hub
}

// newApplication mounts the namespaces.
func newApplication(c *config, gate *identity.Gate, data *disk.File, m *metrics, log *slog.Logger) *application {
	srv := newServer(c, m, log)
	m.namespace(srv.Of("/"))
	srv.OnNamespace(m.namespace)
	var rate, directRate limits.Rate // nil: no limit
	if c.rateLimit > 0 {
		rate = m.rate(limits.NewWindow(c.rateLimit, time.Minute))
		directRate = m.rate(limits.NewWindow(c.rateLimit, time.Minute))
	}
	chat.Mount(srv, gate, &chat.Options{
		RoomsPerSocket: roomsPerClient, Recovery: c.recovery, Rate: rate, DirectRate: directRate, Keeper: data.Chat(), Logger: log,
	})
	documents.Mount(srv, gate, &documents.Options{Recovery: c.recovery, Keeper: data.Documents(), Logger: log})
	pubsub.Mount(srv, gate, &pubsub.Options{Recovery: c.recovery})
	return &application{
		srv: srv,
		notifications: notifications.Mount(srv, gate, &notifications.Options{
			Recovery: c.recovery, Keeper: data.Notifications(), Logger: log,
		}),
		hub: plain.New(srv, gate, &plain.Options{Rate: rate, Logger: log}),
	}
}

// serve serves clients until the first signal. Metrics may be nil.
func serve(c *config, app *application, metrics http.HandlerFunc, open bool, listener net.Listener, signals <-chan os.Signal, log *slog.Logger) int {
	var ready atomic.Bool
	web := newHTTPServer(routes(c, app, &ready, metrics), log)
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
		return drain(c.drain, app.srv, app.hub, web, sig, signals, log)
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
