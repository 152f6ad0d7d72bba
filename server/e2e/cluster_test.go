package e2e

import (
	"testing"
	"time"

	"parley/adapters/memory"
	"parley/server/socketio"
)

// TestClusterOfTwoServers: clients of two servers are in one room.
func TestClusterOfTwoServers(t *testing.T) {
	notNode(t, "its adapter in memory does not leave its process")
	bus := memory.NewBus(nil)
	a := start(t, socketio.Options{Adapter: bus.Adapter})
	b := start(t, socketio.Options{Adapter: bus.Adapter})
	driver := startScript(t, "cluster.mjs", task{"urls": []string{a.url, b.url}, "mode": "upgrade"}.json())
	var outcome struct{ Error *string }
	driver.next(&outcome, time.Minute)
	if outcome.Error != nil {
		t.Error(*outcome.Error)
	}
	driver.wait()
}
