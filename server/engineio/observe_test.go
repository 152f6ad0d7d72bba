package engineio

import (
	"fmt"
	"testing"
	"time"
)

// TestHooksSeeEverySession: pings and pongs too, whatever the transport, and the end of a
// client that died.
func TestHooksSeeEverySession(t *testing.T) {
	packets, changes := make(chan string, 1000), make(chan SessionInfo, 10)
	w := newWorld(t, Options{
		PingInterval: 50 * time.Millisecond,
		OnSession:    func(i SessionInfo) { changes <- i },
		OnPacket: func(p PacketInfo) {
			packets <- fmt.Sprint(p.Incoming, " ", p.Type, " ", p.Binary, " ", string(p.Data))
			panic("on purpose")
		},
	})
	w.hear = echo
	p := w.poll()
	if i := await(t, "the session", changes); i.ID != p.s.ID() || i.Change != SessionOpened || i.Transport != Polling {
		t.Errorf("told of %+v", i)
	}
	p.post("4text\x1ebYmluYXJ5")
	seen := map[string]bool{}
	for _, want := range []string{"true message false text", "true message true binary",
		"false message false text", "false message true binary", "false ping false "} {
		for !seen[want] {
			seen[await(t, want, packets)] = true
		}
	}
	p.post("1")
	if i := await(t, "the end", changes); i.ID != p.s.ID() || i.Change != SessionClosed || i.Reason != ReasonTransportClose {
		t.Errorf("told of %+v", i)
	}
}

// TestShutdownWhileASessionOpens: it does not end before it has a receiver.
func TestShutdownWhileASessionOpens(t *testing.T) {
	var w *world
	closing := make(chan error, 1)
	w = newWorld(t, Options{OnSession: func(i SessionInfo) {
		if i.Change != SessionOpened {
			return
		}
		go func() { closing <- w.Shutdown(t.Context()) }()
		s := w.lookup(i.ID)
		eventually(t, "the session is being closed", func() bool {
			s.mu.Lock()
			defer s.mu.Unlock()
			return s.state != stateOpen
		})
	}})
	if res, err := w.client.Get("http://x/?EIO=4&transport=polling"); err == nil {
		_ = res.Body.Close()
	}
	if err := await(t, "Shutdown", closing); err != nil {
		t.Error(err)
	}
	_ = await(t, "the session", w.ears).ended(ReasonServerShutdown)
}
