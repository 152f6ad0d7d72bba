package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"time"
)

// config is what flags and environment say.
type config struct {
	addr           string
	origins        []string
	path           string // begins and ends with a slash
	transports     []string
	pingInterval   time.Duration
	pingTimeout    time.Duration
	connectTimeout time.Duration
	recovery       time.Duration
	maxPayload     int
	allowEIO3      bool
	drain          time.Duration
	data           string
	logFormat      string
	logLevel       slog.Level

	unknownEnv []string // names with our prefix that mean nothing
}

// A setting is one flag and its environment variable.
type setting struct {
	name string
	kind string // what to write behind the flag
	def  string // the default, as one would write it
	help string
	set  func(c *config, value string) error
}

// longest bounds every duration: nobody means more, and sums of them must not overflow.
const longest = 24 * time.Hour

// largestPayload bounds --max-payload, because one client may keep as much in memory.
const largestPayload = 1 << 30

var settings = []setting{
	{"addr", "host:port", "127.0.0.1:3000", "where to listen; port 0 takes a free one",
		func(c *config, v string) (err error) { c.addr, err = parseAddr(v); return }},
	{"origins", "list", "", "origins, separated by commas, whose pages may connect, such as https://*.app.example, or * for all; always: the server's own and those on loopback",
		func(c *config, v string) (err error) { c.origins, err = parseOrigins(v); return }},
	{"path", "path", "/socket.io/", "where Socket.IO is served",
		func(c *config, v string) (err error) { c.path, err = parsePath(v); return }},
	{"transports", "list", "polling,websocket", "transports, separated by commas",
		func(c *config, v string) (err error) { c.transports, err = parseTransports(v); return }},
	{"ping-interval", "duration", "25s", "time between a client's answer to a ping and the next ping",
		func(c *config, v string) (err error) {
			c.pingInterval, err = parseDuration(v, time.Millisecond)
			return
		}},
	{"ping-timeout", "duration", "20s", "time to answer a ping; who does not is closed",
		func(c *config, v string) (err error) { c.pingTimeout, err = parseDuration(v, time.Millisecond); return }},
	{"connect-timeout", "duration", "45s", "time to join a namespace; who does not is closed",
		func(c *config, v string) (err error) {
			c.connectTimeout, err = parseDuration(v, time.Millisecond)
			return
		}},
	{"recovery", "duration", "2m", "time for which a client that lost its connection can come back and get what it missed; 0s switches it off",
		func(c *config, v string) (err error) { c.recovery, err = parseDuration(v, 0); return }},
	{"max-payload", "bytes", "1000000", "size of the largest message from a client",
		func(c *config, v string) (err error) { c.maxPayload, err = parseNumber(v, 1, largestPayload); return }},
	{"allow-eio3", onOff, "on", "admit socket.io-client 1.x and 2.x, which speak Engine.IO 3",
		func(c *config, v string) (err error) { c.allowEIO3, err = parseSwitch(v); return }},
	{"drain", "duration", "30s", "time over which clients are closed when the server is told to end; 0s closes all at once",
		func(c *config, v string) (err error) { c.drain, err = parseDuration(v, 0); return }},
	{"data", "file", "", "where what must survive a restart is kept, for one server; none: all is in memory",
		func(c *config, v string) error { c.data = v; return nil }},
	{"log-format", "text|json", "text", "form of the log lines",
		func(c *config, v string) (err error) { c.logFormat, err = parseWord(v, "text", "json"); return }},
	{"log-level", "level", "info", "least important lines to log: debug, info, warn or error",
		func(c *config, v string) (err error) { c.logLevel, err = parseLevel(v); return }},
}

// onOff is the kind of a setting whose flag, alone, means on.
const onOff = "on|off"

// env is the name of the setting's environment variable.
func (s *setting) env() string {
	return envPrefix + strings.ToUpper(strings.ReplaceAll(s.name, "-", "_"))
}

const envPrefix = "PARLEY_"

// parseConfig reads the command line and, for what it leaves out, the environment, in which an empty value says nothing.
// The error is flag.ErrHelp if help was asked for; any other names the flag that is wrong.
func parseConfig(args, environ []string) (*config, error) {
	fs := flag.NewFlagSet("parley", flag.ContinueOnError)
	fs.SetOutput(io.Discard) // what goes wrong is told by the caller
	given := make(map[string]string)
	for _, s := range settings {
		define := fs.Func
		if s.kind == onOff {
			define = fs.BoolFunc
		}
		define(s.name, s.help, func(v string) error {
			given[s.name] = v
			return nil
		})
	}
	if err := fs.Parse(args); err != nil {
		return nil, flagError(err)
	}
	if fs.NArg() > 0 {
		return nil, fmt.Errorf("unexpected argument %q", fs.Arg(0))
	}
	vars, unknown := ourVariables(environ)
	c := &config{unknownEnv: unknown}
	for _, s := range settings {
		value, source := s.def, "--"+s.name
		if v := vars[s.env()]; v != "" {
			value, source = v, fmt.Sprintf("--%s (from %s)", s.name, s.env())
		}
		if v, ok := given[s.name]; ok {
			value, source = v, "--"+s.name
		}
		if err := s.set(c, value); err != nil {
			return nil, fmt.Errorf("%s %q: %w", source, value, err)
		}
	}
	return c, nil
}

// flagError spells flags with two dashes, as the help does.
func flagError(err error) error {
	if errors.Is(err, flag.ErrHelp) {
		return err
	}
	what, name, ok := strings.Cut(err.Error(), ": -")
	if !ok {
		return err
	}
	return fmt.Errorf("%s: --%s", what, name)
}

// ourVariables returns the environment's variables with our prefix, and the names of those that are nobody's.
func ourVariables(environ []string) (vars map[string]string, unknown []string) {
	known := make(map[string]bool)
	for _, s := range settings {
		known[s.env()] = true
	}
	vars = make(map[string]string)
	for _, e := range environ {
		name, value, _ := strings.Cut(e, "=")
		switch {
		case known[name]:
			vars[name] = value
		case strings.HasPrefix(name, envPrefix):
			unknown = append(unknown, name)
		}
	}
	return vars, unknown
}

func printHelp(w io.Writer) {
	fmt.Fprint(w, "Usage: parley [flags]\n\nEach flag has an environment variable; the flag wins.\nDurations are written like 500ms, 25s or 2m.\n\n")
	for _, s := range settings {
		def := "none"
		if s.def != "" {
			def = s.def
		}
		value := " <" + s.kind + ">"
		if s.kind == onOff {
			value = "[=" + onOff + "]"
		}
		fmt.Fprintf(w, "  --%s%s\n        %s\n        default %s, environment %s\n", s.name, value, s.help, def, s.env())
	}
	fmt.Fprint(w, "  --help\n        show this and end\n")
}
