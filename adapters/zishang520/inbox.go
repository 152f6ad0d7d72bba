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

// An inbox is what waits: messages for the goroutine that takes in, and items for the
// one that calls listeners. Each of them is there only while there is work.
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

// hand adds an item, and sees to it that somebody calls the listeners.
func (c *conn) hand(it item) {
	b := &c.inbox
	b.mu.Lock()
	b.items = append(b.items, it)
	b.add(c, it.bytes)
	start := !b.working
	b.working = true
	b.mu.Unlock()
	if start {
		c.session.Run((*worker)(c))
	}
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
