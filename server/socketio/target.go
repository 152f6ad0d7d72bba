package socketio

import "parley/server/wire/sio"

// A Target says who gets an event. It is a value: each method returns a changed
// copy, so a Target may be kept and shared between goroutines.
type Target struct {
	ns     *Namespace
	rooms  []string
	except []string
	// self is the socket on which the target was begun. Broadcasts leave it
	// out; with direct set the target is that socket alone.
	self   *Socket
	direct bool
	flags  flags
}

// flags are what the sender of a packet asked for besides its receivers.
type flags struct {
	volatile bool
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

// Local keeps the event on this server.
func (t Target) Local() Target {
	t.direct = false
	return t
}

// Emit sends an event to the target. It queues and never blocks; nothing is sent
// if the arguments cannot be encoded. A receiver that is gone or too slow is no
// error, unless it is the only one that was asked for.
func (t Target) Emit(event string, args ...any) error {
	if t.direct {
		return t.self.emit(t.flags, event, args)
	}
	if t.ns.server.closed.Load() {
		return ErrClosed
	}
	if r := t.ns.recovery.Load(); r != nil {
		return r.broadcast(t, event, args)
	}
	p, err := encodeEvent(t.ns, sio.NoID, event, args)
	if err != nil {
		return err
	}
	c := t.gather()
	defer c.release()
	for _, s := range c.sockets {
		if s != t.self {
			_ = s.deliver(&p, t.flags)
		}
	}
	return nil
}
