package zishang520

import (
	"bytes"
	"maps"
	"slices"

	"parley/server/engineio"
)

// A receiver is a conn as the engine sees it.
type receiver conn

var (
	_ engineio.Receiver        = (*receiver)(nil)
	_ engineio.UpgradeReceiver = (*receiver)(nil)
)

// Receive implements engineio.Receiver.
func (r *receiver) Receive(t engineio.Turn, data []byte, binary bool) {
	c := (*conn)(r)
	if c.inbox.receive(c, message{data: bytes.Clone(data), binary: binary}) {
		t.Run((*taker)(c))
	}
}

// Upgraded implements engineio.UpgradeReceiver.
func (r *receiver) Upgraded() {
	c := (*conn)(r)
	c.upgraded.Store(true)
	if c.inbox.receive(c, message{call: func() { c.emit("upgrade", c.transport) }}) {
		c.session.Run((*taker)(c))
	}
}

// Closed implements engineio.Receiver. The end is told behind the events that came
// before it, but waits for a listener no longer than ListenerWait.
func (r *receiver) Closed(t engineio.Turn, reason engineio.Reason, cause error) {
	c := (*conn)(r)
	c.state.Store(stateClosed)
	end := &ending{c: c, reason: reason, cause: cause}
	c.mu.Lock()
	c.timer = c.server.engine.Timer(c.server.opts.ListenerWait, func() { c.session.Run(end) })
	c.mu.Unlock()
	last := message{call: func() {
		c.mu.Lock()
		names := slices.Collect(maps.Keys(c.spaces))
		c.mu.Unlock()
		for _, name := range names {
			c.await(name)
		}
		end.Run()
	}}
	if c.inbox.receive(c, last) {
		t.Run((*taker)(c))
	}
}

// An ending tells the application of the end of a connection, once.
type ending struct {
	c      *conn
	reason engineio.Reason
	cause  error
}

func (e *ending) Run() {
	c := e.c
	c.mu.Lock()
	if c.over {
		c.mu.Unlock()
		return
	}
	c.over = true
	c.timer.Stop()
	c.mu.Unlock()
	c.server.Clients().Delete(c.Id())
	var description any
	if e.cause != nil {
		description = e.cause
	}
	c.emit("close", string(e.reason), description)
}
