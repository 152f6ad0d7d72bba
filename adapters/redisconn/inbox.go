package redisconn

import (
	"fmt"
	"sync"
	"time"
	"unsafe"
)

// messageCost is what a waiting message takes besides its payload, in bytes, about.
const messageCost = 64

// calm is the time since the last message, or since it was handled by the goroutine that had read it, from which one is handled by that
// goroutine: no other one need wake up for it. While messages come faster, or more have come by then, reading and handling share the work.
const calm = 50 * time.Microsecond

// inbox holds what handlers have not had yet, of all connections in the order of arrival. A goroutine hands it out while there is any.
type inbox struct {
	c *Conn

	mu      sync.Mutex
	queue   []event
	bytes   int
	full    bool // something was dropped since the queue last ran empty or took something
	running bool
	closed  bool
	last    time.Time     // when the last message came, or reading went on after it
	calm    time.Duration // see calm
}

// event is a message of a channel, a gap in it, or a probe.
type event struct {
	topic   *topic // nil: a probe
	channel string // of a message that came by a pattern
	payload string
	gap     bool
}

func (e event) size() int { return len(e.payload) + messageCost }

// push never blocks. A message for which there is no room is dropped; the others take none.
func (in *inbox) push(e event) {
	in.mu.Lock()
	defer in.mu.Unlock()
	if !in.closed {
		in.put(e)
	}
}

// receive is push, or handles a message at once. It returns when the handlers do then.
func (in *inbox) receive(e event) {
	in.mu.Lock()
	now := time.Now()
	alone := !in.running && now.Sub(in.last) > in.calm
	in.last = now
	if in.closed || !alone {
		if !in.closed {
			in.put(e)
		}
		in.mu.Unlock()
		return
	}
	in.running = true
	in.mu.Unlock()
	in.handle(e)
	in.mu.Lock()
	defer in.mu.Unlock()
	in.last = time.Now()
	if in.running = len(in.queue) > 0 || in.full; in.running {
		in.start()
	}
}

// put queues an event. The caller holds in.mu.
func (in *inbox) put(e event) {
	if e.topic != nil && !e.gap && in.bytes+e.size() > in.c.opts.InboxBytes {
		in.full = true
		in.c.stats.overflowed.Add(1)
	} else {
		in.bytes += e.size()
		in.queue = append(in.queue, e)
	}
	if !in.running {
		in.running = true
		in.start()
	}
}

// start lets a goroutine hand out what there is. The caller holds in.mu.
func (in *inbox) start() { in.c.work.Go(in.run) }

func (in *inbox) run() {
	var batch []event
	for {
		in.mu.Lock()
		full := in.full
		in.full = false
		if (len(in.queue) == 0 && !full) || in.closed {
			in.running = false
			in.queue, in.bytes = nil, 0
			in.mu.Unlock()
			return
		}
		batch, in.queue = in.queue, batch[:0]
		in.mu.Unlock()
		for i, e := range batch {
			in.mu.Lock()
			in.bytes -= e.size()
			in.mu.Unlock()
			in.handle(e)
			batch[i] = event{}
		}
		if full {
			in.c.routes.gapEverywhere()
		}
	}
}

func (in *inbox) handle(e event) {
	switch {
	case e.topic == nil:
		in.c.waiters.arrived(e.payload)
	case e.gap:
		e.topic.gap(in.c)
	default:
		// The payload is a copy of its own that nobody else keeps, so its bytes need no other.
		payload := unsafe.Slice(unsafe.StringData(e.payload), len(e.payload))
		for _, s := range *e.topic.subs.Load() {
			if err := s.handle(e.channel, payload); err != nil {
				in.c.badMessage(e.topic.channel, err)
			}
		}
	}
}

// handle runs a handler that may panic.
func (s *Subscription) handle(channel string, payload []byte) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("handler panicked: %v", r)
		}
	}()
	if channel == "" {
		channel = s.opts.Channel
	}
	return s.opts.Handler(channel, payload)
}

// Waiting reports whether messages wait for a Handler behind the one that it has.
func (c *Conn) Waiting() bool {
	c.inbox.mu.Lock()
	defer c.inbox.mu.Unlock()
	return c.inbox.bytes > 0
}

func (in *inbox) size() int {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.bytes
}

func (in *inbox) close() {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.closed = true
}
