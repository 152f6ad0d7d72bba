package socketio

import (
	"context"
	"sync/atomic"
	"time"

	"parley/server/wire/sio"
)

// A Scope is what handlers are registered on: a *Namespace, for all its sockets,
// or one *Socket, whose handlers take precedence over those of the namespace.
type Scope interface{ handle(event string, e *entry) }

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
// it replaces the first.
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

func register(sc Scope, event string, e *entry) {
	if sio.Reserved(event) {
		panic("socketio: event name " + event + " is the protocol's own")
	}
	sc.handle(event, e)
}

// An entry is the handler of one event, its types hidden.
type entry struct {
	pace
	call    func(ctx context.Context, s *Socket, args arguments) (any, error)
	replies bool // the result of call is an argument of the acknowledgement
}

// A table holds handlers by event. Looking up takes no lock; the map is never
// changed in place.
type table struct {
	entries atomic.Pointer[map[string]*entry]
}

// add registers e, and reports whether it could: an event that is there already
// is replaced only if so told.
func (t *table) add(event string, e *entry, replace bool) bool {
	for {
		old := t.entries.Load()
		next := make(map[string]*entry)
		if old != nil {
			if _, there := (*old)[event]; there && !replace {
				return false
			}
			for k, v := range *old {
				next[k] = v
			}
		}
		next[event] = e
		if t.entries.CompareAndSwap(old, &next) {
			return true
		}
	}
}

func (t *table) lookup(event []byte) *entry {
	if m := t.entries.Load(); m != nil {
		return (*m)[string(event)]
	}
	return nil
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
