package socketio

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"

	"parley/server/wire/sio"
)

// dispatch runs the handler of an event and sends what the client is to know of
// its outcome.
func (s *Socket) dispatch(e *entry, it *item) {
	s.reply(e, it)
	if s.after {
		s.runAfter()
	}
}

func (s *Socket) reply(e *entry, it *item) {
	args := arguments{it.packet.Args(), it.attachments, it.packet.ID, &it.packet}
	reply, err := s.invoke(e, args)
	if args.id == sio.NoID {
		if err != nil {
			s.report(s.Emit("error", s.clientError(it.packet.EventName(), err)))
		}
		return
	}
	switch {
	case err != nil:
		s.acknowledge(args.id, failure{Error: s.clientError(it.packet.EventName(), err)})
	case e.call == nil:
		s.unhandled(it)
	case e.replies:
		s.acknowledge(args.id, reply)
	default:
		s.acknowledge(args.id)
	}
}

// unhandled answers an event that has no handler, if an acknowledgement is wanted: official clients with
// retries would send it again, and nothing else before it is answered.
func (s *Socket) unhandled(it *item) {
	if it.packet.ID != sio.NoID {
		s.acknowledge(it.packet.ID, failure{Error: clientError{Code: CodeInvalid, Message: "Unknown event"}})
	}
}

// invoke calls a handler, unless a middleware refuses the event. A panic ends the
// event and nothing else.
func (s *Socket) invoke(e *entry, args arguments) (reply any, err error) {
	defer s.recovered(&err)
	var ctx context.Context = s.handlerContext()
	if args.id != sio.NoID {
		ctx = ackContext{s.handlerContext()}
	}
	if err := s.observe(ctx, args); err != nil || e.call == nil {
		return nil, err
	}
	return e.call(ctx, s, args)
}

// guarded calls a hook.
func (s *Socket) guarded(hook func(ctx context.Context)) {
	s.guard(func() { hook(s.handlerContext()) })
}

// guard lets a panic end what is called, and nothing else.
func (s *Socket) guard(f func()) {
	var err error
	defer s.recovered(&err)
	f()
}

// recovered, deferred, turns a panic into an internal error.
func (s *Socket) recovered(err *error) {
	if v := recover(); v != nil {
		s.log().Error("panic in a handler", "panic", fmt.Sprint(v), "stack", string(debug.Stack()))
		*err = errInternal
	}
}

func (s *Socket) log() *slog.Logger {
	return s.ns.server.opts.Logger.With("namespace", s.ns.name, "socket", s.id)
}

// clientError returns what a client gets to see of a handler's error, and logs
// what it does not.
func (s *Socket) clientError(event string, err error) clientError {
	e, expected := public(err)
	switch {
	case !expected && !s.Connected() && (errors.Is(err, context.Canceled) || errors.Is(err, ErrClosed)):
		s.log().Debug("client left its handler", "event", event, "error", err)
	case !expected:
		s.log().Error("handler failed", "event", event, "error", err)
	case e.Code == CodeInvalid:
		s.log().Debug("invalid arguments", "event", event, "error", err)
	}
	return clientError{e.Code, e.Message, e.Data}
}

// acknowledge answers an event. Where the answer cannot be encoded the client must
// not wait in vain for it.
func (s *Socket) acknowledge(id int64, args ...any) {
	p, err := encodeAck(s.ns, id, args...)
	if err != nil {
		s.report(err)
		p, err = encodeAck(s.ns, id, failure{Error: clientError{Code: errInternal.Code, Message: errInternal.Message}})
	}
	if err == nil {
		_ = s.deliver(&p, flags{}) // a client that is gone does not wait
	}
}

// report logs what could not be sent, unless the client is gone.
func (s *Socket) report(err error) {
	if err != nil && s.Connected() {
		s.log().Error("cannot send", "error", err)
	}
}

// connect lets the middlewares decide and tells the client. A socket whose
// transport died meanwhile is dropped silently.
func (s *Socket) connect() {
	if s.lease != nil {
		s.ns.recovery.Load().connect(s)
		return
	}
	chain := s.ns.chain()
	err := s.admit(chain)
	switch {
	case err != nil:
		s.refuse(err)
	case s.state.CompareAndSwap(stateConnecting, stateConnected):
		s.client.joined()
		s.ns.add(s, s.client.control(sio.Connect, s.ns.name, s.connectReply()))
		s.run((*hooks).onConnect)
		return
	}
	s.ns.remove(s)
}

// connectReply returns the payload of the answer to a CONNECT.
func (s *Socket) connectReply() string {
	if s.client.v3 {
		return ""
	}
	return `{"sid":"` + s.id + `"}`
}

// run calls the hooks of one kind, which need nothing but the socket.
func (s *Socket) run(kind func(*hooks) []func(context.Context, *Socket)) {
	for _, h := range s.ns.chain() {
		for _, hook := range kind(h) {
			s.guarded(func(ctx context.Context) { hook(ctx, s) })
		}
	}
}

// admit runs the middlewares until one refuses.
func (s *Socket) admit(hooks [2]*hooks) (err error) {
	defer s.recovered(&err)
	for _, h := range hooks {
		for _, middleware := range h.use {
			if s.state.Load() == stateClosed {
				return nil
			}
			if err := middleware(s.handlerContext(), s); err != nil {
				return err
			}
		}
	}
	return nil
}

// refuse sends what a middleware said. The client may try again on the same
// connection.
func (s *Socket) refuse(err error) {
	e, expected := public(err)
	if !expected {
		s.log().Error("middleware failed", "error", err)
	}
	if s.end(nil, ReasonServerDisconnect) != stateConnecting {
		return
	}
	s.client.forget(s, false)
	if s.client.v3 {
		s.client.refuseV3(s.ns.name, e)
	} else {
		s.client.refuse(s.ns.name, e)
	}
}

// leave takes the socket out of its namespace, for good.
func (s *Socket) leave() {
	s.ns.remove(s)
	if s.client.v3 {
		s.ns.admitSuccessor(s.id)
	}
}

// disconnected runs the hooks and then leaves all rooms.
func (s *Socket) disconnected() {
	for _, h := range s.ns.chain() {
		for _, hook := range h.disconnect {
			s.guarded(func(ctx context.Context) { hook(ctx, s, s.reason) })
		}
	}
	if s.lease != nil && s.ns.recovery.Load().keep(s) {
		return
	}
	s.run((*hooks).onGone)
	s.leave()
}
