package zishang520_test

import "testing"

// TestNothingIsLost: connects, broadcasts and echoes in bursts, on both engines.
func TestNothingIsLost(t *testing.T) {
	type losses struct{ Pending, Undelivered, Unreturned, Disordered int }
	load := func(url, patience string) (losses, error) {
		reports, err := script[losses]("load.mjs", url, "50", "200", "100", "100", patience)
		if err != nil {
			return losses{}, err
		}
		return reports[0], nil
	}
	peer, _ := startPeer(t)
	url, _ := start(t, nil, mount)
	ours, err := load(url, "10000")
	if err != nil || ours != (losses{}) {
		t.Errorf("on our engine: %+v, %v", ours, err)
	}
	theirs, err := load(peer, "700")
	t.Logf("of 100 connects, 10,000 deliveries, 5,000 echoes: on their engine %+v, %v; on ours %+v", theirs, err, ours)
}
