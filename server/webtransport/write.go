package webtransport

import (
	"slices"

	"parley/server/internal/reactor"
	"parley/server/internal/transport"
)

// Writable implements transport.Transport.
func (c *conn) Writable() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.unsent) == 0 && len(c.rest) == 0 && !c.closed
}

// Write implements transport.Transport: the frames leave in as few writes as
// scratch allows.
func (c *conn) Write(batch []transport.Message, scratch []byte) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return len(batch)
	}
	taken := 0
	for c.flushUnsent() && taken < len(batch) {
		n := 0
		for n < len(scratch) && len(c.rest) == 0 && taken < len(batch) {
			var k int
			k, c.rest = batch[taken].CopyStream(scratch[n:])
			n += k
			taken++
		}
		if w := c.link.Write(scratch[:n]); w < n {
			c.unsent = slices.Clone(scratch[w:n])
			break
		}
	}
	return taken
}

// flushUnsent reports whether nothing is left of an earlier short write.
func (c *conn) flushUnsent() bool {
	for len(c.unsent) > 0 || len(c.rest) > 0 {
		if len(c.unsent) == 0 {
			c.unsent, c.rest = c.rest, nil
		}
		n := c.link.Write(c.unsent)
		if c.unsent = c.unsent[n:]; len(c.unsent) > 0 {
			return false
		}
	}
	c.unsent, c.rest = nil, nil
	return true
}

// handler is what the reactor calls. It is a type of its own because both
// contracts have a Writable.
type handler struct{ *conn }

var _ reactor.Handler = handler{}

// Writable implements reactor.Handler.
func (h handler) Writable() {
	h.mu.Lock()
	flushed, closed, sink := h.flushUnsent(), h.closed, h.sink
	if flushed && closed {
		h.link.CloseWrite()
	}
	h.early = flushed && sink == nil
	h.mu.Unlock()
	if flushed && !closed && sink != nil {
		sink.Drained()
	}
}

// Close implements transport.Transport: the stream ends behind what was taken,
// and the session follows.
func (c *conn) Close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return
	}
	c.closed = true
	if c.flushUnsent() {
		c.link.CloseWrite()
	}
	c.link.Resume()
	c.host.Wheel.Set(&c.closing, closeWithin)
}
