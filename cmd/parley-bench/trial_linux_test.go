package main

import (
	"context"
	"net"
	"os"
	"strings"
	"testing"
	"time"
)

// quick is a load of a second or less for a scenario.
func quick() *runSpec {
	return &runSpec{Payload: 64, Scale: 0.01, Idle: 50 * time.Millisecond, Patience: 200 * time.Millisecond}
}

// tryStub runs a scenario on s.
func tryStub(t *testing.T, s *stub, scenario string) *result {
	t.Helper()
	return try(t.Context(), quick(), serverSpec{Name: "stub", Addr: s.listen(t)}, scenario)
}

func TestEveryScenarioPassesOnCorrectServer(t *testing.T) {
	t.Parallel()
	for _, scenario := range scenarioNames {
		t.Run(scenario, func(t *testing.T) {
			t.Parallel()
			if r := tryStub(t, new(stub), scenario); !r.ok() {
				t.Errorf("faults %+v, errors %q", r.faults, r.Errors)
			}
		})
	}
	if len(scenarios) != len(scenarioNames)+len(acrossNames) {
		t.Errorf("%d scenarios, %d names", len(scenarios), len(scenarioNames))
	}
}

// A mistake sends something else in place of the n-th message to a client.
type mistake func(n int, packet string) []string

// mistakeAt makes a mistake with one message of each client; the scenarios send at least ten.
func mistakeAt(instead func(packet string) []string) mistake {
	return func(n int, packet string) []string {
		if n == 5 {
			return instead(packet)
		}
		return []string{packet}
	}
}

var (
	losing   = mistakeAt(func(string) []string { return nil })
	doubling = mistakeAt(func(p string) []string { return []string{p, p} })
	changing = mistakeAt(func(p string) []string { return []string{strings.Replace(p, "xx", "x", 1)} })
	misnamed = mistakeAt(func(p string) []string { return []string{strings.Replace(p, packetAck, packetAck+"9", 1)} })
)

// swapping sends two messages of each client in the wrong order.
func swapping() mistake {
	held := "" // all members get the same
	return func(n int, packet string) []string {
		switch n {
		case 5:
			held = packet
			return nil
		case 6:
			return []string{packet, held}
		}
		return []string{packet}
	}
}

func TestMistakesOfTheServerAreCounted(t *testing.T) {
	// The load has two clients in echo and ack, ten in a burst's room.
	for _, c := range []struct {
		name     string
		scenario string
		deliver  mistake
		want     faults
	}{
		{"lost echo", "echo", losing, faults{Lost: 2}},
		{"lost delivery", "burst", losing, faults{Lost: 10}},
		{"swapped deliveries", "burst", swapping(), faults{OutOfOrder: 10}},
		{"repeated delivery", "burst", doubling, faults{Repeated: 10}},
		{"changed echo", "echo", changing, faults{Corrupt: 2, Lost: 2}},
		{"acknowledgement of another message", "ack", misnamed, faults{Corrupt: 2, Lost: 2}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if r := tryStub(t, &stub{deliver: c.deliver}, c.scenario); r.ok() || r.faults != c.want {
				t.Errorf("faults %+v, want %+v, errors %q", r.faults, c.want, r.Errors)
			}
		})
	}
}

func TestLostMessageInRoomEndsItsTurns(t *testing.T) {
	if r := tryStub(t, &stub{deliver: losing}, "rooms"); r.Lost == 0 || r.ok() {
		t.Errorf("faults %+v, errors %q", r.faults, r.Errors)
	}
}

func TestConnectsThatNeverCompleteAreCounted(t *testing.T) {
	s := &stub{welcome: func(n int) bool { return n != 29 }}
	r := tryStub(t, s, "connect")
	if r.NeverCompleted != 1 || r.ok() {
		t.Errorf("%d never completed, errors %q", r.NeverCompleted, r.Errors)
	}
}

func TestServerThatIsNotThere(t *testing.T) {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	r := try(t.Context(), quick(), serverSpec{Name: "none", Addr: l.Addr().String()}, "connect")
	if r.NeverCompleted != 10 || r.ok() {
		t.Errorf("%d never completed, errors %q", r.NeverCompleted, r.Errors)
	}
}

func TestCancelEndsScenario(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	spec := quick()
	spec.Idle = 10 * time.Minute
	addr := new(stub).listen(t)
	begin := time.Now()
	r := try(ctx, spec, serverSpec{Name: "stub", Addr: addr}, "idle")
	if r.ok() || time.Since(begin) > 5*time.Second {
		t.Errorf("ended after %v, errors %q", time.Since(begin), r.Errors)
	}
}

// self gives the command that runs this test binary as a server program.
func self(t *testing.T, args string) string {
	t.Helper()
	path, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return path + " " + args
}

func TestServerIsStartedAndEnded(t *testing.T) {
	p, err := startProcess(t.Context(), serverSpec{Command: self(t, "stub {addr}")}, "")
	if err != nil {
		t.Fatal(err)
	}
	if used, err := measure(p.pid); err != nil || used.cpu <= 0 || used.resident <= 0 || !p.alive() {
		t.Errorf("usage %+v, error %v, alive %v", used, err, p.alive())
	}
	p.stop()
	if conn, err := net.Dial("tcp4", p.addr); err == nil {
		conn.Close()
		t.Error("the server still accepts connections")
	}
	if p.alive() {
		t.Error("the server is still alive")
	}
}

func TestServerThatDoesNotStartIsExplained(t *testing.T) {
	_, err := startProcess(t.Context(), serverSpec{Command: self(t, "stub not-an-address-{addr}")}, "")
	if err == nil || !strings.Contains(err.Error(), "not-an-address") {
		t.Errorf("error %v does not say what the server printed", err)
	}
}

// Our own side, as a process: the figures that the system gives must be there, and nothing may go wrong.
func TestParleyServesEveryScenario(t *testing.T) {
	t.Parallel()
	for _, scenario := range scenarioNames {
		t.Run(scenario, func(t *testing.T) {
			t.Parallel()
			spec := quick()
			spec.Patience = 5 * time.Second
			r := try(t.Context(), spec, serverSpec{Name: "parley", Command: self(t, "serve --addr {addr}")}, scenario)
			if !r.ok() {
				t.Errorf("faults %+v, errors %q", r.faults, r.Errors)
			}
			if first := r.Figures[0]; first.Name != "server CPU" && first.Name != "memory" {
				t.Errorf("the first figure is %+v", first)
			}
		})
	}
}
