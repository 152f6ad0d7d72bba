package socketio

import (
	"context"
	"sync/atomic"
	"time"

	"parley/server/wire/sio"
)

// A Scope is what handlers are registered on: a *Namespace, for all its sockets,
// or one *Socket, whose handlers take precedence over those of the namespace.
type Scope interface{ scope() scope }

type scope struct {
	events  *table
	name    string
	replace bool // a second handler takes the place of the first
}

var (
	_ Scope = (*Namespace)(nil)
	_ Scope = (*Socket)(nil)
)

// On registers the handler of an event. In is the type of the event's one
// argument; None means that it has none, Args2 and Args3 that it has several.
// Arguments that do not fit are an error with CodeInvalid and do not reach the
// handler.
//
// If the client wants an acknowledgement it gets an empty one after success and
// {"ok":false,"error":{"code","message"}} after an error. Otherwise an error is
// sent as the event "error" with {"code","message"}.
//
// On a namespace an event has one handler, and a second one panics; on a socket
// it replaces the first. A reserved name panics. The context ends when the socket
// does.
func On[In any](sc Scope, event string, h func(ctx context.Context, s *Socket, in In) error) {
	decode := decoderOf[In]()
	register(sc, event, &entry{call: func(ctx context.Context, s *Socket, args arguments) (any, error) {
		in, err := decode(args)
		if err != nil {
			return nil, err
		}
		return nil, h(ctx, s, in)
	}})
}

// OnAck is On for a handler with a result, which is the one argument of the
// acknowledgement.
func OnAck[In, Out any](sc Scope, event string, h func(ctx context.Context, s *Socket, in In) (Out, error)) {
	decode := decoderOf[In]()
	register(sc, event, &entry{replies: true, call: func(ctx context.Context, s *Socket, args arguments) (any, error) {
		in, err := decode(args)
		if err != nil {
			return nil, err
		}
		out, err := h(ctx, s, in)
		if err != nil || args.id == sio.NoID {
			return nil, err
		}
		return out, nil
	}})
}

// Once is On for the next event that fits, in place of the socket's other handler for
// it: before it is handled the handler is removed.
func Once[In any](s *Socket, event string, h func(ctx context.Context, s *Socket, in In) error) {
	decode := decoderOf[In]()
	e := new(entry)
	e.call = func(ctx context.Context, s *Socket, args arguments) (any, error) {
		in, err := decode(args)
		if err != nil {
			return nil, err
		}
		s.events.remove(event, e)
		return nil, h(ctx, s, in)
	}
	register(s, event, e)
}

// Off removes the handler of an event, if there is one. After Off of a socket the
// namespace's handler gets the event again.
func Off(sc Scope, event string) { sc.scope().events.remove(event, nil) }

// OnUnhandled is OnAck for the events that have no handler. Without it they are
// ignored, and who wants an acknowledgement gets an error with CodeInvalid: clients
// with retries would send the event again and hold back all others.
func OnUnhandled[Out any](sc Scope, h func(ctx context.Context, s *Socket, e Event) (Out, error)) {
	target := sc.scope()
	e := &entry{replies: true, call: func(ctx context.Context, s *Socket, args arguments) (any, error) {
		event, err := newEvent(args)
		if err != nil {
			return nil, err
		}
		return h(ctx, s, event)
	}}
	added := target.events.change(func(h *handlers) bool {
		if h.unhandled != nil && !target.replace {
			return false
		}
		h.unhandled = e
		return true
	})
	if !added {
		panic("socketio: " + target.name + " has a handler for unhandled events")
	}
}

func register(sc Scope, event string, e *entry) {
	if sio.Reserved(event) {
		panic("socketio: event name " + event + " is the protocol's own")
	}
	target := sc.scope()
	if !target.events.add(event, e, target.replace) {
		panic("socketio: " + target.name + " has a handler for event " + event)
	}
}

// An entry is the handler of one event, its types hidden.
type entry struct {
	pace
	call    func(ctx context.Context, s *Socket, args arguments) (any, error) // nil: nothing to do
	replies bool                                                              // the result of call is an argument of the acknowledgement
}

// A pace remembers that a handler was slow a moment ago. Slow handlers run on
// their own goroutine rather than on the one that reads.
type pace struct {
	slowUntil atomic.Int64
	doubtful  atomic.Bool // the last call took long
}

const (
	slowCall   = 100 * time.Microsecond
	slowMemory = time.Second
)

func (p *pace) slow(at instant) bool { return int64(at) < p.slowUntil.Load() }

// took takes in one call. A single long one may be the doing of the scheduler; two
// in a row are the handler's.
func (p *pace) took(from, to instant) {
	if time.Duration(to-from) <= slowCall {
		if p.doubtful.Load() {
			p.doubtful.Store(false)
		}
		return
	}
	if p.doubtful.Swap(true) {
		p.slowUntil.Store(int64(to) + int64(slowMemory))
	}
}

// An instant is a reading of the monotonic clock, in nanoseconds.
type instant int64

var clockStart = time.Now()

func now() instant { return instant(time.Since(clockStart)) }
