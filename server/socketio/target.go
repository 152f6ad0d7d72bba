package socketio

import (
	"parley/server/adapter"
	"parley/server/wire/sio"
)

// A Target says who gets an event: sockets of one namespace, on every server unless
// it is Local. It is a value: each method returns a changed copy, so a Target may be
// kept and shared between goroutines. After Server.Shutdown what it would do is
// ErrClosed.
type Target struct {
	ns     *Namespace
	rooms  []string
	except []string
	// self is the socket on which the target was begun. Broadcasts leave it
	// out; with direct set the target is that socket alone.
	self   *Socket
	direct bool
	local  bool // the other servers hear nothing
	flags  flags
}

// flags are what the sender of a packet asked for besides its receivers.
type flags struct {
	volatile     bool
	uncompressed bool
}

func flagsOf(f adapter.Flags) flags {
	return flags{volatile: f.Volatile, uncompressed: f.Uncompressed}
}

func (f flags) wire() adapter.Flags {
	return adapter.Flags{Volatile: f.volatile, Uncompressed: f.uncompressed}
}

// To adds the sockets in any of the rooms, each of which gets the event once
// however many of the rooms it is in. A socket's id is a room with that socket in
// it. Without rooms the target is everybody.
func (t Target) To(rooms ...string) Target {
	t.direct = false
	t.rooms = append(t.rooms[:len(t.rooms):len(t.rooms)], rooms...)
	return t
}

// In is To.
func (t Target) In(rooms ...string) Target { return t.To(rooms...) }

// Except leaves out the sockets that are in any of the rooms.
func (t Target) Except(rooms ...string) Target {
	t.direct = false
	t.except = append(t.except[:len(t.except):len(t.except)], rooms...)
	return t
}

// Volatile lets the event be dropped for each socket that cannot be written to
// right now. It is never queued.
func (t Target) Volatile() Target {
	t.flags.volatile = true
	return t
}

// Compress says whether the event may be compressed on its way to clients, which
// it may unless told otherwise.
func (t Target) Compress(on bool) Target {
	t.flags.uncompressed = !on
	return t
}

// Local leaves the other servers out.
func (t Target) Local() Target {
	t.direct = false
	t.local = true
	return t
}

// selection is the target as other servers are told of it.
func (t Target) selection() adapter.Selection {
	to := adapter.Selection{Rooms: t.rooms, Except: t.except}
	if t.self != nil {
		to.Except = append(to.Except[:len(to.Except):len(to.Except)], t.self.id)
	}
	return to
}

// remote returns what reaches the target's sockets on other servers, nil if nothing
// does.
func (t Target) remote() *peers {
	if t.local || t.direct {
		return nil
	}
	return t.ns.peers
}

// Emit sends an event to the target. It queues and never blocks. The error is
// ErrClosed after Shutdown, or says why the arguments cannot be encoded, as Socket.Emit
// does; nothing is sent then. A receiver that is gone or too slow is no
// error, unless it is the only one that was asked for; nor is a server that cannot
// be reached. Of a Target that is Local it is ErrSlow, and nothing is sent, where too much waits behind
// events that are on their way through a log of all servers.
func (t Target) Emit(event string, args ...any) error {
	if t.direct {
		return t.self.emit(t.flags, event, args)
	}
	if t.ns.server.closed.Load() {
		return ErrClosed
	}
	if t.ns.matcher != nil {
		return t.overChildren(event, args)
	}
	if r := t.ns.recovery.Load(); r != nil {
		return r.broadcast(t, event, args)
	}
	p, err := encodeEvent(t.ns, sio.NoID, event, args)
	if err != nil {
		return err
	}
	if t.flags.uncompressed {
		p.uncompressed()
	}
	c := t.gather()
	defer c.release()
	for _, s := range c.sockets {
		if s != t.self {
			_ = s.deliver(&p, t.flags)
		}
	}
	if peers := t.remote(); peers != nil {
		peers.failed(opBroadcast, peers.Broadcast(p.payload, t.selection(), t.flags.wire()))
	}
	return nil
}

// overChildren emits to each child of a parent.
func (t Target) overChildren(event string, args []any) error {
	for _, one := range t.each() {
		if err := one.Emit(event, args...); err != nil {
			return err
		}
	}
	return nil
}

// each returns what the target stands for: itself, or of a parent the same in each
// child.
func (t Target) each() []Target {
	children, ok := t.ns.children()
	if !ok {
		return []Target{t}
	}
	all := make([]Target, len(children))
	for i, child := range children {
		all[i] = t
		all[i].ns = child
	}
	return all
}
