package websocket

import (
	"slices"

	"github.com/gobwas/ws"

	"parley/server/internal/reactor"
	"parley/server/internal/transport"
)

// Writable implements transport.Transport.
func (c *Conn) Writable() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.unsent) == 0 && !c.closed
}

// Write implements transport.Transport: the frames leave in as few system
// calls as scratch allows.
func (c *Conn) Write(batch []transport.Message, scratch []byte) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return len(batch)
	}
	if !c.flushUnsent() {
		return 0
	}
	window := c.window
	for taken := 0; taken < len(batch); {
		n, next := copy(scratch, c.answer), taken
		if c.answer = c.answer[n:]; len(c.answer) == 0 {
			c.answer = nil // at rest nothing is kept
		}
		var frame []byte
		for ; next < len(batch); next++ {
			m := &batch[next]
			if frame = m.Frame(); window > 0 {
				frame = m.CompressedFrame(window)
			}
			if n+len(frame) > len(scratch) {
				break
			}
			n += copy(scratch[n:], frame)
		}
		out, shared := scratch[:n], n == 0
		if shared { // one frame larger than scratch
			out = frame
			next++
		}
		if w := c.link.Write(out); w < len(out) {
			if c.unsent = out[w:]; !shared {
				c.unsent = slices.Clone(c.unsent)
			}
			return next
		}
		taken = next
	}
	return len(batch)
}

// Answer sends the answer to the upgrade request before there is a frame.
func (c *Conn) Answer() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.sendAnswer()
}

// sendAnswer sends the answer to the upgrade request if no frame did.
func (c *Conn) sendAnswer() {
	if len(c.answer) > 0 && !c.closed {
		c.unsent = append(c.unsent, c.answer[c.link.Write(c.answer):]...)
	}
	c.answer = nil
}

// flushUnsent reports whether nothing is left of an earlier short write.
func (c *Conn) flushUnsent() bool {
	for len(c.unsent) > 0 {
		n := c.link.Write(c.unsent)
		if c.unsent = c.unsent[n:]; len(c.unsent) > 0 {
			return false
		}
		c.unsent, c.late = c.late, nil
	}
	c.unsent = nil
	return true
}

// handler is what the reactor calls. It is a type of its own because both
// contracts have a Writable.
type handler struct{ *Conn }

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

// pong answers a ping. Of the pings that came while the peer was behind with
// reading only the last is answered (RFC 6455, 5.5.3), once there is room.
func (c *Conn) pong(payload []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return
	}
	frame := append(make([]byte, 0, 2+len(payload)), 0x80|byte(ws.OpPong), byte(len(payload)))
	frame = append(frame, payload...)
	if len(c.unsent) > 0 {
		c.late = frame
	} else {
		c.unsent = frame
		c.flushUnsent()
	}
}

// Close implements transport.Transport. The frame has no status, as Node's has
// none.
func (c *Conn) Close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.sendClose(ws.StatusNoStatusRcvd, "")
}

// sendClose sends the close frame, behind what has not left yet, and goes on
// reading for a while; the caller has locked mu.
func (c *Conn) sendClose(code ws.StatusCode, reason string) {
	if c.closed {
		return
	}
	c.sendAnswer()
	c.closed = true
	frame := []byte{0x80 | byte(ws.OpClose), 0}
	if code != ws.StatusNoStatusRcvd {
		body := ws.NewCloseFrameBody(code, reason)
		frame[1] = byte(len(body))
		frame = append(frame, body...)
	}
	c.unsent, c.late = slices.Concat(c.unsent, frame), nil
	if c.flushUnsent() {
		c.link.CloseWrite()
	}
	c.link.Resume()
	c.linger = &reactor.Timer{F: c.link.Abort}
	c.wheel.Set(c.linger, lingerFor)
}
