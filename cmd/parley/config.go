package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net/netip"
	"slices"
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

	redis            redisConfig
	peer             peerConfig
	keys             keyConfig
	rateLimit        int // messages per minute and user; 0: no limit
	eventRate        int // per second and connection; 0: no limit
	connectionsPerIP int // 0: no limit
	trustedProxies   []netip.Prefix
	opsAddr          string // empty: none

	token tokenConfig // of "parley token"

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

var settings = slices.Concat([]setting{
	{"addr", "host:port", openAddr, "where to listen; port 0 takes a free one; with a key the default is " + keyedAddr,
		func(c *config, v string) (err error) { c.addr, err = parseAddr(v); return }},
	{"origins", "list", "", "origins, separated by commas, whose pages may connect, such as https://*.app.example, or * for all; always: the server's own, and without a key those on loopback",
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
	{"rate-limit", "number", "10", "messages to rooms, and as many to people, that a user may send in any minute, over all of their connections; 0 switches the limit off",
		func(c *config, v string) (err error) { c.rateLimit, err = parseNumber(v, 0, 100_000); return }},
	{"event-rate", "number", "50", "packets that a connection may send in a second, after a first burst of twice as many; who sends faster is read more slowly; 0 switches the limit off",
		func(c *config, v string) (err error) { c.eventRate, err = parseNumber(v, 0, 1_000_000); return }},
	{"connections-per-ip", "number", "1000", "connections that an address may have at one time, not counting this machine; a fiftieth of it may be opened in a second, after a first fifth; 0 switches the limit off",
		func(c *config, v string) (err error) {
			c.connectionsPerIP, err = parseNumber(v, 0, 1_000_000)
			return
		}},
	{"trusted-proxies", "list", "", "addresses and networks, separated by commas, of proxies whose X-Forwarded-For tells a client's address, such as 10.0.0.0/8",
		func(c *config, v string) (err error) { c.trustedProxies, err = parsePrefixes(v); return }},
	{"ops-addr", "host:port", "", "where to serve metrics, profiles and POST /admin/revoke; whoever reaches this address may use them",
		func(c *config, v string) (err error) { c.opsAddr, err = parseOptionalAddr(v); return }},
}, redisSettings, peerSettings, keySettings)

// onOff is the kind of a setting whose flag, alone, means on.
const onOff = "on|off"

// secret is the kind of a setting whose value is never shown.
const secret = "secret"

// hidden reports whether the value is never shown.
func (s *setting) hidden() bool { return s.kind == secret || s.kind == secretURL }

// env is the name of the setting's environment variable, empty if it has none.
func (s *setting) env() string {
	if slices.Contains(flagsOnly, s.name) {
		return ""
	}
	return envPrefix + strings.ToUpper(strings.ReplaceAll(s.name, "-", "_"))
}

const envPrefix = "PARLEY_"

// Where to listen unless told otherwise: in open mode whoever gets through is believed, so nobody from elsewhere does.
const (
	openAddr  = "127.0.0.1:3000"
	keyedAddr = ":3000"
)

// parseConfig reads the server's configuration; see parse.
func parseConfig(args, environ []string) (*config, error) {
	c, given, err := parse(settings, args, environ)
	if err != nil {
		return nil, err
	}
	if err := c.keys.check(); err != nil {
		return nil, err
	}
	if err := c.redis.check(given, c.data); err != nil {
		return nil, err
	}
	if err := c.peer.check(given, c.redis.url == nil); err != nil {
		return nil, err
	}
	if !given["addr"] && c.keys.given() {
		c.addr = keyedAddr
	}
	return c, nil
}

// parse reads the command line and, for what it leaves out, the environment, in which an empty value says nothing. It
// tells which settings were given. The error is flag.ErrHelp if help was asked for; any other names the flag that is wrong.
func parse(settings []setting, args, environ []string) (c *config, set map[string]bool, err error) {
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
		return nil, nil, flagError(err)
	}
	if fs.NArg() > 0 {
		return nil, nil, fmt.Errorf("unexpected argument %q", fs.Arg(0))
	}
	vars, unknown := ourVariables(settings, environ)
	c, set = &config{unknownEnv: unknown}, make(map[string]bool)
	for _, s := range settings {
		value, source := s.def, "--"+s.name
		if v := vars[s.env()]; v != "" {
			value, source, set[s.name] = v, fmt.Sprintf("--%s (from %s)", s.name, s.env()), true
		}
		if v, ok := given[s.name]; ok {
			value, source, set[s.name] = v, "--"+s.name, true
		}
		if err := s.set(c, value); err != nil {
			if s.hidden() {
				return nil, nil, fmt.Errorf("%s: %w", source, err)
			}
			return nil, nil, fmt.Errorf("%s %q: %w", source, value, err)
		}
	}
	return c, set, nil
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
func ourVariables(settings []setting, environ []string) (vars map[string]string, unknown []string) {
	known := make(map[string]bool)
	for _, s := range settings {
		known[s.env()] = true
	}
	vars = make(map[string]string)
	for _, e := range environ {
		name, value, _ := strings.Cut(e, "=")
		switch {
		case known[name] && name != "":
			vars[name] = value
		case strings.HasPrefix(name, envPrefix):
			unknown = append(unknown, name)
		}
	}
	return vars, unknown
}

const usage = `Usage: parley [flags]
       parley token [flags]    print a token for a quick try

Each flag has an environment variable; the flag wins.
Durations are written like 500ms, 25s or 2m.

`

func printHelp(w io.Writer, usage string, settings []setting) {
	fmt.Fprint(w, usage)
	for _, s := range settings {
		def := "none"
		if s.def != "" {
			def = s.def
		}
		value := " <" + s.kind + ">"
		if s.kind == onOff {
			value = "[=" + onOff + "]"
		}
		env := s.env()
		if env != "" {
			env = ", environment " + env
		}
		fmt.Fprintf(w, "  --%s%s\n        %s\n        default %s%s\n", s.name, value, s.help, def, env)
	}
	fmt.Fprint(w, "  --help\n        show this and end\n")
}
