package e2e

import (
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"parley/server/socketio"
)

// A control is a well-behaved client that sends and counts echoes while others
// misbehave.
type control struct {
	name   string
	echoed atomic.Int64
	stop   chan struct{}
	done   chan error
}

// controls starts one client over each transport. At the end of the test each
// must have got all its echoes, in order.
func controls(t *testing.T, srv *server) []*control {
	t.Helper()
	c := joinWS(t, srv)
	_ = c.SetDeadline(time.Time{})
	p, _ := joinPolling(t, srv)
	t.Cleanup(func() { _, _ = request(t, srv, "POST", p.query(), "1") })
	return []*control{
		run(t, "WebSocket", func(event string) error {
			if _, err := c.Write(text(event)); err != nil {
				return err
			}
			return expect(event, func() (string, error) {
				_, payload, err := c.frame()
				return string(payload), err
			}, func(pong string) error {
				_, err := c.Write(text(pong))
				return err
			})
		}),
		run(t, "polling", func(event string) error {
			post := func(body string) error {
				a, err := request(t, srv, "POST", p.query(), body)
				if err == nil && a.status != 200 {
					err = fmt.Errorf("POST: %d %q", a.status, a.body)
				}
				return err
			}
			if err := post(event); err != nil {
				return err
			}
			return expect(event, func() (string, error) {
				a, err := request(t, srv, "GET", p.query(), "")
				if err == nil && a.status != 200 {
					err = fmt.Errorf("GET: %d %q", a.status, a.body)
				}
				return a.body, err
			}, post)
		}),
	}
}

// expect reads until the event comes, and answers pings.
func expect(event string, read func() (string, error), answer func(string) error) error {
	for came := false; !came; {
		payload, err := read()
		if err != nil {
			return err
		}
		for packet := range strings.SplitSeq(payload, separator) {
			switch packet {
			case event:
				came = true
			case "2":
				if err := answer("3"); err != nil {
					return err
				}
			default:
				return fmt.Errorf("got %q, want %q", packet, event)
			}
		}
	}
	return nil
}

func run(t *testing.T, name string, echo func(event string) error) *control {
	c := &control{name: name, stop: make(chan struct{}), done: make(chan error, 1)}
	go func() {
		for i := 0; ; i++ {
			select {
			case <-c.stop:
				c.done <- nil
				return
			default:
			}
			if err := echo(fmt.Sprintf(`42["echo",%d]`, i)); err != nil {
				c.done <- err
				return
			}
			c.echoed.Add(1)
			time.Sleep(time.Millisecond) // leaves the machine to the others
		}
	}()
	t.Cleanup(func() {
		close(c.stop)
		if err := <-c.done; err != nil {
			t.Errorf("the control client over %s, after %d echoes: %v", name, c.echoed.Load(), err)
		}
	})
	return c
}

// alive waits for an echo that was sent after the call.
func alive(t *testing.T, clients []*control) {
	t.Helper()
	for _, c := range clients {
		before := c.echoed.Load()
		deadline := time.Now().Add(patience)
		for c.echoed.Load() < before+2 {
			if time.Now().After(deadline) {
				t.Fatalf("the control client over %s gets no echoes any more", c.name)
			}
			time.Sleep(100 * time.Microsecond)
		}
	}
}

// Two servers get the bad inputs: one with the defaults
// (but that of sessions that nobody joins), one with limits so
// small that every one is passed by little.
var (
	generous = socketio.Options{ConnectTimeout: 2 * time.Second}
	strict   = socketio.Options{
		MaxPayload: 2000, MaxPackets: 20, MaxFragments: 4, MaxAttachments: 2, MaxDepth: 8, MaxEventName: 16,
		MaxName: 16, MaxNamespaces: 2, MaxRooms: 4, MaxPendingAcks: 2, InboxEvents: 10, InboxBytes: 10_000,
		SendQueuePackets: 20, SendQueueBytes: 20_000,
		AttachmentTimeout: 200 * time.Millisecond, ReadTimeout: 300 * time.Millisecond, WriteTimeout: time.Second,
		UpgradeTimeout: 300 * time.Millisecond, ConnectTimeout: time.Second,
	}
)
