package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"parley/server/socketio"
)

// A feed is a namespace with recovery that sends numbered events: "all" to everybody,
// "room" to each of four rooms, "own" to each client.
type feed struct {
	t     *testing.T
	ns    *socketio.Namespace
	relay *relay
	node  *script

	mu      sync.Mutex
	sockets map[int]*socketio.Socket // by the client's number
	sent    [3]int                   // events of each kind so far
}

const feedRooms = 4

// ownPing is the time of a ping where few clients have the machine for themselves.
const ownPing = 150 * time.Millisecond

func startPinging(t *testing.T, ping time.Duration) *server {
	t.Helper()
	return start(t, socketio.Options{PingInterval: ping, PingTimeout: ping})
}

// newFeed makes a namespace, called after the mode of its clients, which notice the
// end of a connection in twice the time of a ping.
func newFeed(t *testing.T, srv *server, mode string, clients int, ping time.Duration, opts socketio.Recovery) *feed {
	t.Helper()
	f := &feed{t: t, ns: srv.io.Of(mode), sockets: make(map[int]*socketio.Socket)}
	f.ns.EnableRecovery(opts)
	f.ns.OnConnect(f.connected)
	f.relay = newRelay(t, srv.host())
	f.node = startScript(t, "recover.mjs", task{"url": f.relay.url() + f.ns.Name(), "mode": mode, "clients": clients, "timeout": (2 * ping).Milliseconds()}.json())
	var ready struct{ Ready bool }
	f.node.next(&ready, time.Minute)
	return f
}

func (f *feed) connected(_ context.Context, s *socketio.Socket) {
	var in struct{ Number int }
	_ = json.Unmarshal(auth(s), &in)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.sockets[in.Number] = s
	room := fmt.Sprint(in.Number % feedRooms)
	if s.Recovered() {
		if rooms := s.Rooms(); len(rooms) != 1 || rooms[0] != room {
			f.t.Errorf("client %d recovered the rooms %v", in.Number, rooms)
		}
		return
	}
	if err := s.Join(room); err != nil {
		f.t.Error(err)
	}
}

// send sends one more event of each kind. Emitting to a socket that is away is no
// mistake.
func (f *feed) send() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for i, err := range []error{f.ns.Emit("all", f.sent[0]), nil, nil} {
		if err != nil {
			f.t.Error(i, err)
		}
	}
	for room := range feedRooms {
		if err := f.ns.To(fmt.Sprint(room)).Emit("room", f.sent[1]); err != nil {
			f.t.Error(err)
		}
	}
	for _, s := range f.sockets {
		_ = s.Volatile().Emit("maybe", "a string at the end")
		_ = s.Emit("own", f.sent[2])
	}
	for i := range f.sent {
		f.sent[i]++
	}
}

// status is what the clients have seen.
type status struct {
	Connects, Recovered, Fresh, Gaps, Repeats, Connected int
	Trouble                                              []string
	Last                                                 [][3]int
	Transports                                           []string
}

func (f *feed) status() (s status) {
	f.t.Helper()
	f.node.tell("status")
	f.node.next(&s, patience)
	return s
}

// settled sends a last event and waits until all clients have all events.
func (f *feed) settled() status {
	f.t.Helper()
	f.send()
	want := [3]int{f.sent[0] - 1, f.sent[1] - 1, f.sent[2] - 1}
	for deadline := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		s := f.status()
		complete := s.Connected == len(s.Last)
		for _, last := range s.Last {
			complete = complete && last == want
		}
		if complete {
			if s.Gaps+s.Repeats+len(s.Trouble) > 0 {
				f.t.Fatalf("%d gaps, %d repeats: %q", s.Gaps, s.Repeats, s.Trouble)
			}
			return s
		}
		if time.Now().After(deadline) {
			f.t.Fatalf("not all have everything, %v: %+v", want, s)
		}
	}
}

func TestOfficialClientRecovers(t *testing.T) {
	notNode(t, "it is about what Node does not do")
	for _, mode := range modes {
		t.Run(mode, func(t *testing.T) {
			f := newFeed(t, startPinging(t, ownPing), mode, 2, ownPing, socketio.Recovery{})
			for _, trouble := range []struct {
				name string
				fail func()
				lost bool // the connection cannot outlive it
			}{
				{"nothing received yet", f.relay.setDown, true},
				{"reset", f.relay.cut, false},
				{"both directions dead", func() { f.relay.freeze(true, true) }, true},
				{"client to server dead", func() { f.relay.freeze(true, false) }, true},
				{"server to client dead", func() { f.relay.freeze(false, true) }, true},
				{"half closed", f.relay.halfClose, false},
				{"down until the server knows", func() { f.relay.setDown(); f.untilNobody() }, true},
			} {
				trouble.fail()
				for range 5 {
					f.send()
				}
				if trouble.lost {
					f.until(trouble.name+": disconnected", func(s status) bool { return s.Connected == 0 })
				}
				f.relay.heal()
				if s := f.settled(); s.Fresh != 2 {
					t.Fatalf("%s: %d clients did not recover", trouble.name, s.Fresh-2)
				}
			}
		})
	}
}

// untilNobody waits until the server has noticed that all are gone.
func (f *feed) untilNobody() {
	f.t.Helper()
	for deadline := time.Now().Add(patience); len(f.ns.Sockets()) > 0; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			f.t.Fatal("clients are still there")
		}
	}
}

// until waits until the clients report something.
func (f *feed) until(what string, ok func(status) bool) {
	f.t.Helper()
	for deadline := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		s := f.status()
		if ok(s) {
			return
		}
		if time.Now().After(deadline) {
			f.t.Fatalf("%s: not yet: %+v", what, s)
		}
	}
}

func TestOfficialClientPastTheWindowStartsAnew(t *testing.T) {
	notNode(t, "it is about what Node does not do")
	f := newFeed(t, startPinging(t, ownPing), "websocket", 2, ownPing, socketio.Recovery{Window: 20 * time.Millisecond})
	gone := make(chan *socketio.Socket, 2)
	f.ns.OnGone(func(_ context.Context, s *socketio.Socket) { gone <- s })
	f.settled()
	f.relay.setDown()
	<-gone
	<-gone
	f.relay.heal()
	f.until("back", func(s status) bool { return s.Connects == 4 })
	if s := f.settled(); s.Recovered != 0 || s.Fresh != 4 {
		t.Fatalf("%d recovered", s.Recovered)
	}
}

// TestAThousandCuts cuts connections at random bytes while events are sent, in the
// middle of frames, handshakes, upgrades and replays, until a thousand have come back.
func TestAThousandCuts(t *testing.T) {
	notNode(t, "it is about what Node does not do")
	const crowd, ping = 20, 750 * time.Millisecond
	srv := startPinging(t, ping)
	feeds := make([]*feed, len(modes))
	for i, mode := range modes {
		feeds[i] = newFeed(t, srv, mode, crowd, ping, socketio.Recovery{})
	}
	var total atomic.Int64
	var work sync.WaitGroup
	for _, f := range feeds {
		f.settled()
		work.Go(func() { f.cutUntil(&total, 1000) })
	}
	work.Wait()
	for i, f := range feeds {
		s := f.settled()
		if s.Fresh != crowd {
			t.Errorf("%s: %d times a client did not recover", modes[i], s.Fresh-crowd)
		}
		t.Logf("%s: %d times recovered, %d events of each kind", modes[i], s.Recovered, f.sent[0])
	}
}

// cutUntil sends events and cuts connections until the clients of all feeds together
// have recovered so often.
func (f *feed) cutUntil(total *atomic.Int64, recovered int64) {
	f.relay.cutAtRandom(4000)
	defer f.relay.cutAtRandom(0)
	defer f.relay.cut() // those that are frozen
	deadline := time.Now().Add(4 * patience)
	counted := 0
	for round := 1; total.Load() < recovered; round++ {
		f.send()
		f.relay.each(func(l *link) {
			switch n := rand.IntN(300); {
			case n < 36:
				l.cut()
			case n == 36:
				l.down.freeze()
			case n == 37:
				_ = l.server.CloseWrite()
			}
		})
		time.Sleep(30 * time.Millisecond) // the clients are on the same machine
		if round%10 > 0 {
			continue
		}
		s := f.status()
		total.Add(int64(s.Recovered - counted))
		counted = s.Recovered
		if time.Now().After(deadline) {
			f.t.Errorf("too slow: %+v", s)
			return
		}
	}
}
