package redistest_test

import (
	"testing"

	"parley/adapters/redisconn/redistest"
)

func TestServerKeepsItsFilesAndPort(t *testing.T) {
	s := redistest.Start(t, "--appendonly", "yes", "--appendfsync", "always")
	client := s.Client(t)
	if err := client.Set(t.Context(), "k", "v", 0).Err(); err != nil {
		t.Fatal(err)
	}
	s.Kill()
	s.Restart()
	s.Pause()
	s.Resume()
	if v, err := client.Get(t.Context(), "k").Result(); v != "v" || err != nil {
		t.Fatalf("after a kill: %q, %v", v, err)
	}
}

func TestClusterMovesSlots(t *testing.T) {
	c := redistest.StartCluster(t, 3)
	client := c.Client(t)
	if err := client.Set(t.Context(), "k", "v", 0).Err(); err != nil {
		t.Fatal(err)
	}
	to := (c.Owner("k") + 1) % 3
	c.Move(c.Slot("k"), to)
	if v, err := client.Get(t.Context(), "k").Result(); v != "v" || err != nil || c.Owner("k") != to {
		t.Fatalf("after the move: %q, %v, owner %d", v, err, c.Owner("k"))
	}
}
