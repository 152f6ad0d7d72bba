package socketio

import (
	"context"
	stdjson "encoding/json"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"

	"github.com/go-json-experiment/json"

	"parley/server/adapter"
	"parley/server/wire/sio"
)

// ServerSideEmit sends an event to the handlers that the other servers have for it
// (OnServerSide). It queues and never blocks. A parent sends it for each of its children.
func (ns *Namespace) ServerSideEmit(event string, args ...any) error {
	p, err := ns.serverSideEvent(event, args)
	if err != nil {
		return err
	}
	for _, t := range ns.To().each() {
		if peers := t.remote(); peers != nil {
			peers.failed(opServerSide, peers.ServerSide(p))
		}
	}
	return nil
}

// ServerSideCall is ServerSideEmit and waits for the answers, one of each other
// server, in no order; Out is what their handlers return, None for OnServerSide. Where
// servers have not answered when ctx ends, or their handler has failed, it returns what
// there is and a *PartialError, which counts servers. Two servers that call each other
// from such handlers wait for each other until ctx ends. A parent asks for each of its
// children.
func ServerSideCall[Out any](ctx context.Context, ns *Namespace, event string, args ...any) ([]Out, error) {
	p, err := ns.serverSideEvent(event, args)
	if err != nil {
		return nil, err
	}
	answers, silence := concurrently(ns.To().each(), func(t Target) ([]adapter.Payload, error) {
		if peers := t.remote(); peers != nil {
			return peers.ServerSideCall(ctx, p)
		}
		return nil, nil
	})
	decode := decoderOf[Out]()
	var all []Out
	var reason error
	for _, answer := range answers {
		out, err := decodeAnswer(ns, decode, answer)
		if err != nil {
			reason = errors.Join(reason, err)
			continue
		}
		all = append(all, out)
	}
	var missing *PartialError
	if !errors.As(silence, &missing) && reason == nil {
		return all, silence
	}
	partial := &PartialError{Answered: len(all), Expected: len(answers), Err: errors.Join(silence, reason)}
	if missing != nil {
		partial.Expected += missing.Expected - missing.Answered
		partial.Err = errors.Join(missing.Err, reason)
	}
	return all, partial
}

func decodeAnswer[Out any](ns *Namespace, decode decoder[Out], answer adapter.Payload) (out Out, err error) {
	args, err := ns.foreignAnswer(answer)
	if err != nil {
		return out, err
	}
	if err := serverSideFailure(args); err != nil {
		return out, err
	}
	out, err = decode(args)
	if raw, _ := args.list.Next(); err != nil && string(raw) == "null" {
		// Node's adapters have no other way to send no value.
		return decode(arguments{id: sio.NoID})
	}
	return out, err
}

// serverSideFailure recognises the answer of a handler that has failed.
func serverSideFailure(args arguments) error {
	raw, _ := args.list.Next()
	var f struct {
		OK    *bool `json:"ok"`
		Error *struct {
			Code    string             `json:"code"`
			Message string             `json:"message"`
			Data    stdjson.RawMessage `json:"data"`
		} `json:"error"`
	}
	if len(raw) == 0 || raw[0] != '{' || json.Unmarshal(raw, &f, json.RejectUnknownMembers(true)) != nil {
		return nil
	}
	if f.OK == nil || *f.OK || f.Error == nil {
		return nil
	}
	e := &Error{Code: f.Error.Code, Message: f.Error.Message}
	if f.Error.Data != nil {
		e.Data = f.Error.Data
	}
	return e
}

// OnServerSide registers the handler of an event of other servers, with arguments as
// those of On. The events of a namespace are handled one at a time, those of one
// server in the order in which it sent them; the context ends with the server. An
// error is logged, and reaches the caller of a ServerSideCall as clients get it. An
// event has one handler; a second one panics, as does a reserved name. A parent's
// handlers are those of its children that have none of their own for the event.
func OnServerSide[In any](ns *Namespace, event string, h func(ctx context.Context, in In) error) {
	decode := decoderOf[In]()
	ns.serverSide.handle(event, func(ctx context.Context, args arguments) (any, error) {
		in, err := decode(args)
		if err != nil {
			return nil, err
		}
		return None{}, h(ctx, in)
	})
}

// OnServerSideAck is OnServerSide for a handler with a result, which is this server's
// answer to a ServerSideCall.
func OnServerSideAck[In, Out any](ns *Namespace, event string, h func(ctx context.Context, in In) (Out, error)) {
	decode := decoderOf[In]()
	ns.serverSide.handle(event, func(ctx context.Context, args arguments) (any, error) {
		in, err := decode(args)
		if err != nil {
			return nil, err
		}
		return h(ctx, in)
	})
}

// reservedServerSide reports whether Node servers use the name for events of their own.
func reservedServerSide(event string) bool {
	return event == "connection" || event == "new_namespace" || sio.Reserved(event)
}

func (ns *Namespace) serverSideEvent(event string, args []any) (adapter.Payload, error) {
	if ns.server.closed.Load() {
		return adapter.Payload{}, ErrClosed
	}
	if reservedServerSide(event) {
		return adapter.Payload{}, fmt.Errorf("%w: %s", ErrReserved, event)
	}
	p, err := encodeEvent(ns, sio.NoID, event, args)
	return p.payload, err
}

type serverSideHandler func(ctx context.Context, args arguments) (any, error)

// serverSide is what a namespace does with events of other servers. It has a
// goroutine while there are any.
type serverSide struct {
	mu       sync.Mutex // guards what follows
	handlers map[string]serverSideHandler
	queue    []serverSideEvent
	bytes    int
	idle     chan struct{} // closed when the goroutine ends; nil while there is none
	closed   bool
}

type serverSideEvent struct {
	payload adapter.Payload
	reply   func(adapter.Payload)
}

func (e serverSideEvent) size() int {
	size := len(e.payload.Data)
	for _, data := range e.payload.Attachments {
		size += len(data)
	}
	return size
}

func (s *serverSide) handle(event string, h serverSideHandler) {
	if reservedServerSide(event) {
		panic("socketio: event name " + event + " is the protocol's own")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.handlers[event] != nil {
		panic("socketio: a second handler for the server-side event " + event)
	}
	if s.handlers == nil {
		s.handlers = make(map[string]serverSideHandler)
	}
	s.handlers[event] = h
}

func (s *serverSide) handler(event string) serverSideHandler {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.handlers[event]
}

// receiveServerSide queues an event of another server.
func (ns *Namespace) receiveServerSide(p adapter.Payload, reply func(adapter.Payload)) error {
	if _, err := ns.foreignEvent(sio.NoID, p, adapter.Flags{}); err != nil {
		return err
	}
	s, e, opts := &ns.serverSide, serverSideEvent{p, reply}, &ns.server.opts
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.closed:
		return ErrClosed
	case len(s.queue) >= opts.InboxEvents:
		return overLimit(ErrInboxFull, "InboxEvents", opts.InboxEvents)
	case s.bytes > opts.InboxBytes:
		return overLimit(ErrInboxFull, "InboxBytes", opts.InboxBytes)
	}
	s.queue = append(s.queue, e)
	s.bytes += e.size()
	if s.idle == nil {
		s.idle = make(chan struct{})
		go ns.handleServerSide()
	}
	return nil
}

// handleServerSide handles events until there are none.
func (ns *Namespace) handleServerSide() {
	s := &ns.serverSide
	for {
		s.mu.Lock()
		if len(s.queue) == 0 {
			s.queue = nil
			close(s.idle)
			s.idle = nil
			s.mu.Unlock()
			return
		}
		e := s.queue[0]
		s.queue[0] = serverSideEvent{}
		s.queue = s.queue[1:]
		s.bytes -= e.size()
		p := sio.Packet{Type: sio.Event, Data: e.payload.Data}
		name := p.EventName()
		h := s.handlers[name]
		s.mu.Unlock()
		if h == nil && ns.parent != nil {
			h = ns.parent.serverSide.handler(name)
		}
		args := arguments{list: p.Args(), attachments: e.payload.Attachments, id: sio.NoID}
		if answer, err := ns.answerServerSide(name, h, args); e.reply != nil {
			e.reply(ns.serverSideReply(name, answer, err))
		}
	}
}

// answerServerSide calls a handler. A panic ends the event and nothing else.
func (ns *Namespace) answerServerSide(event string, h serverSideHandler, args arguments) (answer any, err error) {
	log := ns.server.opts.Logger.With("namespace", ns.name, "server-side event", event)
	defer func() {
		if v := recover(); v != nil {
			log.Error("panic in a handler", "panic", fmt.Sprint(v), "stack", string(debug.Stack()))
			answer, err = nil, errInternal
		}
	}()
	if h == nil {
		return nil, invalid("No handler for the server-side event %s", event)
	}
	if answer, err = h(ns.server.life, args); err != nil {
		log.Error("handler failed", "error", err)
	}
	return answer, err
}

// serverSideReply encodes an answer: one value, null where the handler has no result.
func (ns *Namespace) serverSideReply(event string, answer any, err error) adapter.Payload {
	if err == nil {
		p, err := encodeAck(ns, sio.NoID, answer)
		if err == nil {
			return p.payload
		}
		ns.server.opts.Logger.Error("cannot answer a server-side event", "namespace", ns.name, "event", event, "error", err)
	}
	e, _ := public(err)
	p, err := encodeAck(ns, sio.NoID, failure{Error: clientError{e.Code, e.Message, e.Data}})
	if err != nil {
		p, _ = encodeAck(ns, sio.NoID, failure{Error: clientError{Code: errInternal.Code, Message: errInternal.Message}})
	}
	return p.payload
}

// refuse drops what waits, and takes nothing more.
func (s *serverSide) refuse() (idle <-chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed, s.queue, s.bytes = true, nil, 0
	return s.idle
}

// close is refuse, and waits for the handler that runs.
func (s *serverSide) close(ctx context.Context) error {
	idle := s.refuse()
	if idle == nil {
		return nil
	}
	select {
	case <-idle:
		return nil
	case <-ctx.Done():
		return ended(ctx)
	}
}
