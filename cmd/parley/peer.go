package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"parley/adapters/forward"
	"parley/server/socketio"
)

// peerConfig says how nodes pass requests on to each other.
type peerConfig struct {
	forward bool
	addr    string // empty: that of clients
	url     string // empty: found out
}

var peerSettings = []setting{
	{"forward", onOff, "on", "with --redis-url, pass requests of sessions that are at another node on to it, so that no load balancer needs sticky sessions; WebSockets from the start never need that",
		func(c *config, v string) (err error) { c.peer.forward, err = parseSwitch(v); return }},
	{"peer-addr", "host:port", "", "where to serve requests that other nodes pass on; nodes prove to each other that they are, but what they say is not encrypted; none: --addr serves them too",
		func(c *config, v string) (err error) { c.peer.addr, err = parseOptionalAddr(v); return }},
	{"peer-url", "url", "", "where other nodes reach this one, as http://host:port; none: the port of --peer-addr or --addr, and its host or else the address of this machine on the way to Redis",
		func(c *config, v string) (err error) { c.peer.url, err = parsePeerURL(v); return }},
}

// check refuses what has no effect.
func (p *peerConfig) check(given map[string]bool, alone bool) error {
	for _, name := range []string{"peer-addr", "peer-url"} {
		switch {
		case given[name] && alone:
			return fmt.Errorf("--%s: there is no --redis-url", name)
		case given[name] && !p.forward:
			return fmt.Errorf("--%s: there is --forward=off", name)
		}
	}
	return nil
}

func parsePeerURL(v string) (string, error) {
	if v == "" {
		return "", nil
	}
	u, err := url.Parse(v)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" || u.Port() == "" || strings.Trim(u.Path, "/") != "" ||
		u.User != nil || u.RawQuery != "" {
		return "", errors.New("want a URL such as http://10.0.0.7:3000")
	}
	return u.Scheme + "://" + u.Host, nil
}

// A forwarding passes requests of other nodes' sessions on, and serves those that other nodes pass on. The methods of nil
// say that nobody does.
type forwarding struct {
	node     *forward.Node
	listener net.Listener // of --peer-addr; nil: none
	web      *http.Server
	log      *slog.Logger
}

// openForwarding makes this node known to the others. Clients are served at the given address. Servers says where Redis
// is. An error names the flag that is wrong.
func openForwarding(c *config, client redis.UniversalClient, servers []string, clients net.Addr, log *slog.Logger) (*forwarding, error) {
	if client == nil || !c.peer.forward {
		return nil, nil
	}
	f := &forwarding{log: log}
	at := clients
	if c.peer.addr != "" {
		var err error
		if f.listener, err = net.Listen("tcp", c.peer.addr); err != nil {
			return nil, fmt.Errorf("--peer-addr: %w", err)
		}
		at = f.listener.Addr()
	}
	o := &forward.Options{URL: cmp.Or(c.peer.url, "http://"+reachable(at.(*net.TCPAddr), servers)), Prefix: c.redis.prefix, Secret: c.redis.derived("forwarded requests"), Logger: log}
	var err error
	if f.node, err = forward.New(client, o); err != nil {
		if f.listener != nil {
			f.listener.Close()
		}
		return nil, fmt.Errorf("--peer-url: %w", err)
	}
	log.Info("requests of other nodes' sessions are passed on", "peer-url", o.URL)
	return f, nil
}

// reachable returns the address at which other machines reach a listener, as far as this one can tell: where it listens
// on all addresses, that from which it reaches Redis.
func reachable(at *net.TCPAddr, servers []string) string {
	host := at.AddrPort().Addr().Unmap()
	if host.IsUnspecified() {
		host = netip.AddrFrom4([4]byte{127, 0, 0, 1})
		for _, server := range servers {
			c, err := net.DialTimeout("udp", server, time.Second) // which sends nothing
			if err == nil {
				host = c.LocalAddr().(*net.UDPAddr).AddrPort().Addr().Unmap()
				c.Close()
				break
			}
		}
	}
	return net.JoinHostPort(host.String(), strconv.Itoa(at.Port))
}

// configure lets the ids of a server's sessions tell whose they are.
func (f *forwarding) configure(o *socketio.Options) {
	if f != nil {
		o.NodeTag = f.node.Tag()
	}
}

// handler serves a server's clients.
func (f *forwarding) handler(h http.Handler) http.Handler {
	if f == nil {
		return h
	}
	return f.node.Handler(h)
}

// serve serves the other nodes at --peer-addr, if there is one.
func (f *forwarding) serve(h http.Handler) {
	if f == nil || f.listener == nil {
		return
	}
	f.web = newHTTPServer(f.node.PeerHandler(h), f.log)
	go func() {
		if err := f.web.Serve(f.listener); !errors.Is(err, http.ErrServerClosed) {
			f.log.Error("cannot serve other nodes", "flag", "--peer-addr", "error", err)
		}
	}()
}

// drain lets what this node passes on come to its end.
func (f *forwarding) drain(ctx context.Context, over time.Duration) {
	if f == nil {
		return
	}
	if err := f.node.Drain(ctx, over); err != nil {
		f.log.Warn("requests were still being passed on after the drain time", "error", err, "open", f.node.Stats().Open)
	}
}

// close is for when the server has been shut down.
func (f *forwarding) close(ctx context.Context) {
	if f == nil {
		return
	}
	if err := f.node.Close(ctx); err != nil {
		f.log.Warn("other nodes find out by themselves that this one has gone", "error", err)
	}
	if f.web != nil {
		if err := f.web.Shutdown(ctx); err != nil {
			f.web.Close()
		}
	} else if f.listener != nil {
		f.listener.Close()
	}
}

// writeStats writes what operators should know.
func (f *forwarding) writeStats(w io.Writer) {
	if f == nil {
		return
	}
	s := f.node.Stats()
	listed := int64(0)
	if s.Listed {
		listed = 1
	}
	for _, g := range []struct {
		name, kind, help string
		value            int64
	}{
		{"parley_forwarded_total", "counter", "Requests passed on to other nodes.", s.Forwarded},
		{"parley_forward_failed_total", "counter", "Requests for other nodes that were not reached.", s.Failed},
		{"parley_forward_accepted_total", "counter", "Requests that other nodes have passed on to this one.", s.Accepted},
		{"parley_forward_open", "gauge", "Requests and WebSockets that are being passed on.", int64(s.Open)},
		{"parley_forward_nodes", "gauge", "Other nodes that requests can be passed on to.", int64(s.Nodes)},
		{"parley_forward_listed", "gauge", "1 if other nodes know where this one is.", listed},
	} {
		head(w, g.name, g.kind, g.help)
		fmt.Fprintf(w, "%s %d\n", g.name, g.value)
	}
}
