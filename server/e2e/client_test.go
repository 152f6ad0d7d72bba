package e2e

import (
	"cmp"
	"encoding/json"
	"maps"
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

// Clients that speak MessagePack need no switch at the server.
func TestOfficialClientWithMessagePack(t *testing.T) {
	notNode(t, "it speaks one of the two")
	testClient(t, task{"parser": "socket.io-msgpack-parser"})
}

// Version 3 is the oldest whose protocol is that of version 4.
func TestOfficialClient3(t *testing.T) { testClient(t, task{"client": "socket.io-client-v3"}) }

// testClient runs all scenarios with a client that begins with polling and upgrades, and with one
// transport those that are about packets.
func testClient(t *testing.T, client task) {
	for _, mode := range modes {
		t.Run(mode, func(t *testing.T) {
			srv := start(t, roomy)
			settings := task{"url": srv.url, "mode": mode, "rounds": 1, "kicks": 3, "crowd": 4}
			maps.Copy(settings, client)
			if mode != "upgrade" {
				settings["groups"] = []string{"connection", "events"}
			}
			driver := startScript(t, "node.mjs", settings.json())
			outcomes(t, driver)
			driver.wait()
		})
	}
}

func TestOfficialClientInChromium(t *testing.T) {
	inChromium(t, start(t, roomy), task{"modes": modes, "rounds": 2, "kicks": 20})
}

// TestClient2InChromium is for what only browsers do: JSONP, and polling with
// binary bodies.
func TestClient2InChromium(t *testing.T) {
	opts := roomy
	opts.AllowEIO3 = true
	inChromium(t, start(t, opts), task{"modes": []string{"polling", "jsonp"}, "page": "/old"})
}

// chromium returns the path of the browser.
func chromium(t *testing.T) string {
	t.Helper()
	browser, err := exec.LookPath(cmp.Or(os.Getenv("CHROMIUM"), "chromium"))
	if err != nil {
		t.Fatalf("Chromium is missing (%v); run make test, which installs it, or set CHROMIUM", err)
	}
	return browser
}

// inChromium runs the scenarios of a page in each of the job's modes.
func inChromium(t *testing.T, srv *server, job task) {
	t.Helper()
	page, _ := job["page"].(string)
	job["url"], job["browser"], job["certificate"] = srv.url+page, chromium(t), srv.certificate
	job["crowd"] = 4 // Chromium opens six connections to a host, and a client that polls needs two
	driver := startScript(t, "chromium.mjs", job.json())
	for _, mode := range job["modes"].([]string) {
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
