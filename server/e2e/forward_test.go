package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/netip"
	"net/url"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"parley/adapters/forward"
	"parley/adapters/memory"
	"parley/adapters/redisconn/redistest"
	proxies "parley/namespaces/limits"
	"parley/server/socketio"
)

// A forwardingNode is one server of several behind a proxy that remembers nothing.
type forwardingNode struct {
	url  string
	io   *socketio.Server
	node *forward.Node
	web  *http.Server
}

// startForwarding runs servers with one application until the end of the test. The directory of the nodes is in a real Redis, the rest
// of the cluster in memory.
func startForwarding(t *testing.T, opts socketio.Options, count int) []*forwardingNode {
	t.Helper()
	notNode(t, "it needs sticky sessions")
	before := runtime.NumGoroutine()
	redis := redistest.Start(t).Client(t)
	t.Cleanup(func() {
		_ = redis.Close()
		settle(t, before+1) // the one that waits for redis-server
	})
	bus := memory.NewBus(nil)
	ended := newEndings()
	log := slog.New(slog.NewTextHandler(&testLog{t: t}, &slog.HandlerOptions{Level: slog.LevelError}))
	nodes := make([]*forwardingNode, count)
	for i := range nodes {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		n := &forwardingNode{url: "http://" + l.Addr().String()}
		if n.node, err = forward.New(redis, &forward.Options{URL: n.url, Logger: log}); err != nil {
			t.Fatal(err)
		}
		o := opts
		o.NodeTag, o.Adapter, o.Logger = n.node.Tag(), bus.Adapter, log
		n.io = socketio.New(&o)
		mountIn(n.io, ended)
		mux := http.NewServeMux()
		mux.Handle("/socket.io/", n.node.Handler(n.io))
		mux.HandleFunc("/readyz", func(http.ResponseWriter, *http.Request) {})
		n.web = &http.Server{Handler: proxies.BehindProxies([]netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}, mux), ErrorLog: slog.NewLogLogger(slog.DiscardHandler, slog.LevelInfo)}
		go n.web.Serve(l)
		nodes[i] = n
		t.Cleanup(func() { n.stop(t) })
	}
	return nodes
}

func (n *forwardingNode) stop(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := errors.Join(n.io.Shutdown(ctx), n.node.Close(ctx)); err != nil {
		t.Errorf("the end of a node: %v", err)
	}
	_ = n.web.Close()
}

// byRequest is a proxy that sends each request to the next server.
func byRequest(t *testing.T, nodes []*forwardingNode) string {
	var turn atomic.Int64
	proxy := httptest.NewServer(&httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			target, err := url.Parse(nodes[int(turn.Add(1))%len(nodes)].url)
			if err != nil {
				panic(err)
			}
			r.SetURL(target)
			r.Out.Host = r.In.Host
		},
		FlushInterval: -1,
		ErrorLog:      slog.NewLogLogger(slog.DiscardHandler, slog.LevelInfo),
	})
	t.Cleanup(func() {
		proxy.CloseClientConnections()
		proxy.Close()
		http.DefaultTransport.(*http.Transport).CloseIdleConnections()
	})
	return proxy.URL
}

// byConnection is a proxy that sends each connection to the next server.
func byConnection(t *testing.T, nodes []*forwardingNode) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	all.Go(func() {
		for turn := 0; ; turn++ {
			client, err := l.Accept()
			if err != nil {
				return
			}
			server, err := net.Dial("tcp", nodes[turn%len(nodes)].url[len("http://"):])
			if err != nil {
				client.Close()
				continue
			}
			copying := func(to, from net.Conn) {
				_, _ = io.Copy(to, from)
				_ = to.(*net.TCPConn).CloseWrite()
			}
			var both sync.WaitGroup
			both.Go(func() { copying(server, client) })
			both.Go(func() { copying(client, server) })
			all.Go(func() {
				both.Wait()
				client.Close()
				server.Close()
			})
		}
	})
	t.Cleanup(func() {
		l.Close()
		all.Wait()
	})
	return "http://" + l.Addr().String()
}

// TestOfficialClientsWithoutStickySessions: whatever a client does, it does not notice that its requests go to two servers in turn.
func TestOfficialClientsWithoutStickySessions(t *testing.T) {
	opts := roomy
	opts.AllowEIO3 = true
	nodes := startForwarding(t, opts, 2)
	request, connection := byRequest(t, nodes), byConnection(t, nodes)
	for name, c := range map[string]struct {
		script, url, mode string
		groups            []string
		only              string
	}{
		"polling, by request":       {"node.mjs", request, "polling", []string{"connection"}, ""},
		"upgrade, by request":       {"node.mjs", request, "upgrade", []string{"events", "endings"}, ""},
		"upgrade, by connection":    {"node.mjs", connection, "upgrade", []string{"connection", "endings"}, ""},
		"order over the upgrade":    {"node.mjs", request, "upgrade", []string{"delivery"}, "order across the upgrade"},
		"2.x upgrade, by request":   {"node-old.mjs", request, "upgrade", []string{"old"}, ""},
		"2.x base64, by connection": {"node-old.mjs", connection, "base64", []string{"old"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			driver := startScript(t, c.script, task{
				"url": c.url, "mode": c.mode, "rounds": 1, "kicks": 3, "crowd": 4, "groups": c.groups, "only": c.only,
			}.json())
			outcomes(t, driver)
			driver.wait()
		})
	}
	t.Run("JSONP", func(t *testing.T) { throughJSONP(t, request) })
	for i, n := range nodes {
		if s := n.node.Stats(); s.Forwarded == 0 || s.Accepted == 0 || s.Failed > 0 {
			t.Errorf("node %d: %+v", i, s)
		}
	}
}

// throughJSONP gets an event back as a page of old does that polls with scripts and forms.
func throughJSONP(t *testing.T, base string) {
	query := "/socket.io/?EIO=3&transport=polling&j=0"
	get := func() string {
		t.Helper()
		res, err := http.Get(base + query)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		script, err := io.ReadAll(res.Body)
		call, _ := strings.CutPrefix(string(script), "___eio[0](")
		var payload string
		if err2 := json.Unmarshal([]byte(strings.TrimSuffix(call, ");")), &payload); errors.Join(err, err2) != nil {
			t.Fatalf("%s %q: %v", res.Status, script, errors.Join(err, err2))
		}
		return payload
	}
	got := get()
	_, sid, _ := strings.Cut(got, `"sid":"`)
	sid, _, _ = strings.Cut(sid, `"`)
	query += "&sid=" + sid
	for !strings.Contains(got, `["welcome"`) {
		got = get()
	}
	const event = `16:42["echo","hé "]`
	res, err := http.PostForm(base+query, url.Values{"d": {event}})
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if got := get(); res.StatusCode != 200 || got != event {
		t.Errorf("%s, %q", res.Status, got)
	}
}
