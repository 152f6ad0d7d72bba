package socketio

import (
	"container/list"
	"errors"
	"slices"
	"sync/atomic"
	"time"

	"parley/server/adapter"
	"parley/server/engineio"
	"parley/server/internal/replay"
)

// newRecovery takes options that are complete.
func newRecovery(ns *Namespace, opts Recovery) *recovery {
	r := &recovery{ns: ns, opts: opts, owners: make(map[string]*Socket), arrivals: make(map[string]*arrival)}
	o := &ns.server.opts
	// A connection may be dead for this long before it is noticed.
	keep := r.opts.Window + o.PingInterval + 2*o.PingTimeout + time.Second
	if ns.peers != nil {
		if a, ok := ns.peers.Adapter.(adapter.Recoverer); ok {
			r.log = a.Recovery(keep)
			r.finder, _ = r.log.(adapter.Finder)
		}
	}
	if r.shared = r.log != nil; !r.shared {
		limits := replay.Limits{Age: keep, Bytes: r.opts.MaxBytes, Events: r.opts.MaxEvents}
		r.log = replay.New(limits, func(d time.Duration, f func()) func() { return ns.server.engine.Timer(d, f).Stop })
	}
	if !r.shared && ns.server.ending.Load() {
		r.log.Close()
	}
	return r
}

// over reports whether this server waits for nobody any more. The caller holds ns.mu.
func (r *recovery) over() bool { return r.closed || r.ns.server.ending.Load() }

// Recovered reports whether the client has come back with the state of an earlier
// connection. It is known once the middlewares have run.
func (s *Socket) Recovered() bool { return s.lease != nil && s.lease.recovered.Load() }

// A recovery is what a namespace needs for its clients to come back.
//
// Locks are taken in this order: Namespace.telling, the log's, the namespace's, a
// socket's. What is the application's runs when all but the first are free.
type recovery struct {
	ns     *Namespace
	opts   Recovery
	log    adapter.Recovery
	shared bool           // the log is that of all servers
	finder adapter.Finder // the same log, if it can ask the other servers

	pending pending       // only if shared
	gaps    atomic.Uint64 // how often events of other servers may have been lost on their way here

	// Guarded by ns.mu.
	owners   map[string]*Socket  // by pid: the sockets that are connected or away
	arrivals map[string]*arrival // by pid: the clients that claim a session
	away     list.List           // of *Socket, who went first in front
	closed   bool
}

// A lease is what a socket has to do with recovery.
type lease struct {
	user        string
	since, came string // see adapter.Session
	gaps        uint64 // recovery.gaps when it connected
	saved       string // the same, for when it will be saved
	recovered   atomic.Bool
	fresh       bool // whatever pid the client brings, it is new
	begun       bool // the client has been told that it is connected

	// Guarded by Socket.mu.
	held      []heldEvent // what the middlewares emit
	heldBytes int
	open      bool // nothing is held any more

	// Guarded by ns.mu.
	pid   string        // a secret between server and client
	over  bool          // the session is over, or another socket has it
	left  bool          // the disconnect hooks have run
	freed []func()      // called when left is set and the session saved
	place *list.Element // in recovery.away, if it is away
	timer *engineio.Timer
	rooms []adapter.Stay // since the socket has left
	holds bool           // the rooms, and its own, are held: see heldRoom
}

// recoverable are the ends that neither side has asked for.
var recoverable = []Reason{
	ReasonTransportClose, ReasonTransportError, ReasonForcedClose, ReasonPingTimeout, ReasonServerShutdown, ReasonSlow, ReasonFlood,
}

// keep saves what a disconnected socket leaves behind. It reports whether the client
// may come back; the socket has then left the namespace.
func (r *recovery) keep(s *Socket) bool {
	kept, waits := r.save(s)
	if kept && !waits {
		r.lose(s)
	}
	return kept
}

// save is keep for sessions that this server waits for; others than those may be kept
// by a log of all servers.
func (r *recovery) save(s *Socket) (kept, waits bool) {
	l, ns := s.lease, r.ns
	kept = slices.Contains(recoverable, s.reason) && !errors.Is(s.client.session.Cause(), engineio.ErrGoingAway)
	kept = kept && l.gaps == r.gaps.Load() // else it may have missed something while it was connected
	var freed []func()
	defer func() {
		for _, done := range freed { // with no lock held
			done()
		}
	}()
	defer ns.unlockRooms(ns.lockRooms())
	waits = kept && !r.over()
	if kept = waits || kept && r.shared; kept {
		for _, m := range s.rooms {
			l.rooms = append(l.rooms, adapter.Stay{Room: m.room.name})
		}
		if waits && !r.shared {
			ns.hold(s)
		}
		ns.detach(s)
		until := time.Now().Add(r.opts.Window)
		r.log.Save(adapter.Session{
			ID: s.id, PID: l.pid, User: l.user, Rooms: slices.Clone(l.rooms), Data: s.sharedData(),
			Since: l.since, Came: l.came, Saved: l.saved, Until: until,
		})
		if waits {
			r.wait(s, until)
		}
	} else if r.owners[l.pid] == s {
		delete(r.owners, l.pid)
	}
	l.left = true
	freed, l.freed = l.freed, nil
	return kept, waits
}

// wait gives a client that is away its time. The caller holds ns.mu.
func (r *recovery) wait(s *Socket, until time.Time) {
	if r.away.Len() >= r.opts.MaxSessions {
		oldest := r.away.Front().Value.(*Socket)
		r.stopWaiting(oldest)
		oldest.client.session.Run(eviction{r, oldest})
	}
	s.lease.place = r.away.PushBack(s)
	s.lease.timer = s.client.session.Timer(time.Until(until), func() { s.client.session.Run(expiry{r, s}) })
}

// stopWaiting undoes wait, and reports whether s was waiting. Whoever ends the waiting
// has to go on with the session. The caller holds ns.mu.
func (r *recovery) stopWaiting(s *Socket) bool {
	l := s.lease
	if l.place == nil {
		return false
	}
	r.away.Remove(l.place)
	l.timer.Stop()
	l.place, l.timer = nil, nil
	return true
}

// giveUp ends the waiting for the client of a socket, if it is away.
func (r *recovery) giveUp(s *Socket) {
	r.ns.mu.Lock()
	waited := r.stopWaiting(s)
	r.ns.mu.Unlock()
	if waited {
		s.client.session.Run(ending{r, s})
	}
}

// An expiry ends the session of a client that has been away for too long, as a task,
// unless somebody else has ended its waiting.
type expiry struct {
	r *recovery
	s *Socket
}

func (e expiry) Run() {
	e.r.ns.mu.Lock()
	waited := e.r.stopWaiting(e.s)
	e.r.ns.mu.Unlock()
	if waited {
		ending(e).Run()
	}
}

// An eviction is the ending of a session for which there is no room.
type eviction expiry

func (e eviction) Run() {
	e.r.ns.server.opts.Logger.Debug("a client that is away cannot recover any more: too many are",
		"namespace", e.r.ns.name, "Recovery.MaxSessions", e.r.opts.MaxSessions)
	ending(e).Run()
}

// An ending ends, as a task, a session for which nobody waits any more.
type ending expiry

func (e ending) Run() {
	found, err := e.r.log.Discard(e.r.ns.server.life, e.s.lease.pid, e.s.lease.saved)
	if err != nil {
		e.s.log().Error("cannot discard a session", "error", err)
	}
	e.r.finish(e.s, found || err != nil)
}

// finish forgets a socket for which nobody waits any more. Unless its session was found,
// and ended, among those of all servers, the client has come back to another or may.
func (r *recovery) finish(s *Socket, found bool) {
	if found || !r.shared {
		r.gone(s)
	} else {
		r.lose(s)
	}
}

// gone forgets a socket whose client does not come back.
func (r *recovery) gone(s *Socket) {
	r.forget(s)
	s.run((*hooks).onGone)
	r.vacate(s)
}

// lose forgets a socket whose client has come back to another server, or may do so.
func (r *recovery) lose(s *Socket) {
	r.forget(s)
	r.vacate(s)
}

func (r *recovery) forget(s *Socket) {
	ns, l := r.ns, s.lease
	ns.mu.Lock()
	defer ns.mu.Unlock()
	l.over = true
	if r.owners[l.pid] == s {
		delete(r.owners, l.pid)
	}
	if len(r.owners) == 0 {
		r.owners = make(map[string]*Socket) // a map does not shrink
	}
}

// vacate gives up the rooms of a socket, which OnGone may still ask for, and its hold
// on the namespace.
func (r *recovery) vacate(s *Socket) {
	r.ns.mu.Lock()
	r.ns.unhold(s)
	s.lease.rooms = nil
	r.ns.mu.Unlock()
	r.ns.release()
}

// close ends the waiting for all clients, from now on too. Only a log of all servers
// keeps their sessions.
func (r *recovery) close() {
	ns := r.ns
	ns.mu.Lock()
	r.closed = true
	var away []*Socket
	for e := r.away.Front(); e != nil; e = e.Next() {
		away = append(away, e.Value.(*Socket))
	}
	for _, s := range away {
		r.stopWaiting(s)
	}
	ns.mu.Unlock()
	for _, s := range away {
		s.client.session.Run(departure{r, s})
	}
	if !r.shared {
		r.log.Close()
	}
}

// A departure is the end, as a task, of the waiting by a server that shuts down.
type departure expiry

func (d departure) Run() { d.r.finish(d.s, false) }

// join and leave are Socket.Join and Leave for a client that is away. The change has
// its place in the log: what it missed before and after is told apart.
func (r *recovery) join(s *Socket, rooms []string) (err error) {
	r.log.Sync(func(newest string) {
		r.ns.mu.Lock()
		defer r.ns.mu.Unlock()
		l := s.lease
		for _, room := range rooms {
			if l.over || !l.left {
				err = ErrClosed
			} else if room != s.id && l.in(room) < 0 {
				err = r.ns.checkRoom(len(l.rooms), room)
			} else {
				continue
			}
			if err != nil {
				return
			}
			l.rooms = append(l.rooms, adapter.Stay{Room: room, From: newest})
			if l.holds {
				r.ns.peers.holdRoom(heldRoom{room, false})
			}
		}
	})
	return err
}

func (r *recovery) leave(s *Socket, rooms []string) {
	r.log.Sync(func(newest string) {
		r.ns.mu.Lock()
		defer r.ns.mu.Unlock()
		for _, room := range rooms {
			if i := s.lease.in(room); i >= 0 {
				s.lease.rooms[i].To = newest
			}
		}
	})
}

// in returns the place of a room that the client is in.
func (l *lease) in(room string) int {
	return slices.IndexFunc(l.rooms, func(stay adapter.Stay) bool { return stay.Room == room && stay.To == "" })
}

// names returns the rooms that the client is in. The caller holds ns.mu.
func (l *lease) names() []string {
	var names []string
	for _, stay := range l.rooms {
		if stay.To == "" {
			names = append(names, stay.Room)
		}
	}
	return names
}

// away reports whether s has left its namespace and may come back to it.
func (s *Socket) away() bool {
	if s.lease == nil || s.state.Load() != stateClosed {
		return false
	}
	s.ns.mu.RLock()
	defer s.ns.mu.RUnlock()
	return s.lease.left && !s.lease.over
}
