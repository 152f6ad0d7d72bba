package e2e

import (
	"cmp"
	"encoding/json"
	"os"
	"os/exec"
	"testing"
	"time"

	"parley/server/socketio"
)

var modes = []string{"polling", "websocket", "upgrade"}

// task is the argument of a script; see js/node.mjs, js/chromium.mjs, js/load.mjs.
type task map[string]any

func (t task) json() string {
	text, err := json.Marshal(t)
	if err != nil {
		panic(err)
	}
	return string(text)
}

// roomy lets the scenarios send their largest messages in one burst.
var roomy = socketio.Options{SendQueueBytes: 16 << 20, InboxBytes: 16 << 20}

func TestOfficialClientInNode(t *testing.T) {
	for _, mode := range modes {
		t.Run(mode, func(t *testing.T) {
			srv := start(t, roomy)
			driver := startScript(t, "node.mjs", task{
				"url": srv.url, "mode": mode, "rounds": 5, "kicks": 100, "crowd": 20,
			}.json())
			outcomes(t, driver)
			driver.wait()
		})
	}
}

func TestOfficialClientInChromium(t *testing.T) {
	srv := start(t, roomy)
	// Chromium opens six connections to a host, and a client that polls needs two.
	inChromium(t, modes, task{"url": srv.url, "rounds": 2, "kicks": 20, "crowd": 4})
}

// TestClient2InChromium is for what only browsers do: JSONP, and polling with
// binary bodies.
func TestClient2InChromium(t *testing.T) {
	opts := roomy
	opts.AllowEIO3 = true
	srv := start(t, opts)
	inChromium(t, []string{"polling", "jsonp"}, task{"url": srv.url + "/old"})
}

// inChromium runs the scenarios of a page in each mode.
func inChromium(t *testing.T, modes []string, given task) {
	t.Helper()
	name := cmp.Or(os.Getenv("CHROMIUM"), "chromium")
	browser, err := exec.LookPath(name)
	if err != nil {
		t.Fatalf("Chromium is missing (%v); run make test, which installs it, or set CHROMIUM", err)
	}
	given["modes"], given["browser"] = modes, browser
	driver := startScript(t, "chromium.mjs", given.json())
	for _, mode := range modes {
		t.Run(mode, func(t *testing.T) {
			driver.t = t
			outcomes(t, driver)
		})
	}
	driver.t = t
	driver.wait()
}

// TestClient2InNode runs client 2.x, of Engine.IO 3, in Node: with binary as it is and
// as base64.
func TestClient2InNode(t *testing.T) {
	opts := roomy
	opts.AllowEIO3 = true
	for _, mode := range append(modes, "base64") {
		t.Run(mode, func(t *testing.T) {
			srv := start(t, opts)
			driver := startScript(t, "node-old.mjs", task{
				"url": srv.url, "mode": mode, "shared": mode == "polling" || mode == "upgrade",
				"rounds": 1, "kicks": 6, "crowd": 5,
			}.json())
			outcomes(t, driver)
			driver.wait()
		})
	}
}

// TestThreeGenerations: clients 2.5, 3.1 and 4.8 on every transport hear each
// other, text and binary.
func TestThreeGenerations(t *testing.T) {
	srv := start(t, socketio.Options{AllowEIO3: true})
	driver := startScript(t, "mixed.mjs", task{"url": srv.url}.json())
	var plan struct{ Clients int }
	driver.next(&plan, time.Minute)
	if plan.Clients != 9 {
		t.Errorf("%d clients", plan.Clients)
	}
	var outcome struct{ Error *string }
	driver.next(&outcome, time.Minute)
	if outcome.Error != nil {
		t.Error(*outcome.Error)
	}
	driver.wait()
}

// outcomes makes each scenario that a driver runs a subtest.
func outcomes(t *testing.T, driver *script) {
	t.Helper()
	var plan struct{ Scenarios int }
	driver.next(&plan, time.Minute)
	if plan.Scenarios == 0 {
		t.Fatal("the driver has no scenarios")
	}
	for range plan.Scenarios {
		var outcome struct {
			Name  string
			Error *string
		}
		driver.next(&outcome, 2*time.Minute)
		t.Run(outcome.Name, func(t *testing.T) {
			if outcome.Error != nil {
				t.Error(*outcome.Error)
			}
		})
	}
}

// TestShutdownLetsClientsComeBack: official clients stay away after "io server
// disconnect" and try again after the end of a transport. One that polls may be
// between two polls, of which the second then fails.
func TestShutdownLetsClientsComeBack(t *testing.T) {
	for _, mode := range modes {
		t.Run(mode, func(t *testing.T) {
			srv := start(t, socketio.Options{})
			driver := startScript(t, "shutdown.mjs", task{"url": srv.url, "mode": mode}.json())
			var seen struct {
				Reason string
				Active bool
			}
			driver.next(&seen, time.Minute)
			ended := seen.Reason == transportClose || mode == "polling" && seen.Reason == transportError
			if !ended || !seen.Active {
				t.Errorf("the client saw %q and is trying again: %t", seen.Reason, seen.Active)
			}
			driver.wait()
		})
	}
}
