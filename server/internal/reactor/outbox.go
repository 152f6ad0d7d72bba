package reactor

import "sync"

// flushChunk is how many connections are flushed before input is looked at
// again, so that a large broadcast does not hold up the readers.
const flushChunk = 64

// flushShare is how many chunks are flushed between two batches of input.
const flushShare = 16

// helpAbove is the backlog from which another goroutine helps to flush.
const helpAbove = 4 * flushChunk

// An outbox is the list of those who have something to write. Whoever holds it
// has promised to empty it soon; when nobody does, spawn starts a flusher.
type outbox struct {
	spawn func()

	mu      sync.Mutex
	dirty   []Flusher
	head    int // dirty[:head] has been taken
	holds   int // loops that are handling input
	helpers int // flushers that spawn started
}

func (o *outbox) add(f Flusher) {
	o.mu.Lock()
	if len(o.dirty) == cap(o.dirty) && o.head > len(o.dirty)/2 {
		// Under steady load the list is never empty; it must not grow for that.
		n := copy(o.dirty, o.dirty[o.head:])
		clear(o.dirty[n:])
		o.dirty, o.head = o.dirty[:n], 0
	}
	o.dirty = append(o.dirty, f)
	alone := o.holds == 0 && o.helpers == 0
	if alone {
		o.helpers++
	}
	o.mu.Unlock()
	if alone {
		o.spawn()
	}
}

// hold promises that flushSome will be called until release succeeds.
func (o *outbox) hold() {
	o.mu.Lock()
	o.holds++
	o.mu.Unlock()
}

// release takes the promise back; it refuses while there is something to
// write.
func (o *outbox) release() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.head < len(o.dirty) {
		return false
	}
	o.holds--
	return true
}

// leave is release for a flusher that spawn started.
func (o *outbox) leave() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.head < len(o.dirty) {
		return false
	}
	o.helpers--
	return true
}

// give is release for those who have done their share: what is left is another's to write.
func (o *outbox) give() {
	o.mu.Lock()
	o.holds--
	spawn := o.head < len(o.dirty) && o.holds == 0 && o.helpers == 0
	if spawn {
		o.helpers++
	}
	o.mu.Unlock()
	if spawn {
		o.spawn()
	}
}

// flushSome flushes one chunk and reports whether there is more.
func (o *outbox) flushSome(scratch []byte) bool {
	var chunk [flushChunk]Flusher
	o.mu.Lock()
	n := copy(chunk[:], o.dirty[o.head:])
	clear(o.dirty[o.head : o.head+n])
	o.head += n
	if o.head == len(o.dirty) {
		o.dirty, o.head = o.dirty[:0], 0
		if cap(o.dirty) > 16*helpAbove {
			o.dirty = nil
		}
	}
	rest := len(o.dirty) - o.head
	help := rest > helpAbove && o.helpers == 0
	if help {
		o.helpers++
	}
	o.mu.Unlock()
	if help {
		o.spawn()
	}
	for _, f := range chunk[:n] {
		f.Flush(scratch)
	}
	return rest > 0
}
