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

	"parley/namespaces/disk"
	"parley/namespaces/identity"
	"parley/namespaces/limits"
)

// Exit codes.
const (
	exitOK     = 0
	exitFailed = 1
	exitUsage  = 2
)

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
	shared, err := openShared(c, log)
	if err != nil {
		return misused(stderr, fmt.Errorf("--redis-url: %w", err))
	}
	defer shared.close(log)
	revoked, err := revocations(data, shared)
	if err != nil {
		log.Error("cannot read the data file", "flag", "--data", "error", err)
		return exitFailed
	}
	gate, err := c.keys.gate(revoked)
	if err != nil {
		return misused(stderr, err)
	}
	shared.admits(gate)
	return host(c, gate, revoked, data, shared, signals, log)
}

// host serves with what has been opened, and returns the exit code.
func host(c *config, gate *identity.Gate, revoked *identity.Revocations, data *disk.File, shared *shared, signals <-chan os.Signal, log *slog.Logger) int {
	listener, err := net.Listen("tcp", c.addr)
	if err != nil {
		log.Error("cannot listen", "flag", "--addr", "error", err)
		return exitFailed
	}
	defer listener.Close()
	forward, err := shared.forwarding(c, listener.Addr(), log)
	if err != nil {
		log.Error("cannot serve other nodes", "error", err)
		return exitFailed
	}
	m := newMetrics()
	app := newApplication(c, gate, data, shared, forward, m, log)
	metrics := m.handler(app)
	forClients := metrics
	if !gate.Open() {
		forClients = nil
	}
	if c.opsAddr != "" {
		l, err := net.Listen("tcp", c.opsAddr)
		if err != nil {
			log.Error("cannot listen", "flag", "--ops-addr", "error", err)
			return exitFailed
		}
		ops := serveOps(l, opsRoutes(metrics, gate, revoked, log), log)
		defer ops.Close()
	}
	return serve(c, app, forClients, gate.Open(), listener, signals, log)
}

// misused says what is wrong with the command line.
func misused(stderr io.Writer, err error) int {
	fmt.Fprintf(stderr, "parley: %v\nRun parley --help for the flags.\n", err)
	return exitUsage
}

// serve serves clients until the first signal. Metrics may be nil.
func serve(c *config, app *application, metrics http.HandlerFunc, open bool, listener net.Listener, signals <-chan os.Signal, log *slog.Logger) int {
	var ready atomic.Bool
	all := routes(c, app, &ready, metrics)
	web := newHTTPServer(limits.BehindProxies(c.trustedProxies, all), log)
	app.forward.serve(all)
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
		return drain(c.drain, app, web, sig, signals, log)
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
