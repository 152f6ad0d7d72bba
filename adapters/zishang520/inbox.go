package zishang520

import (
	"sync"

	"github.com/zishang520/socket.io-go-parser/v2/parser"

	"parley/server/engineio"
)

// An item is what the listeners of a connection have to be told, in this order.
type item struct {
	packet  *parser.Packet
	message message // of which the packet was made, unless it has attachments
	bytes   int
	call    func() // instead of a packet
}

// An inbox is what waits: messages for the taker, and items for the worker that calls
// listeners. Each of them is there only while there is work.
type inbox struct {
	mu       sync.Mutex
	messages []message
	taking   bool
	items    []item
	working  bool
	count    int // of messages and items that are not done with
	bytes    int
	paused   bool
}

// receive adds a message and reports whether a taker must be started.
func (b *inbox) receive(c *conn, m message) (start bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.messages = append(b.messages, m)
	b.add(c, len(m.data))
	start = !b.taking
	b.taking = true
	return start
}

// next removes the oldest message; with none left the taker ends.
func (b *inbox) next() (m message, ok bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.messages) == 0 {
		b.messages, b.taking = nil, false
		return m, false
	}
	m = b.messages[0]
	b.messages[0] = message{}
	b.messages = b.messages[1:]
	return m, true
}

// put adds an item.
func (c *conn) put(it item) {
	b := &c.inbox
	b.mu.Lock()
	defer b.mu.Unlock()
	b.items = append(b.items, it)
	b.add(c, it.bytes)
}

// begin reports whether the caller must see to it that a worker runs.
func (b *inbox) begin() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.working || len(b.items) == 0 {
		return false
	}
	b.working = true
	return true
}

// work has what waits told on a goroutine of its own.
func (c *conn) work() {
	if c.inbox.begin() {
		c.session.Run((*worker)(c))
	}
}

// hand adds an item and has it told.
func (c *conn) hand(it item) {
	c.put(it)
	c.work()
}

// nextItem removes the oldest item; with none left the worker ends.
func (b *inbox) nextItem() (it item, ok bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.items) == 0 {
		b.items, b.working = nil, false
		return it, false
	}
	it = b.items[0]
	b.items[0] = item{}
	b.items = b.items[1:]
	return it, true
}

// add counts what has come; past the limits the client is not read from. The caller
// has locked mu.
func (b *inbox) add(c *conn, bytes int) {
	b.count++
	b.bytes += bytes
	if !b.paused && (b.count > c.server.opts.InboxEvents || b.bytes > c.server.opts.InboxBytes) {
		b.paused = true
		c.session.Pause()
	}
}

// settle counts what is done with.
func (b *inbox) settle(c *conn, bytes int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.count--
	b.bytes -= bytes
	if b.paused && b.count <= c.server.opts.InboxEvents/2 && b.bytes <= c.server.opts.InboxBytes/2 {
		b.paused = false
		c.session.Resume()
	}
}

// A worker is a conn as a task that calls listeners.
type worker conn

var _ engineio.Task = (*worker)(nil)

func (w *worker) Run() {
	c := (*conn)(w)
	for {
		it, ok := c.inbox.nextItem()
		if !ok {
			return
		}
		if it.call != nil {
			it.call()
		} else if !c.server.guard(it.packet.Type.String(), func() { c.handle(it) }) && it.packet.Type == parser.CONNECT {
			c.Close(false) // there will be no answer
		}
		c.inbox.settle(c, it.bytes)
	}
}
