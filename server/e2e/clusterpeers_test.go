package e2e

import (
	"context"
	"encoding/json"
	"flag"
	"log/slog"
	"net"
	"net/http/httptest"
	"strconv"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"parley/adapters/memory"
	"parley/adapters/redisconn/redistest"
	"parley/server/adapter"
	"parley/server/socketio"
)

// patienceWithPeers bounds a scenario over several servers.
const patienceWithPeers = time.Minute

var onlyNode = flag.Bool("onlynode", false, "mixed clusters have servers of Node alone, which tells a wrong scenario from a wrong server")

// A connector makes the adapter of one of our servers, and what ends it.
type connector func(t *testing.T, client *redis.Client) (connect func(adapter.Local) (adapter.Adapter, error), stop func(context.Context) error)

// nodePeer configures js/peer.mjs.
type nodePeer struct {
	Redis    int            `json:"redis"`  // port
	Wire     string         `json:"wire"`   // classic, sharded or streams
	Client   string         `json:"client"` // redis, redis-4 or ioredis
	Options  map[string]any `json:"options,omitempty"`
	Recovery int64          `json:"recovery,omitempty"` // ms
}

// A peer is a server of a mixed cluster.
type peerServer struct {
	URL  string `json:"url"`
	Node bool   `json:"node"`
	// Relay is another way to the server; none if empty.
	Relay string `json:"relay,omitempty"`

	script *script // of Node
	app    *clusterApp
}

func port(t *testing.T, addr string) int {
	t.Helper()
	_, text, err := net.SplitHostPort(addr)
	if err != nil {
		t.Fatal(err)
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func startNodePeer(t *testing.T, p nodePeer) *peerServer {
	t.Helper()
	given, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	s := startScript(t, "peer.mjs", string(given))
	peer := &peerServer{Node: true, script: s}
	s.next(peer, patience)
	return peer
}

// health fails the test if an ordinary process would have died, or if something kept it from all else.
func (p *peerServer) health(t *testing.T) {
	t.Helper()
	if p.script == nil {
		return
	}
	var health struct {
		Trouble []string
		Stalled float64
	}
	p.script.tell("health")
	p.script.next(&health, patience)
	for _, what := range health.Trouble {
		t.Errorf("the Node server at %s: %s", p.URL, what)
	}
	if health.Stalled > 5000 {
		t.Errorf("the Node server at %s stood still for %.0f ms", p.URL, health.Stalled)
	}
}

// startOwnPeer runs one of our servers until the end of the test.
func startOwnPeer(t *testing.T, redisAddr string, connect connector, recovery time.Duration) *peerServer {
	t.Helper()
	client := redis.NewClient(&redis.Options{Addr: redisAddr})
	make, stop := connect(t, client)
	log := slog.New(slog.NewTextHandler(&testLog{t: t}, &slog.HandlerOptions{Level: slog.LevelError}))
	app := newClusterApp(socketio.Options{Adapter: make, Logger: log}, recovery)
	ts := httptest.NewServer(app.io)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := app.io.Shutdown(ctx); err != nil {
			t.Errorf("Shutdown: %v", err)
		}
		ts.Close()
		if err := stop(ctx); err != nil {
			t.Errorf("closing the adapter: %v", err)
		}
		_ = client.Close()
	})
	return &peerServer{URL: ts.URL, app: app}
}

// TestMixedCluster: two of our servers and one of Node on one Redis do everything that servers do together, started at each.
func TestMixedCluster(t *testing.T) {
	notNode(t, "each has a server of Node in it")
	for _, row := range mixedClusters {
		t.Run(row.name, func(t *testing.T) {
			server := redistest.Start(t)
			node := row.node
			node.Redis = port(t, server.Addr)
			var peers []*peerServer
			for range 2 {
				if *onlyNode || row.connect == nil {
					peers = append(peers, startNodePeer(t, node))
				} else {
					peers = append(peers, startOwnPeer(t, server.Addr, row.connect, 0))
				}
			}
			peers = append(peers, startNodePeer(t, node))
			playTogether(t, peers, node)
			for _, p := range peers {
				p.health(t)
			}
		})
	}
}

// TestOwnCluster: the same with servers of ours alone, in one process.
func TestOwnCluster(t *testing.T) {
	notNode(t, "its adapter in memory does not leave its process")
	bus := memory.NewBus(nil)
	var peers []*peerServer
	for range 3 {
		peers = append(peers, startOwnPeer(t, "", func(*testing.T, *redis.Client) (func(adapter.Local) (adapter.Adapter, error), func(context.Context) error) {
			return bus.Adapter, func(context.Context) error { return nil }
		}, 0))
	}
	playTogether(t, peers, nodePeer{})
}

// playTogether runs the scenarios of js/cluster-peers.mjs.
func playTogether(t *testing.T, peers []*peerServer, node nodePeer) {
	t.Helper()
	driver := startScript(t, "cluster-peers.mjs", task{"peers": peers, "wire": node.Wire, "redis": node.Redis}.json())
	for {
		var report struct {
			Scenario string
			Error    *string
			MS       int
			Done     bool
		}
		driver.next(&report, patienceWithPeers)
		if report.Done {
			break
		}
		t.Run(report.Scenario, func(t *testing.T) {
			if t.Logf("%d ms", report.MS); report.Error != nil {
				t.Error(*report.Error)
			}
		})
	}
	driver.wait()
}
