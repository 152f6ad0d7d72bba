package socketio

import (
	"context"
	"slices"

	"parley/server/adapter"
	"parley/server/wire/sio"
)

// An Event is an event of any name, as middlewares and catch-all listeners see it.
// It may be kept; the arguments must not be changed, as others see the same ones.
// Whether an acknowledgement is wanted tells HasAck of the context.
type Event struct {
	Name string
	Args Args
}

var decodeArgs = decoderOf[Args]()

func newEvent(a arguments) (Event, error) {
	args, err := decodeArgs(a)
	return Event{a.packet.EventName(), args}, err
}

// UseEvent adds a middleware for the events of all sockets, those without a handler
// among them; acknowledgements pass it by. Middlewares run in order: those of a
// parent, of the namespace, of the socket. The first error ends the event and goes
// the way of a handler's error.
func (ns *Namespace) UseEvent(middleware func(ctx context.Context, s *Socket, e Event) error) {
	ns.events.use(middleware)
}

// UseEvent adds a middleware for the events of this socket, behind those of its
// namespace.
func (s *Socket) UseEvent(middleware func(ctx context.Context, s *Socket, e Event) error) {
	s.events.use(middleware)
}

// OnAny adds a listener for the events of all sockets, whatever their names. It runs
// before the middlewares and handlers, so it sees what these refuse. The result
// removes it.
func (ns *Namespace) OnAny(listener func(ctx context.Context, s *Socket, e Event)) (remove func()) {
	return ns.events.onAny(listener)
}

// OnAny adds a listener for the events of this socket, as Namespace.OnAny does.
func (s *Socket) OnAny(listener func(ctx context.Context, s *Socket, e Event)) (remove func()) {
	return s.events.onAny(listener)
}

// OnAnyOutgoing adds a listener for the events that are sent to the sockets, for
// each receiver of a broadcast once; acknowledgements are none. It runs on the
// goroutine that emits, once the event is queued, and must not block. The result
// removes it.
func (ns *Namespace) OnAnyOutgoing(listener func(s *Socket, e Event)) (remove func()) {
	return ns.events.onAnyOutgoing(listener)
}

// OnAnyOutgoing adds a listener for the events that are sent to this socket, as
// Namespace.OnAnyOutgoing does.
func (s *Socket) OnAnyOutgoing(listener func(s *Socket, e Event)) (remove func()) {
	return s.events.onAnyOutgoing(listener)
}

func (t *table) use(middleware func(context.Context, *Socket, Event) error) {
	t.change(func(h *handlers) bool {
		h.use = appended(h.use, middleware)
		return true
	})
}

func (t *table) onAny(listener func(context.Context, *Socket, Event)) (remove func()) {
	t.change(func(h *handlers) bool {
		h.incoming = appended(h.incoming, &listener)
		return true
	})
	return func() {
		t.change(func(h *handlers) bool {
			h.incoming = without(h.incoming, &listener)
			return true
		})
	}
}

func (t *table) onAnyOutgoing(listener func(*Socket, Event)) (remove func()) {
	t.change(func(h *handlers) bool {
		h.outgoing = appended(h.outgoing, &listener)
		return true
	})
	return func() {
		t.change(func(h *handlers) bool {
			h.outgoing = without(h.outgoing, &listener)
			return true
		})
	}
}

// watched reports whether somebody wants to see events that come in.
func (h *handlers) watched() bool { return h != nil && len(h.use)+len(h.incoming) > 0 }

// observe shows an event to the listeners and then to the middlewares, whose first
// error it returns.
func (s *Socket) observe(ctx context.Context, args arguments) error {
	all := s.handlers()
	if !all[0].watched() && !all[1].watched() && !all[2].watched() {
		return nil
	}
	e, err := newEvent(args)
	if err != nil {
		return err
	}
	for _, h := range slices.Backward(all[:]) {
		if h == nil {
			continue
		}
		for _, listener := range h.incoming {
			s.guard(func() { (*listener)(ctx, s, e) })
		}
	}
	for _, h := range slices.Backward(all[:]) {
		if h == nil {
			continue
		}
		for _, middleware := range h.use {
			if err := middleware(ctx, s, e); err != nil {
				return err
			}
			if s.kicked() {
				return ErrClosed
			}
		}
	}
	return nil
}

// kicked reports whether this side has ended the socket, after which it handles nothing.
func (s *Socket) kicked() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.reason == ReasonServerDisconnect
}

// overheard reports whether announce has somebody to show packets to.
func (s *Socket) overheard() bool {
	if s.ns.server.opts.OnPacket != nil {
		return true
	}
	if h := s.events.get(); h != nil && len(h.outgoing) > 0 {
		return true
	}
	for ns := s.ns; ns != nil; ns = ns.parent {
		if h := ns.events.get(); h != nil && len(h.outgoing) > 0 {
			return true
		}
	}
	return false
}

// sent shows an event that was queued for s to the listeners.
func (s *Socket) sent(p *packet) {
	if h := s.events.get(); h != nil && len(h.outgoing) > 0 {
		s.show(h.outgoing, p)
	}
	for ns := s.ns; ns != nil; ns = ns.parent {
		if h := ns.events.get(); h != nil && len(h.outgoing) > 0 {
			s.show(h.outgoing, p)
		}
	}
}

func (s *Socket) show(listeners []*func(*Socket, Event), p *packet) {
	if p.view == nil {
		e, err := sentEvent(p.payload)
		if err != nil {
			s.log().Error("cannot show an event that was sent", "error", err)
			return
		}
		p.view = &e
	}
	for _, listener := range listeners {
		s.guard(func() { (*listener)(s, *p.view) })
	}
}

func sentEvent(payload adapter.Payload) (Event, error) {
	p := sio.Packet{Type: sio.Event, ID: sio.NoID, Data: payload.Data}
	return newEvent(arguments{list: p.Args(), attachments: payload.Attachments, id: sio.NoID, packet: &p})
}
