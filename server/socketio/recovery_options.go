package socketio

import "time"

// Recovery configures connection state recovery, with which a client that loses its
// connection for a while comes back as if it had not: with its id, rooms and data,
// and with the events that it missed. Zero means the default that stands beside each
// field; EnableRecovery panics with the field's name if a value is impossible.
type Recovery struct {
	// Window is how long a client may be away. 2 min.
	Window time.Duration
	// User names whose session it is. It is asked after the middlewares, when a
	// client connects and again when it comes back, and must then say the same: a
	// pid alone is not enough to take over somebody's session. When it is asked,
	// the socket has what the middlewares have set, but not yet the data of the
	// earlier connection. Nil: nobody asks.
	User func(*Socket) string
	// SkipMiddlewares leaves the middlewares out for a client that comes back.
	// User must then make do with the handshake.
	SkipMiddlewares bool
	// MaxWait is how long a client that comes back waits for other servers at most: for one that may still have its old
	// connection and does not answer, or, where each server recovers its own clients only, until it is sure that this one
	// hears the others. 1 s.
	MaxWait time.Duration

	// MaxEvents and MaxBytes bound the events of the namespace that are kept. The
	// oldest go first, and a client that has missed one of them does not recover.
	// 100,000 and 16 MiB.
	MaxEvents int
	MaxBytes  int
	// MaxSessions bounds the clients that are away and may come back. The one
	// that is away for longest goes first. 10,000.
	MaxSessions int
}

// withDefaults returns a copy in which everything is set.
func (o Recovery) withDefaults() Recovery {
	setting[time.Duration]{"Recovery.Window", &o.Window, 2 * time.Minute}.apply()
	setting[time.Duration]{"Recovery.MaxWait", &o.MaxWait, time.Second}.apply()
	for _, n := range []setting[int]{
		{"Recovery.MaxEvents", &o.MaxEvents, 100_000},
		{"Recovery.MaxBytes", &o.MaxBytes, 16 << 20},
		{"Recovery.MaxSessions", &o.MaxSessions, 10_000},
	} {
		n.apply()
	}
	return o
}

// EnableRecovery lets clients of the namespace recover their state when they come
// back after a connection was lost, whichever side noticed first; not after either
// side has disconnected the socket, or the browser has left the page. It must be called before the first client comes.
//
// Every event without acknowledgement gets one more argument, a string, by which
// the client knows what it has received last; official clients pass it on to
// handlers. Events with acknowledgement, acknowledgements and volatile events are
// not kept, and missed they are lost.
//
// A client that was connected while events of other servers may have been lost on their way
// to it (OnMissed) does not recover the next time: it may lack some that came before those it has.
//
// A client that recovers is a new Socket with the id of the old one. Its rooms are
// those in which the disconnect hooks have left the old one, and what Join and Leave
// have changed since; its Keys have the old values, unless a middleware has set
// them. The CONNECT reply is sent first, then what was missed, then what is new; a
// client that has missed more than Options.SendQueuePackets or
// Options.SendQueueBytes allow does not recover. Where it turns out after the
// middlewares that a client cannot recover, it gets another Socket, with a new id,
// for which they run again.
//
// A client that is back before the end of its old connection was noticed takes its place: the
// old socket ends with ReasonTransportClose, and the new one connects when the disconnect
// hooks have run.
//
// On a parent it concerns all children, of which one that Of has made may have options
// of its own. Where the adapter is an [adapter.Recoverer] clients may come back to any
// server, with an [adapter.Finder] also before their old one has noticed; MaxEvents and
// MaxBytes are the adapter's business then, and events to a Target that is Local are not kept.
// An event reaches also the clients of this server when it has its place in the log of all
// servers. What is sent to a client without a place there, acknowledgements included, waits for
// the events emitted before that are on their way to it; it is bounded as Options.SendQueuePackets
// and Options.SendQueueBytes say.
func (ns *Namespace) EnableRecovery(opts Recovery) {
	opts = opts.withDefaults()
	ns.server.mu.Lock()
	defer ns.server.mu.Unlock()
	if ns.matcher == nil {
		ns.enableRecovery(opts)
		return
	}
	ns.recoverable.Store(&opts)
	for _, child := range ns.server.namespaces {
		if child.parent == ns && child.recovery.Load() == nil {
			child.enableRecovery(opts)
		}
	}
}

// enableRecovery takes options that are complete. The caller holds Server.mu.
func (ns *Namespace) enableRecovery(opts Recovery) {
	own := ns.parent != nil && ns.parent.recoverable.Load() != nil // else a second time is a mistake
	if here, away := ns.size(); here > 0 || away > 0 || ns.users > 0 || ns.recovery.Load() != nil && !own {
		panic("socketio: EnableRecovery for " + ns.name + " comes too late")
	}
	if old := ns.recovery.Load(); old != nil {
		old.log.Close()
	}
	ns.recovery.Store(newRecovery(ns, opts))
}
