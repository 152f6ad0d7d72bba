package socketio

import (
	"sync"

	"parley/server/engineio"
	"parley/server/wire/sio"
)

// An item is what a socket has to handle, in the order of arrival: the connect
// first, events, the disconnect last.
type item struct {
	next        *item
	kind        itemKind
	packet      sio.Packet // of an event; its Data is in buf
	attachments [][]byte
	buf         []byte
	bytes       int
}

type itemKind uint8

const (
	itemEvent itemKind = iota
	itemConnect
	itemUpgrade
	itemDisconnect
)

// items are events that have been handled, with their buffers.
var items = sync.Pool{New: func() any { return new(item) }}

// keptBuffer is the size in bytes up to which the buffer of an item is used again.
const keptBuffer = 4 << 10

// newItem copies a packet, which is valid only while it is received.
func newItem(p sio.Packet) *item {
	it := items.Get().(*item)
	it.buf = append(it.buf[:0], p.Data...)
	it.packet = p
	it.packet.Data = it.buf
	it.bytes = len(it.buf)
	return it
}

// attach adds an attachment, of which it keeps a copy.
func (it *item) attach(data []byte) {
	it.attachments = append(it.attachments, append(make([]byte, 0, len(data)), data...))
	it.bytes += len(data)
}

func (it *item) release() {
	if it.kind != itemEvent {
		return
	}
	buf := it.buf
	if cap(buf) > keptBuffer {
		buf = nil
	}
	*it = item{buf: buf}
	items.Put(it)
}

// An inbox is a list of items, and at most one worker that handles them.
type inbox struct {
	head, tail    *item
	events, bytes int
	running       bool // there is a worker
	paused        bool // the client is not read from
}

// push adds an item and reports whether a worker must be started. Past the limits
// it pauses reading; what has been read by then still comes in. The caller holds
// s.mu.
func (s *Socket) push(it *item) (start bool) {
	b := &s.inbox
	if b.tail == nil {
		b.head = it
	} else {
		b.tail.next = it
	}
	b.tail = it
	b.events++
	b.bytes += it.bytes
	opts := &s.ns.server.opts
	if !b.paused && (b.events > opts.InboxEvents || b.bytes > opts.InboxBytes) {
		b.paused = true
		s.client.pause()
		s.calls.stop(s)
	}
	start = !b.running
	b.running = true
	return start
}

// pop removes the oldest item. With none left it ends the worker.
func (s *Socket) pop() *item {
	s.mu.Lock()
	defer s.mu.Unlock()
	b := &s.inbox
	it := b.head
	if it == nil {
		b.running = false
		return nil
	}
	if b.head = it.next; b.head == nil {
		b.tail = nil
	}
	it.next = nil
	b.events--
	b.bytes -= it.bytes
	s.resume()
	return it
}

// unpop puts an item back in front.
func (s *Socket) unpop(it *item) {
	s.mu.Lock()
	defer s.mu.Unlock()
	b := &s.inbox
	it.next = b.head
	b.head = it
	if b.tail == nil {
		b.tail = it
	}
	b.events++
	b.bytes += it.bytes
}

// resume goes on reading when half of what is allowed is free. The caller holds s.mu.
func (s *Socket) resume() {
	b, opts := &s.inbox, &s.ns.server.opts
	if b.paused && b.events <= opts.InboxEvents/2 && b.bytes <= opts.InboxBytes/2 {
		b.paused = false
		s.client.resume()
	}
}

// discard drops all items. The caller holds s.mu.
func (s *Socket) discard() {
	b := &s.inbox
	b.head, b.tail, b.events, b.bytes = nil, nil, 0, 0
	s.resume()
}

// work starts a worker, on the turn if there is one.
func (s *Socket) work(t engineio.Turn) {
	if t != nil {
		t.Run((*turnWorker)(s))
	} else {
		s.client.session.Run((*worker)(s))
	}
}

// A turnWorker is a socket as a task that runs on the reading goroutine.
type turnWorker Socket

func (w *turnWorker) Run() { (*Socket)(w).drain(true) }

// A worker is a socket as a task with its own goroutine.
type worker Socket

func (w *worker) Run() { (*Socket)(w).drain(false) }

// drain handles items until none is left. On a turn it hands over to a goroutine
// where a handler is known to be slow, so that nobody else waits for that.
func (s *Socket) drain(onTurn bool) {
	from := now()
	for {
		it := s.pop()
		if it == nil {
			return
		}
		e, p := s.target(it)
		if p == nil {
			s.unhandled(it)
			it.release()
			continue
		}
		if onTurn && p.slow(from) {
			s.unpop(it)
			s.client.session.Run((*worker)(s))
			return
		}
		switch it.kind {
		case itemEvent:
			s.dispatch(e, it)
		case itemConnect:
			s.connect()
		case itemUpgrade:
			s.upgraded()
		case itemDisconnect:
			s.disconnected()
		}
		it.release()
		to := now()
		p.took(from, to)
		from = to
	}
}

// target finds out what handles an item, and how quick that was of late. Nothing
// handles an event that nobody wants to see.
func (s *Socket) target(it *item) (*entry, *pace) {
	switch it.kind {
	case itemConnect, itemUpgrade:
		return nil, &s.ns.connects
	case itemDisconnect:
		return nil, &s.ns.disconnects
	}
	name := it.packet.EventNameBytes()
	var unhandled *entry
	watched := false
	for _, h := range s.handlers() {
		if h == nil {
			continue
		}
		if e := h.byName[string(name)]; e != nil {
			return e, &e.pace
		}
		if unhandled == nil {
			unhandled = h.unhandled
		}
		watched = watched || h.watched()
	}
	switch {
	case unhandled != nil:
		return unhandled, &unhandled.pace
	case watched:
		return &s.ns.stray, &s.ns.stray.pace
	}
	return nil, nil
}
