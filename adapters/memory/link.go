package memory

import (
	"context"
	"encoding/json"
	"time"

	"parley/adapters/cluster"
)

// A link carries the messages of one namespace of one server. Its goroutine takes in
// what the others send, in order.
type link struct {
	bus       *Bus
	id        string
	namespace string
	out       *cluster.Link
	wake      chan struct{} // has something in it while there may be letters
	stop      chan struct{} // closed by Close
	ended     chan struct{} // closed when the goroutine has ended

	// Guarded by bus.mu.
	queue []letter
	gone  bool
}

var _ cluster.Bus = (*link)(nil)

func newLink(b *Bus, id, namespace string) *link {
	return &link{
		bus:       b,
		id:        id,
		namespace: namespace,
		wake:      make(chan struct{}, 1),
		stop:      make(chan struct{}),
		ended:     make(chan struct{}),
	}
}

func (l *link) ID() string { return l.id }

func (l *link) Send(m *cluster.Message) error { return l.bus.publish(l, "", m) }

func (l *link) Reply(to string, m *cluster.Message) error { return l.bus.publish(l, to, m) }

func (l *link) Peers(context.Context) (cluster.Peers, error) {
	l.bus.mu.Lock()
	defer l.bus.mu.Unlock()
	ids := []string{}
	for _, other := range l.bus.links[l.namespace] {
		if other != l {
			ids = append(ids, other.id)
		}
	}
	return cluster.Peers{Count: len(ids), IDs: ids}, nil
}

// RoomCreated has no use here: everybody gets everything.
func (l *link) RoomCreated(string, bool) {}

// RoomRemoved has no use here.
func (l *link) RoomRemoved(string, bool) {}

func (l *link) Close(ctx context.Context) error {
	close(l.stop)
	select {
	case <-l.ended:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// receive takes in letters until the link is closed.
func (l *link) receive() {
	defer close(l.ended)
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
		var m cluster.Message
		if json.Unmarshal(next.text, &m) == nil {
			_ = l.out.Receive(&m) // Local has logged it
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
	return next, !l.gone
}

// sleep reports whether the link is still open after a time.
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
