package socketio

import (
	"context"
	"math"

	"parley/server/wire/sio"
)

// Call emits an event to the client and waits for its acknowledgement, whose one
// argument is the result; Out may also be None, Args2 or Args3. It ends with an
// error when ctx does, or when the socket is gone (ErrClosed). Handlers may call
// their own client.
func Call[Out any](ctx context.Context, s *Socket, event string, args ...any) (Out, error) {
	a, err := s.call(ctx, event, args)
	if err != nil {
		var none Out
		return none, err
	}
	return decoderOf[Out]()(a)
}

// A call waits for its acknowledgement.
type call struct {
	done    chan struct{} // closed once answer and err are set
	answer  arguments
	err     error
	handler bool // made by a handler of the same socket
}

func (c *call) fail(err error) {
	c.err = err
	close(c.done)
}

// calls are those of one socket that wait. Guarded by Socket.mu.
type calls struct {
	waiting map[int64]*call // nil if there are none
	next    int64
	closed  bool
}

// maxCallID keeps ids in the range in which Java clients read them.
const maxCallID = math.MaxInt32

func (c *calls) add(waiting *call) (id int64) {
	if c.waiting == nil {
		c.waiting = make(map[int64]*call)
	}
	for c.waiting[c.next] != nil {
		c.next = (c.next + 1) & maxCallID
	}
	id = c.next
	c.waiting[id] = waiting
	c.next = (id + 1) & maxCallID
	return id
}

// take returns a call that waited until this moment, or nil.
func (c *calls) take(id int64) *call {
	taken := c.waiting[id]
	delete(c.waiting, id)
	if len(c.waiting) == 0 {
		c.waiting = nil
	}
	return taken
}

// close lets no more calls in and returns those that wait.
func (c *calls) close() map[int64]*call {
	waiting := c.waiting
	c.waiting, c.closed = nil, true
	return waiting
}

// stop fails the calls that a handler makes: no answer is read while the inbox is
// full, and it stays full until the handler returns.
func (c *calls) stop() {
	for id, waiting := range c.waiting {
		if waiting.handler {
			c.take(id).fail(ErrInboxFull)
		}
	}
}

// call emits an event and waits for the arguments of its acknowledgement.
func (s *Socket) call(ctx context.Context, event string, args []any) (arguments, error) {
	c := &call{done: make(chan struct{}), handler: s.handles(ctx)}
	id, err := s.register(c)
	if err != nil {
		return arguments{}, err
	}
	p, err := encodeEvent(s.ns, id, event, args)
	if err == nil {
		err = s.deliver(&p, flags{})
	}
	if err != nil {
		s.withdraw(id)
		return arguments{}, err
	}
	select {
	case <-c.done:
	case <-ctx.Done():
		if s.withdraw(id) {
			return arguments{}, context.Cause(ctx)
		}
		<-c.done // the answer was quicker
	}
	return c.answer, c.err
}

func (s *Socket) register(c *call) (id int64, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	limit := s.ns.server.opts.MaxPendingAcks
	switch {
	case s.calls.closed:
		return 0, ErrClosed
	case s.state.Load() == stateConnecting:
		return 0, ErrNotConnected
	case c.handler && s.inbox.paused:
		return 0, ErrInboxFull
	case len(s.calls.waiting) >= limit:
		return 0, overLimit(ErrTooManyAcks, "MaxPendingAcks", limit)
	}
	return s.calls.add(c), nil
}

// withdraw ends a call and reports whether it was still waiting.
func (s *Socket) withdraw(id int64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.calls.take(id) != nil
}

// resolve hands an acknowledgement to its call. Late, unknown and repeated ones
// are ignored.
func (s *Socket) resolve(p sio.Packet, attachments [][]byte) {
	s.mu.Lock()
	c := s.calls.take(p.ID)
	s.mu.Unlock()
	if c == nil {
		return
	}
	p.Data = append([]byte(nil), p.Data...)
	c.answer = arguments{list: p.Args(), attachments: attachments, id: sio.NoID}
	close(c.done)
}
