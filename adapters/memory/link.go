package memory

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"parley/server/adapter"
)

// A link is the adapter of one namespace of one server. Its goroutine takes in what
// the others send, in order.
type link struct {
	bus   *Bus
	id    string
	local adapter.Local
	wake  chan struct{} // has something in it while there may be letters
	stop  chan struct{} // closed by Close
	ended chan struct{} // closed when the goroutine has ended

	// Guarded by bus.mu.
	queue  []letter
	closed bool

	mu       sync.Mutex // guards what follows
	requests map[int64]*request
	next     int64
	answers  map[source]*answering
}

var _ adapter.Adapter = (*link)(nil)

func newLink(b *Bus, id string, local adapter.Local) *link {
	l := &link{
		bus:      b,
		id:       id,
		local:    local,
		wake:     make(chan struct{}, 1),
		stop:     make(chan struct{}),
		ended:    make(chan struct{}),
		requests: make(map[int64]*request),
		answers:  make(map[source]*answering),
	}
	go l.receive()
	return l
}

func (l *link) Broadcast(p adapter.Payload, to adapter.Selection, f adapter.Flags) error {
	return l.publish(message{Kind: kindBroadcast, Payload: p, Selection: to, Flags: f})
}

func (l *link) Join(to adapter.Selection, rooms []string) error {
	return l.publish(message{Kind: kindJoin, Selection: to, Rooms: rooms})
}

func (l *link) Leave(to adapter.Selection, rooms []string) error {
	return l.publish(message{Kind: kindLeave, Selection: to, Rooms: rooms})
}

func (l *link) Disconnect(to adapter.Selection, closeTransport bool) error {
	return l.publish(message{Kind: kindDisconnect, Selection: to, Transport: closeTransport})
}

func (l *link) ServerSide(p adapter.Payload) error {
	return l.publish(message{Kind: kindServerSide, Payload: p})
}

func (l *link) publish(m message) error { return l.bus.publish(l, "", m, nil) }

func (l *link) BroadcastAck(ctx context.Context, p adapter.Payload, to adapter.Selection, f adapter.Flags, acks adapter.Acks) error {
	_, err := l.ask(ctx, message{Kind: kindBroadcast, Payload: p, Selection: to, Flags: f}, acks)
	return err
}

func (l *link) Sockets(ctx context.Context, to adapter.Selection) ([]adapter.Socket, error) {
	r, err := l.ask(ctx, message{Kind: kindFetch, Selection: to}, nil)
	return r.sockets, err
}

func (l *link) ServerSideCall(ctx context.Context, p adapter.Payload) ([]adapter.Payload, error) {
	r, err := l.ask(ctx, message{Kind: kindServerSide, Payload: p}, nil)
	return r.payloads, err
}

// ask publishes a message that wants answers and waits for them. The request that it
// returns has ended.
func (l *link) ask(ctx context.Context, m message, acks adapter.Acks) (*request, error) {
	if _, ok := ctx.Deadline(); !ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, l.bus.opts.Timeout)
		defer cancel()
	}
	r := newRequest(acks)
	l.mu.Lock()
	l.next++
	m.Request = l.next
	l.requests[m.Request] = r
	l.mu.Unlock()
	err := l.bus.publish(l, "", m, r.begin)
	if err == nil || errors.Is(err, ErrQueueFull) { // the request knows of those
		err = r.wait(ctx, l.stop)
	}
	l.mu.Lock()
	delete(l.requests, m.Request)
	l.mu.Unlock()
	if err != nil || ctx.Err() != nil {
		_ = l.publish(message{Kind: kindCancel, Request: m.Request})
	}
	return r, err
}

func (l *link) ServerCount(context.Context) (int, error) {
	l.bus.mu.Lock()
	defer l.bus.mu.Unlock()
	if l.closed {
		return 0, errClosed
	}
	return len(l.bus.adapters[l.local.Namespace()]), nil
}

// RoomCreated has no use here: everybody gets everything.
func (l *link) RoomCreated(string, bool) {}

// RoomRemoved has no use here.
func (l *link) RoomRemoved(string, bool) {}

func (l *link) Close(ctx context.Context) error {
	l.leave()
	select {
	case <-l.ended:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// leave says good-bye, once.
func (l *link) leave() {
	b := l.bus
	b.mu.Lock()
	defer b.mu.Unlock()
	if l.closed {
		return
	}
	l.closed = true
	name := l.local.Namespace()
	b.adapters[name] = slices.DeleteFunc(b.adapters[name], func(other *link) bool { return other == l })
	if len(b.adapters[name]) == 0 {
		delete(b.adapters, name)
	}
	if text, err := (message{Kind: kindBye, From: l.id}).encode(); err == nil {
		_ = b.post(l, "", text, nil)
	}
	close(l.stop)
}

// receive takes in letters until the adapter is closed.
func (l *link) receive() {
	defer close(l.ended)
	defer l.stopAnswering("")
	for {
		next, ok := l.pop()
		if !ok {
			select {
			case <-l.wake:
				continue
			case <-l.stop:
				return
			}
		}
		if !l.sleep(time.Until(next.due)) {
			return
		}
		if m, err := decode(next.text); err == nil {
			l.handle(m)
		}
	}
}

func (l *link) pop() (letter, bool) {
	l.bus.mu.Lock()
	defer l.bus.mu.Unlock()
	if len(l.queue) == 0 {
		l.queue = nil
		return letter{}, false
	}
	next := l.queue[0]
	l.queue[0] = letter{}
	l.queue = l.queue[1:]
	return next, !l.closed
}

// sleep reports whether the adapter is still open after a time.
func (l *link) sleep(d time.Duration) bool {
	if d <= 0 {
		return true
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-l.stop:
		return false
	}
}
