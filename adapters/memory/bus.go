// Package memory connects servers of one process, as if each had one of its own:
// everything between them is encoded, queued and can be late or lost. It is for tests
// of what an application does on several servers.
//
//	bus := memory.NewBus(nil)
//	a := socketio.New(&socketio.Options{Adapter: bus.Adapter})
//	b := socketio.New(&socketio.Options{Adapter: bus.Adapter})
package memory

import (
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"parley/server/adapter"
)

// ErrQueueFull is the error of what another server is too slow for; that server
// misses it.
var ErrQueueFull = errors.New("memory: queue is full")

var errClosed = fmt.Errorf("memory: adapter is closed: %w", net.ErrClosed)

// Options configures a Bus. Zero means the default; a negative value panics with the
// field's name.
type Options struct {
	// Queue bounds the messages that wait for one server and namespace. 10,000.
	Queue int
	// Timeout bounds how long other servers are waited for where a context
	// has no deadline. 5 s.
	Timeout time.Duration
	// Fault, if not nil, is asked about each message to a server: after which
	// delay it arrives, and whether it is lost instead. Those of one sender stay in
	// order. It is called under the bus's lock.
	Fault func() (delay time.Duration, lost bool)
}

func (o *Options) withDefaults() Options {
	var c Options
	if o != nil {
		c = *o
	}
	if c.Queue < 0 {
		panic("memory: Options.Queue is negative")
	}
	if c.Timeout < 0 {
		panic("memory: Options.Timeout is negative")
	}
	if c.Queue == 0 {
		c.Queue = 10_000
	}
	if c.Timeout == 0 {
		c.Timeout = 5 * time.Second
	}
	return c
}

// A Bus carries messages between the adapters that it makes.
type Bus struct {
	opts Options

	mu       sync.Mutex // guards what follows, and the queues of the adapters
	next     int
	adapters map[string][]*link // by namespace
}

// NewBus returns a Bus without servers. Nil options are the defaults.
func NewBus(opts *Options) *Bus {
	return &Bus{opts: opts.withDefaults(), adapters: make(map[string][]*link)}
}

// Adapter connects a namespace with those of the same name. It is a value for
// socketio.Options.Adapter.
func (b *Bus) Adapter(local adapter.Local) (adapter.Adapter, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.next++
	l := newLink(b, fmt.Sprint(b.next), local)
	name := local.Namespace()
	b.adapters[name] = append(b.adapters[name], l)
	return l, nil
}

// A letter is an encoded message that waits for its receiver.
type letter struct {
	text []byte
	due  time.Time
}

// publish sends a message to all others of l's namespace, or only to the one that is
// named. Begin, if not nil, is told whom before any of them can answer, those included
// for whom it is lost, and how many have no room for it.
func (b *Bus) publish(l *link, to string, m message, begin func(receivers []string, full int)) error {
	m.From = l.id
	text, err := m.encode()
	if err != nil {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if l.closed {
		return errClosed
	}
	return b.post(l, to, text, begin)
}

// post queues an encoded message. The caller holds b.mu.
func (b *Bus) post(l *link, to string, text []byte, begin func(receivers []string, full int)) error {
	var receivers []string
	full := 0
	for _, other := range b.adapters[l.local.Namespace()] {
		switch {
		case other == l || to != "" && other.id != to:
		case len(other.queue) >= b.opts.Queue:
			full++
		default:
			receivers = append(receivers, other.id)
			b.push(other, text)
		}
	}
	if begin != nil {
		begin(receivers, full)
	}
	if full > 0 {
		return fmt.Errorf("%w: Options.Queue is %d", ErrQueueFull, b.opts.Queue)
	}
	return nil
}

// push puts an encoded message into a queue, unless it is to be lost.
func (b *Bus) push(l *link, text []byte) {
	var delay time.Duration
	if b.opts.Fault != nil {
		var lost bool
		if delay, lost = b.opts.Fault(); lost {
			return
		}
	}
	l.queue = append(l.queue, letter{text, time.Now().Add(delay)})
	select {
	case l.wake <- struct{}{}:
	default:
	}
}
