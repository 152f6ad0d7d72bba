package e2e

import (
	"strings"
	"testing"
	"time"

	"parley/adapters/redisconn/redistest"
)

// TestClientsRecoverOnAnotherServer: a client that is cut off from one server comes back to another one, of ours or of Node,
// and gets each event once and in order. That its old server, of ours, has not noticed yet that it is gone makes no difference
// to another one of ours.
func TestClientsRecoverOnAnotherServer(t *testing.T) {
	notNode(t, "each cluster has a server of Node in it")
	server := redistest.Start(t)
	const window = time.Minute
	node := nodePeer{Redis: port(t, server.Addr), Wire: "streams", Client: "redis", Recovery: window.Milliseconds()}
	peers := []*peerServer{
		startOwnPeer(t, server.Addr, overStreams, window), startOwnPeer(t, server.Addr, overStreams, window),
		startNodePeer(t, node), startNodePeer(t, node),
	}
	for _, p := range peers[:2] {
		relay := newRelay(t, strings.TrimPrefix(p.URL, "http://"))
		relay.swallow()
		p.Relay = relay.url()
	}
	driver := startScript(t, "recover-elsewhere.mjs", task{"peers": peers, "ms": 2000}.json())
	var outcome struct {
		Recovered, Fresh map[string]int
		Trouble          []string
	}
	driver.next(&outcome, patienceWithPeers)
	for _, what := range outcome.Trouble {
		t.Error(what)
	}
	for _, direction := range []string{"own to own", "own to node", "node to own", "node to node"} {
		tolerated := outcome.Recovered[direction] / 10 // who is told so has lost nothing unknowingly
		if direction == "own to own" {
			tolerated = 0
		}
		if outcome.Recovered[direction] == 0 || outcome.Fresh[direction] > tolerated {
			t.Errorf("from %s %d recovered and %d did not", direction, outcome.Recovered[direction], outcome.Fresh[direction])
		}
	}
	driver.wait()
	for _, p := range peers {
		p.health(t)
	}
	t.Logf("recovered %v, not recovered %v", outcome.Recovered, outcome.Fresh)
}
