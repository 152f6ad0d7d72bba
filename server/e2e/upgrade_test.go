package e2e

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"parley/server/socketio"
)

// probe opens the WebSocket that is to take over.
func (p *pollClient) probe() *wsConn {
	p.t.Helper()
	return dialWS(p.t, p.srv, wsQuery+"&sid="+p.SID)
}

// upgrade does all of an upgrade.
func (p *pollClient) upgrade() *wsConn {
	p.t.Helper()
	c := p.probe()
	c.sendText("2probe")
	c.want("3probe")
	c.sendText("5")
	return c
}

func TestUpgrade(t *testing.T) {
	srv := start(t, socketio.Options{})
	p, _ := joinPolling(t, srv)
	c := p.upgrade()
	c.sendText(`42["echo","a"]`)
	c.want(`42["echo","a"]`)
	c.sendText(`451-["echo",{"_placeholder":true,"num":0}]`)
	c.send(bin(1, 2))
	c.want(`451-["echo",{"_placeholder":true,"num":0}]`)
	if op, data := c.message(); op != opBinary || string(data) != "\x01\x02" {
		t.Errorf("opcode %d with % x", op, data)
	}

	for _, method := range []string{"GET", "POST"} {
		a := must(request(t, srv, method, p.query(), ""))(t)
		if a.status != 400 || a.body != refusals[3] {
			t.Errorf("%s after the upgrade: %d %q", method, a.status, a.body)
		}
	}
	p.probe().wantClose(noStatus)
	c.sendText(`42["echo","unharmed"]`)
	c.want(`42["echo","unharmed"]`)
}

func TestWaitingPollIsReleasedByTheProbe(t *testing.T) {
	srv := start(t, socketio.Options{})
	p, _ := joinPolling(t, srv)
	waiting := p.begin()
	c := p.probe()
	c.sendText("2probe")
	c.want("3probe")
	if a := <-waiting; a.status != 200 || a.body != "6" {
		t.Errorf("the poll got %d %q", a.status, a.body)
	}
	if a := p.get(); a.status != 200 || a.body != "6" {
		t.Errorf("a later poll got %d %q", a.status, a.body)
	}
	c.sendText("5", `42["echo",1]`)
	c.want(`42["echo",1]`)
}

func TestOrderAcrossTheUpgrade(t *testing.T) {
	srv := start(t, socketio.Options{})
	for range 20 {
		p, _ := joinPolling(t, srv)
		next := 0
		events := func(n int) (list []string) {
			for range n {
				list = append(list, fmt.Sprintf(`42["echo",%d]`, next))
				next++
			}
			return list
		}
		all := events(100)
		p.send(all[:50]...)
		c := p.probe()
		p.send(all[50:]...)
		c.sendText("2probe")
		c.want("3probe")
		// Between the probe and the upgrade packet a poll may still bring something.
		if a := p.get(); a.body != "6" {
			got := strings.Split(strings.TrimSuffix(a.body, separator+"6"), separator)
			if want := all[:min(len(got), len(all))]; strings.Join(got, " ") != strings.Join(want, " ") {
				t.Fatalf("the poll got %q", a.body)
			}
			all = all[len(got):]
		}
		more := events(50)
		c.sendText(append([]string{"5"}, more...)...)
		c.want(append(all, more...)...)
		_ = c.Close()
	}
}

func TestWhatIsEmittedWithoutAPollWaitsForTheUpgrade(t *testing.T) {
	srv := start(t, socketio.Options{})
	p, _ := joinPolling(t, srv)
	c := p.probe()
	c.sendText("2probe")
	c.want("3probe")
	p.send(`42["echo",1]`, `42["echo",2]`)
	c.sendText("5", `42["echo",3]`)
	c.want(`42["echo",1]`, `42["echo",2]`, `42["echo",3]`)
}

func TestUpgradeWithoutAProbe(t *testing.T) {
	srv := start(t, socketio.Options{})
	p, _ := joinPolling(t, srv)
	waiting := p.begin()
	c := p.probe()
	c.sendText("5", `42["echo",1]`)
	if a := <-waiting; (a.status != 200 || a.body != "1" && a.body != "6") && a.body != refusals[3] {
		t.Errorf("the waiting poll got %d %q", a.status, a.body)
	}
	c.want(`42["echo",1]`)
}

func TestBadProbeHarmsNobody(t *testing.T) {
	srv := start(t, socketio.Options{})
	p, _ := joinPolling(t, srv)
	for _, row := range []struct {
		name   string
		frames []byte
		code   int
	}{
		{"message", text("4hello"), noStatus},
		{"ping without the word", text("2"), noStatus},
		{"ping with another word", text("2prob"), noStatus},
		{"pong", text("3probe"), noStatus},
		{"noop", text("6"), noStatus},
		{"open", text("0"), noStatus},
		{"binary", bin(1, 2, 3), noStatus},
		{"no packet", text("hello"), noStatus},
		{"empty packet", text(""), noStatus},
		{"close packet", text("1"), noStatus},
		{"close frame", frame(fin|opClose, []byte{3, 232}), 1000},
		{"unmasked frame", []byte{fin | opText, 1, '2'}, 1002},
		{"too large", frameHeader(fin|opText, 0x80, 2_000_000), 1009},
	} {
		t.Run(row.name, func(t *testing.T) {
			if row.code != noStatus && row.code != 1000 {
				notNode(t, "it gives the probe no code")
			}
			c := p.probe()
			c.send(row.frames)
			c.wantClose(row.code)
			p.wantEcho(row.name)
		})
	}
}

func TestUpgradeAfterAProbeThatWasLost(t *testing.T) {
	notNode(t, "it turns the next one away while it tidies up")
	srv := start(t, socketio.Options{})
	p, _ := joinPolling(t, srv)
	lost := p.probe()
	lost.sendText("2probe")
	lost.want("3probe")
	lost.send(frame(fin|opClose, nil))
	lost.wantClose(noStatus)
	p.wantEcho("still polling")
	c := p.upgrade()
	c.sendText(`42["echo","at last"]`)
	c.want(`42["echo","at last"]`)
}

func TestSecondProbeIsTurnedAway(t *testing.T) {
	srv := start(t, socketio.Options{})
	p, _ := joinPolling(t, srv)
	first := p.probe()
	p.probe().wantClose(noStatus)
	first.sendText("2probe")
	first.want("3probe")
	first.sendText("5", `42["echo",1]`)
	first.want(`42["echo",1]`)
}

func TestUpgradeTimeout(t *testing.T) {
	srv := start(t, socketio.Options{UpgradeTimeout: 200 * time.Millisecond})
	p, _ := joinPolling(t, srv)
	for _, before := range []string{"", "2probe"} {
		from := time.Now()
		c := p.probe()
		if before != "" {
			c.sendText(before)
			c.want("3probe")
		}
		c.wantClose(noStatus)
		wantBetween(t, "end of the probe", from, 200*time.Millisecond, patience)
		p.wantEcho("polling lives on")
	}
	c := p.upgrade()
	time.Sleep(400 * time.Millisecond)
	c.sendText(`42["echo","no time-out after the upgrade"]`)
	c.want(`42["echo","no time-out after the upgrade"]`)
}

func TestSessionThatEndsDuringTheProbe(t *testing.T) {
	srv := start(t, socketio.Options{})
	w := watch(t, srv)
	for _, probed := range []bool{false, true} {
		p, id := joinPolling(t, srv)
		c := p.probe()
		if probed {
			c.sendText("2probe")
			c.want("3probe")
		}
		p.post("1")
		c.wantClose(noStatus)
		w.want(t, id, transportClose)
		p.wantGone()
	}
}

func TestKickDuringTheProbe(t *testing.T) {
	srv := start(t, socketio.Options{})
	w := watch(t, srv)
	p, id := joinPolling(t, srv)
	c := p.probe()
	c.sendText("2probe")
	c.want("3probe")
	p.send(`42["echo","last words"]`, `42["kick",true]`)
	c.sendText("5")
	c.want(`42["echo","last words"]`, "41")
	c.wantClose(noStatus)
	w.want(t, id, serverKicked)
}
