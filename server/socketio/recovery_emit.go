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
func (e *encoder) endAt(offset string, uncompressed bool) packet {
	e.buf = sio.AppendString(append(e.buf, ','), offset)
	if e.text != nil {
		e.text = sio.AppendString(append(e.text, ','), offset)
	}
	p := e.end()
	if uncompressed {
		p.uncompressed()
	}
	return p
}

// size returns the bytes of the event and its attachments.
func (e *encoder) size() int {
	n := len(e.buf)
	for _, a := range e.attachments {
		n += len(a)
	}
	return n
}

// encodeKept begins a packet of an event of the log.
func (r *recovery) encodeKept(p adapter.Payload) (*encoder, error) {
	e := newEncoder(r.ns, sio.Event, sio.NoID, len(p.Data)+offsetRoom)
	e.buf = append(e.buf, p.Data[:len(p.Data)-1]...)
	e.attachments = slices.Clone(p.Attachments)
	err := e.frame()
	return &e, err
}

// packetOf makes a packet of an event of the log.
func (r *recovery) packetOf(event adapter.Event, offset string) (packet, error) {
	e, err := r.encodeKept(event.Payload)
	if err != nil {
		return packet{}, err
	}
	return e.endAt(offset, event.Uncompressed), nil
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
	sender := ""
	if t.self != nil {
		sender = t.self.id
	}
	peers, keep := t.remote(), !t.flags.volatile && !(r.shared && t.local)
	deliver := func(offset string) (after func()) {
		p := e.endAt(offset, t.flags.uncompressed)
		c := t.gather()
		if keep && r.shared {
			r.pending.addLeavers(c, t.rooms)
		}
		return c.deliver(&p, sender, t.flags)
	}
	if !keep && peers == nil {
		if r.inTurn(nil, e.size(), deliver) == overfull && !t.flags.volatile {
			return ErrSlow
		}
		return nil
	}
	kept, to := e.kept(), t.selection()
	if keep {
		r.append(adapter.Event{Payload: kept, Selection: to, Uncompressed: t.flags.uncompressed}, deliver)
	} else {
		r.inTurn(nil, e.size(), deliver)
	}
	if peers != nil && !(keep && r.shared) {
		peers.failed(opBroadcast, peers.Broadcast(kept, to, t.flags.wire()))
	}
	return nil
}

// pass delivers an event that is not kept, with the offset of the one before it.
func (r *recovery) pass(deliver func(offset string) (after func())) {
	var after func()
	r.log.Sync(func(newest string) { after = deliver(newest) })
	if after != nil {
		after()
	}
}

// deliver queues a packet for the crowd, but not for the socket with the sender's id, whichever that is
// now. It runs under the log's lock, so listeners come after.
func (c *crowd) deliver(p *packet, sender string, f flags) (after func()) {
	defer c.release()
	var heard []*Socket
	for _, s := range c.sockets {
		if !s.Connected() || s.id == sender {
			continue
		}
		if queued, _ := s.enqueue(p, f); queued && s.overheard() {
			heard = append(heard, s)
		}
	}
	return announceTo(heard, p)
}

// announceTo returns what shows a packet to those who listen to the sockets; nil if
// there are none.
func announceTo(sockets []*Socket, p *packet) func() {
	if len(sockets) == 0 {
		return nil
	}
	sent := *p
	return func() {
		for _, s := range sockets {
			s.announce(&sent)
		}
	}
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
	deliver := func(offset string) (after func()) {
		p := e.endAt(offset, f.uncompressed)
		receiver := s
		var queued bool
		if queued, err = s.enqueue(&p, f); errors.Is(err, ErrClosed) {
			if receiver = r.owner(s); receiver == nil {
				return nil
			}
			err = nil
			if receiver != s {
				queued, _ = receiver.enqueue(&p, f)
			}
		}
		if !queued || !receiver.overheard() {
			return nil
		}
		return announceTo([]*Socket{receiver}, &p)
	}
	if f.volatile {
		if r.inTurn(s, e.size(), deliver) != atOnce {
			return nil
		}
		return err
	}
	event := adapter.Event{Payload: e.kept(), Selection: adapter.Selection{Rooms: []string{s.id}}, Uncompressed: f.uncompressed}
	if !r.append(event, deliver) {
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
	if len(l.held) >= opts.SendQueuePackets || l.heldBytes+e.size() > opts.SendQueueBytes && len(l.held) > 0 {
		return false, ErrSlow
	}
	l.held = append(l.held, heldEvent{e, f})
	l.heldBytes += e.size()
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
