package webtransport

import (
	"fmt"
	"slices"
	"testing"

	"parley/server/socketio"
)

func TestPollingSessionChangesToWebTransport(t *testing.T) {
	w := newWorld(t, socketio.Options{})
	sid, upgrades := w.poll()
	if !slices.Equal(upgrades, []string{"websocket", "webtransport"}) {
		t.Errorf("upgrades are %q", upgrades)
	}
	w.post(sid, "40")
	w.get(sid)
	waiting := make(chan string, 1)
	go func() { waiting <- w.get(sid) }()
	c := w.open(`0{"sid":"`+sid+`"}`, "2probe")
	c.want("3probe")
	if got := <-waiting; got != "6" {
		t.Errorf("the poll that waits gives %q", got)
	}

	// Neither a second probe nor a second upgrade is harm to the first.
	w.open(`0{"sid":"` + sid + `"}`).gone()
	c.send("5", `42["echo",0]`)
	c.want(`42["echo",0]`)
	w.open(`0{"sid":"`+sid+`"}`, "2probe").gone()
	for i := range 100 {
		c.send(fmt.Sprintf(`42["echo",%d]`, i))
	}
	for i := range 100 {
		c.want(fmt.Sprintf(`42["echo",%d]`, i))
	}
	if got := w.get(sid); got != `{"code":3,"message":"Bad request"}` {
		t.Errorf("a poll afterwards gives %q", got)
	}
	_ = c.session.CloseWithError(0, "")
	w.reason("transport close")
}

func TestProbeThatGoesLeavesPollingAlone(t *testing.T) {
	w := newWorld(t, socketio.Options{})
	sid, _ := w.poll()
	for _, last := range []string{"40", "6", "2"} {
		c := w.open(`0{"sid":"`+sid+`"}`, "2probe")
		c.want("3probe")
		c.send(last)
		c.gone()
	}
	w.post(sid, "40")
	if got := w.get(sid); got[:3] != "40{" {
		t.Errorf("polling gives %q", got)
	}
}

func TestWebTransportMayBeTheOnlyTransport(t *testing.T) {
	w := newWorld(t, socketio.Options{Transports: []string{"webtransport"}})
	w.connect()
	if got := w.request("transport=polling"); got != `{"code":0,"message":"Transport unknown"}` {
		t.Errorf("polling: %s", got)
	}
}

func TestUpgradesNameWhatIsServed(t *testing.T) {
	for _, row := range []struct {
		opts socketio.Options
		want []string
	}{
		{socketio.Options{DisableUpgrade: true}, nil},
		{socketio.Options{Transports: []string{"polling"}}, []string{"webtransport"}},
		{socketio.Options{Transports: []string{"polling", "websocket", "webtransport"}}, []string{"websocket", "webtransport"}},
	} {
		w := newWorld(t, row.opts)
		if _, got := w.poll(); !slices.Equal(got, row.want) {
			t.Errorf("%v: upgrades are %q, want %q", row.opts.Transports, got, row.want)
		}
	}
}
