package socketio

import (
	"errors"
	"slices"

	"parley/server/adapter"
	"parley/server/engineio"
	"parley/server/wire/sio"
)

// offsetRoom is how many bytes of a buffer are spared for the offset, so that
// nothing is copied under the log's lock.
const offsetRoom = 32

// encode encodes an event that is to get an offset.
func (r *recovery) encode(event string, args []any) (*encoder, error) {
	e, err := beginEvent(r.ns, sio.NoID, event, args, offsetRoom)
	if err == nil {
		err = e.frame()
	}
	return &e, err
}

// kept returns a copy of the event, for the log.
func (e *encoder) kept() adapter.Payload {
	data := e.buf[e.payload:]
	return adapter.Payload{Data: append(append(make([]byte, 0, len(data)+1), data...), ']'), Attachments: e.attachments}
}

// endAt ends the event with its offset as the last argument.
func (e *encoder) endAt(offset string) packet {
	e.buf = sio.AppendString(append(e.buf, ','), offset)
	if e.text != nil {
		e.text = sio.AppendString(append(e.text, ','), offset)
	}
	return e.end()
}

// packetOf makes a packet of an event of the log.
func packetOf(ns *Namespace, p adapter.Payload, offset string) packet {
	e := newEncoder(ns, sio.Event, sio.NoID, len(p.Data)+offsetRoom)
	e.buf = append(e.buf, p.Data[:len(p.Data)-1]...)
	e.attachments = slices.Clone(p.Attachments)
	_ = e.frame() // it has passed before
	return e.endAt(offset)
}

// size returns the bytes of the packet and its attachments.
func (p *packet) size() int {
	n := len(p.payload.Data)
	for _, a := range p.payload.Attachments {
		n += len(a)
	}
	return n
}

// messagesFor returns all that is sent for the packet to the client of a socket.
func (p *packet) messagesFor(s *Socket) ([]engineio.Message, error) {
	switch {
	case s.client.codec == codecMessagePack:
		m, err := p.messagePack(s.ns)
		return []engineio.Message{m}, err
	case p.all == nil:
		return []engineio.Message{p.text}, nil
	}
	return p.all, nil
}

// broadcast is Target.Emit. The event is delivered in its place in the log, so that
// whoever knows its offset has had all events before it.
func (r *recovery) broadcast(t Target, event string, args []any) error {
	e, err := r.encode(event, args)
	if err != nil {
		return err
	}
	deliver := func(offset string) {
		p := e.endAt(offset)
		c := t.gather()
		defer c.release()
		for _, s := range c.sockets {
			if s.Connected() && (t.self == nil || s.id != t.self.id) {
				_ = s.deliver(&p, t.flags)
			}
		}
	}
	if t.flags.volatile {
		r.log.Sync(deliver)
		return nil
	}
	to := adapter.Selection{Rooms: t.rooms, Except: t.except}
	if t.self != nil {
		to.Except = appended(to.Except, t.self.id)
	}
	r.log.Append(adapter.Event{Payload: e.kept(), Selection: to}, deliver)
	return nil
}

// A heldEvent was emitted to a socket that is not connected yet.
type heldEvent struct {
	event *encoder
	flags flags
}

// emit is Socket.Emit.
func (r *recovery) emit(s *Socket, f flags, event string, args []any) error {
	connecting := s.state.Load() == stateConnecting
	if !connecting && !r.present(s) {
		return ErrClosed
	}
	e, err := r.encode(event, args)
	if err != nil {
		return err
	}
	if connecting {
		if held, err := s.hold(e, f); held || err != nil {
			return err
		}
	}
	return r.send(s, f, e)
}

// send sends an event to one socket, or to the one that is there in its place.
func (r *recovery) send(s *Socket, f flags, e *encoder) error {
	var err error
	deliver := func(offset string) {
		p := e.endAt(offset)
		if err = s.deliver(&p, f); !errors.Is(err, ErrClosed) {
			return
		}
		if now := r.owner(s); now != nil {
			if err = nil; now != s {
				_ = now.deliver(&p, f)
			}
		}
	}
	if f.volatile {
		r.log.Sync(deliver)
		return err
	}
	to := adapter.Selection{Rooms: []string{s.id}}
	if !r.log.Append(adapter.Event{Payload: e.kept(), Selection: to}, deliver) {
		return nil
	}
	return err
}

// present reports whether the client of a socket is connected or may come back.
func (r *recovery) present(s *Socket) bool { return s.Connected() || r.owner(s) != nil }

// owner returns the socket that has the session of s now, or nil.
func (r *recovery) owner(s *Socket) *Socket {
	r.ns.mu.RLock()
	defer r.ns.mu.RUnlock()
	return r.owners[s.lease.pid]
}

// hold keeps an event back until the client has been told that it is connected.
// Emitted before it would have no place in the log that the client knows. It
// reports false if there is no more need for that.
func (s *Socket) hold(e *encoder, f flags) (bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	l, opts := s.lease, &s.ns.server.opts
	if l.open {
		return false, nil
	}
	if len(l.held) >= opts.SendQueuePackets || l.heldBytes+len(e.buf) > opts.SendQueueBytes && len(l.held) > 0 {
		return false, ErrSlow
	}
	l.held = append(l.held, heldEvent{e, f})
	l.heldBytes += len(e.buf)
	for _, a := range e.attachments {
		l.heldBytes += len(a)
	}
	return true, nil
}

// release sends what was held.
func (r *recovery) release(s *Socket) {
	for {
		s.mu.Lock()
		l := s.lease
		held := l.held
		l.held = nil
		l.open = len(held) == 0
		s.mu.Unlock()
		if len(held) == 0 {
			return
		}
		for _, h := range held {
			_ = r.send(s, h.flags, h.event)
		}
	}
}
