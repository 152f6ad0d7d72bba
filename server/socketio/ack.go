package socketio

import (
	"context"

	"parley/server/adapter"
	"parley/server/wire/sio"
)

// Call emits an event to the client and waits for its acknowledgement, whose one
// argument is the result; Out may also be None, Args2, Args3 or Args. It ends with
// an error when ctx does, when the socket is gone (ErrClosed), when the answer does
// not fit Out, or at once where the event cannot be sent: ErrTooManyAcks,
// ErrInboxFull, ErrNotConnected and those of Emit. Handlers may call their own
// client. Ctx should have a deadline: a client may never answer.
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

func (c *call) answered(p adapter.Payload) {
	c.answer = answerOf(p)
	close(c.done)
}

func (c *call) failed(err error) {
	c.err = err
	close(c.done)
}

func (c *call) by(*Socket) bool { return c.handler }

// A waiter is told once how the waiting for one acknowledgement has ended. Its
// methods do not block.
type waiter interface {
	answered(p adapter.Payload)
	failed(err error)
	// by reports whether a handler of s waits.
	by(s *Socket) bool
}

// answerOf returns the arguments of an acknowledgement.
func answerOf(p adapter.Payload) arguments {
	packet := sio.Packet{Type: sio.Ack, Data: p.Data}
	return arguments{list: packet.Args(), attachments: p.Attachments, id: sio.NoID}
}

// calls are those of one socket that wait. Guarded by Socket.mu.
type calls struct {
	waiting map[int64]waiter // nil if there are none
	next    int64
	closed  bool
}

// Ids below firstSurveyID are those of a socket's calls, the others those of broadcasts,
// for which a namespace counts. None passes the range in which Java clients read them.
const (
	maxCallID     = 1<<30 - 1
	firstSurveyID = maxCallID + 1
)

func (c *calls) add(w waiter) (id int64) {
	for c.waiting[c.next] != nil {
		c.next = (c.next + 1) & maxCallID
	}
	id = c.next
	c.put(id, w)
	c.next = (id + 1) & maxCallID
	return id
}

func (c *calls) put(id int64, w waiter) {
	if c.waiting == nil {
		c.waiting = make(map[int64]waiter)
	}
	c.waiting[id] = w
}

// take returns what waited until this moment, or nil.
func (c *calls) take(id int64) waiter {
	taken := c.waiting[id]
	delete(c.waiting, id)
	if len(c.waiting) == 0 {
		c.waiting = nil
	}
	return taken
}

// close lets no more calls in and returns those that wait.
func (c *calls) close() map[int64]waiter {
	waiting := c.waiting
	c.waiting, c.closed = nil, true
	return waiting
}

// stop fails the calls that a handler makes: no answer is read while the inbox is
// full, and it stays full until the handler returns.
func (c *calls) stop(s *Socket) {
	for id, waiting := range c.waiting {
		if waiting.by(s) {
			c.take(id).failed(ErrInboxFull)
		}
	}
}

// call emits an event and waits for the arguments of its acknowledgement.
func (s *Socket) call(ctx context.Context, event string, args []any) (arguments, error) {
	c := &call{done: make(chan struct{}), handler: s.handles(ctx)}
	id, err := s.register(c, sio.NoID)
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

// register lets w wait for an acknowledgement, with a given id or one of the socket's
// own for sio.NoID.
func (s *Socket) register(w waiter, id int64) (int64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	limit := s.ns.server.opts.MaxPendingAcks
	switch {
	case s.calls.closed:
		return 0, ErrClosed
	case s.state.Load() == stateConnecting:
		return 0, ErrNotConnected
	case s.inbox.paused && w.by(s):
		return 0, ErrInboxFull
	case len(s.calls.waiting) >= limit || s.calls.waiting[id] != nil:
		return 0, overLimit(ErrTooManyAcks, "MaxPendingAcks", limit)
	}
	if id != sio.NoID {
		s.calls.put(id, w)
		return id, nil
	}
	return s.calls.add(w), nil
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
	w := s.calls.take(p.ID)
	s.mu.Unlock()
	if w != nil {
		w.answered(adapter.Payload{Data: append([]byte(nil), p.Data...), Attachments: attachments})
	}
}
