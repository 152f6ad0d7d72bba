package engineio

import (
	"io"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// Sessions begin, upgrade, talk and end in every way there is, all at once.
// Whatever happens, each ends once, and nothing of it is left.
func TestNoSessionIsEverLost(t *testing.T) {
	overNetworks(t, func(t *testing.T, n network) {
		w := n.world(t, Options{
			PingInterval: 20 * time.Millisecond, PingTimeout: 50 * time.Millisecond, UpgradeTimeout: 30 * time.Millisecond,
			ReadTimeout: 100 * time.Millisecond, WriteTimeout: 100 * time.Millisecond, SendQueuePackets: 20,
		})
		var ends sync.WaitGroup
		var mu sync.Mutex
		reasons := map[Reason]int{}
		w.hear = func(s *Session) func(Turn, []byte, bool) {
			return func(turn Turn, data []byte, _ bool) {
				switch m := text(string(data)); rand.IntN(8) {
				case 0:
					turn.Run(taskFunc(func() { _ = s.Send(m) }))
				case 1:
					s.Run(taskFunc(func() { s.SendVolatile(m) }))
				case 2:
					s.Pause()
					s.Timer(time.Millisecond, s.Resume)
				default:
					_ = s.Send(m)
				}
			}
		}
		listened := make(chan struct{})
		go func() {
			defer close(listened)
			for e := range w.ears {
				ends.Go(func() {
					end := <-e.closed
					mu.Lock()
					reasons[end.reason]++
					mu.Unlock()
				})
			}
		}()
		var clients sync.WaitGroup
		var begun, late atomic.Int64
		for range 8 {
			clients.Go(func() {
				for range 12 {
					if w.misbehave() {
						begun.Add(1)
					} else {
						late.Add(1)
					}
				}
			})
		}
		done := make(chan struct{})
		go func() { clients.Wait(); close(done) }()
		await(t, "the clients", done)
		w.shutdown()
		close(w.ears)
		<-listened
		all := make(chan struct{})
		go func() { ends.Wait(); close(all) }()
		await(t, "Closed of every session", all)
		t.Log(reasons)
		if n := int(late.Load()); begun.Load() == 0 || n > reasons[ReasonPingTimeout] {
			t.Errorf("%d sessions began; %d ended before their first poll was answered", begun.Load(), n)
		}
	})
}

// misbehave is one client's life. It reports false if the machine was so busy that
// the session was over, for want of a pong, before its first poll was answered.
func (w *world) misbehave() bool {
	a := w.request("GET", "EIO=4&transport=polling", "")
	if a.status == 200 && (a.body == "1" || a.body == "6\x1e1") {
		return false
	}
	_, rest, _ := strings.Cut(a.body, `"sid":"`)
	sid, _, ok := strings.Cut(rest, `"`)
	if !ok {
		w.t.Errorf("handshake: %d %q %v", a.status, a.body, a.err)
		return true
	}
	session := w.lookup(sid)
	query := "EIO=4&transport=polling&sid=" + sid
	var acts sync.WaitGroup
	defer acts.Wait()
	for range 1 + rand.IntN(4) {
		switch rand.IntN(7) {
		case 0, 1:
			acts.Go(func() { w.request("GET", query, "") })
		case 2:
			w.request("POST", query, []string{"4x", "4x\x1e4y\x1e3", "1", "2", "x", "", "3"}[rand.IntN(7)])
		case 3:
			if session != nil {
				acts.Go(func() { session.Close(ReasonForcedClose) })
			}
		case 4:
			if session != nil {
				for range rand.IntN(30) {
					_ = session.Send(text("from the server"))
				}
			}
		default:
			acts.Go(func() { w.takeOver(sid) })
		}
	}
	return true
}

// takeOver is a WebSocket that upgrades a session, or something like it.
func (w *world) takeOver(sid string) {
	c, err := w.dial()
	if err != nil {
		w.t.Error(err)
		return
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(300 * time.Millisecond))
	if _, err := io.WriteString(c, "GET /?EIO=4&transport=websocket&sid="+sid+" HTTP/1.1\r\n"+upgradeHeader+"\r\n"); err != nil {
		return
	}
	s := &socket{Conn: c, w: w}
	go func() {
		for _, packet := range []string{"2probe", "5", "4one", "4two", []string{"1", "x", "2", "4three"}[rand.IntN(4)]} {
			if rand.IntN(10) == 0 || s.write(0x81, []byte(packet)) != nil {
				return
			}
		}
	}()
	_, _ = io.CopyN(io.Discard, c, 200+rand.Int64N(200))
}
