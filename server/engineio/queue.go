package engineio

import (
	"sync"

	"parley/server/internal/transport"
)

// A queue holds what waits for one client. It has no memory while it is empty.
type queue struct {
	list  *messages
	head  int
	bytes int
}

type messages struct{ items []Message }

// keepItems is the largest list kept for reuse.
const keepItems = 1024

var lists = sync.Pool{New: func() any { return &messages{items: make([]Message, 0, 8)} }}

func (q *queue) len() int {
	if q.list == nil {
		return 0
	}
	return len(q.list.items) - q.head
}

func (q *queue) push(batch ...Message) {
	if q.list == nil {
		q.list = lists.Get().(*messages)
	}
	if items := q.list.items; len(items)+len(batch) > cap(items) && q.head > len(items)/2 {
		// A client that is always a little behind must not make it grow.
		n := copy(items, items[q.head:])
		clear(items[n:])
		q.list.items, q.head = items[:n], 0
	}
	q.list.items = append(q.list.items, batch...)
	for _, m := range batch {
		q.bytes += m.Len()
	}
}

// waiting returns what is queued, oldest first.
func (q *queue) waiting() []Message { return q.list.items[q.head:] }

// inForm gives the binary messages the form that a WebSocket carries.
func (q *queue) inForm(form transport.BinaryForm) {
	for i, m := range q.waiting() {
		if m.IsBinary() {
			formed := m.InForm(form)
			q.bytes += formed.Len() - m.Len()
			q.waiting()[i] = formed
		}
	}
}

// drop removes the n oldest.
func (q *queue) drop(n int) {
	gone := q.list.items[q.head : q.head+n]
	for _, m := range gone {
		q.bytes -= m.Len()
	}
	clear(gone)
	q.head += n
	if q.head < len(q.list.items) {
		return
	}
	if cap(q.list.items) <= keepItems {
		q.list.items = q.list.items[:0]
		lists.Put(q.list)
	}
	q.list, q.head = nil, 0
}

func (q *queue) clear() {
	if q.list != nil {
		q.drop(q.len())
	}
}
