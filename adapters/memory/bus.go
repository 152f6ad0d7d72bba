// Package memory connects servers of one process, as if each had one of its own:
// everything between them is encoded, queued and can be late or lost. It is for tests
// of what an application does on several servers.
//
//	bus := memory.NewBus(nil)
//	a := socketio.New(&socketio.Options{Adapter: bus.Adapter})
//	b := socketio.New(&socketio.Options{Adapter: bus.Adapter})
package memory

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"parley/adapters/cluster"
	"parley/server/adapter"
)

// ErrQueueFull is the error of what another server is too slow for; that server
// misses it.
var ErrQueueFull = errors.New("memory: queue is full")

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

	mu    sync.Mutex // guards what follows, and the queues of the links
	next  int
	links map[string][]*link // by namespace
}

// NewBus returns a Bus without servers. Nil options are the defaults.
func NewBus(opts *Options) *Bus {
	return &Bus{opts: opts.withDefaults(), links: make(map[string][]*link)}
}

// Adapter connects a namespace with those of the same name. It is a value for
// socketio.Options.Adapter.
func (b *Bus) Adapter(local adapter.Local) (adapter.Adapter, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.next++
	name := local.Namespace()
	l := newLink(b, fmt.Sprint(b.next), name)
	l.out = cluster.NewLink(local, l, &cluster.Options{Timeout: b.opts.Timeout})
	b.links[name] = append(b.links[name], l)
	go l.receive()
	return l.out, nil
}

// A letter is an encoded message that waits for its receiver.
type letter struct {
	text []byte
	due  time.Time
}

// publish sends a message to all others of l's namespace, or only to the one that is
// named. With a Bye l leaves them at the same moment.
func (b *Bus) publish(l *link, to string, m *cluster.Message) error {
	text, err := json.Marshal(m)
	if err != nil {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if m.Kind == cluster.Bye {
		l.gone = true
		b.links[l.namespace] = slices.DeleteFunc(b.links[l.namespace], func(other *link) bool { return other == l })
		if len(b.links[l.namespace]) == 0 {
			delete(b.links, l.namespace)
		}
	}
	var full []string
	for _, other := range b.links[l.namespace] {
		switch {
		case other == l || to != "" && other.id != to:
		case len(other.queue) >= b.opts.Queue:
			full = append(full, other.id)
		default:
			b.push(other, text)
		}
	}
	if full != nil {
		return &cluster.UnsentError{To: full, Err: fmt.Errorf("%w: Options.Queue is %d", ErrQueueFull, b.opts.Queue)}
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
