package socketio

import (
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"

	"github.com/go-json-experiment/json"

	"parley/server/adapter"
	"parley/server/engineio"
	"parley/server/internal/replay"
	"parley/server/wire/sio"
)

// local is a namespace as its adapter sees it.
type local struct{ peers *peers }

var _ adapter.Local = local{}

func (l local) Namespace() string { return l.peers.ns.name }

func (l local) HasRoom(name string) bool {
	ns := l.peers.ns
	ns.mu.RLock()
	defer ns.mu.RUnlock()
	return ns.rooms[name] != nil || ns.sockets[name] != nil || l.peers.isHeld(name)
}

func (l local) Rooms() []string {
	ns := l.peers.ns
	ns.mu.RLock()
	defer ns.mu.RUnlock()
	return slices.AppendSeq(slices.Collect(maps.Keys(ns.rooms)), maps.Keys(ns.sockets))
}

func (l local) Deliver(payload adapter.Payload, to adapter.Selection, f adapter.Flags) error {
	ns := l.peers.ns
	if r := ns.recovery.Load(); r != nil {
		event := adapter.Event{Payload: payload, Selection: to, Uncompressed: f.Uncompressed}
		err := r.receive(event, flagsOf(f))
		l.peers.failed(opReceive, err)
		return err
	}
	p, err := ns.foreignEvent(sio.NoID, payload, f)
	if err != nil {
		l.peers.failed(opReceive, err)
		return err
	}
	c := ns.gather(to.Rooms, to.Except)
	defer c.release()
	for _, s := range c.sockets {
		_ = s.deliver(&p, flagsOf(f))
	}
	return nil
}

func (l local) DeliverAt(event adapter.Event, offset string) (after func(), err error) {
	r := l.peers.ns.recovery.Load()
	if r == nil {
		return nil, l.Deliver(event.Payload, event.Selection, adapter.Flags{Uncompressed: event.Uncompressed})
	}
	after, err = r.receiveAt(event, offset)
	l.peers.failed(opReceive, err)
	return after, err
}

func (l local) DeliverAck(payload adapter.Payload, to adapter.Selection, f adapter.Flags, acks adapter.Acks) (stop func(), err error) {
	ns := l.peers.ns
	survey := ns.newSurvey(acks, nil)
	p, err := ns.foreignEvent(survey.id, payload, f)
	if err != nil {
		l.peers.failed(opReceive, err)
		acks.Expect(0)
		return survey.stop, err
	}
	c := ns.gather(to.Rooms, to.Except)
	defer c.release()
	survey.send(&p, c.sockets, nil, flagsOf(f))
	return survey.stop, nil
}

func (l local) Together(f func()) { l.peers.ns.server.engine.Together(f) }

func (l local) Join(to adapter.Selection, rooms []string) error {
	err := l.peers.ns.joinAll(to, rooms)
	l.peers.failed(opReceive, err)
	return err
}

func (l local) Leave(to adapter.Selection, rooms []string) { l.peers.ns.leaveAll(to, rooms) }

func (l local) Disconnect(to adapter.Selection, closeTransport bool) {
	l.peers.ns.disconnectAll(to, closeTransport)
}

func (l local) Sockets(to adapter.Selection) []adapter.Socket { return l.peers.ns.describe(to) }

func (l local) ServerSide(p adapter.Payload, reply func(adapter.Payload)) error {
	err := l.peers.ns.receiveServerSide(p, reply)
	if err != nil {
		l.peers.failed(opReceive, err)
	}
	return err
}

func (l local) Missed() {
	l.Unsent()
	if r := l.peers.ns.recovery.Load(); r != nil {
		r.gaps.Add(1) // after the log's, so that whoever enters between the two does not recover
	}
}

func (l local) Unsent() {
	l.peers.log(opMissed, slog.LevelWarn, "messages of other servers may have been lost")
	if r := l.peers.ns.recovery.Load(); r != nil && !r.shared {
		r.log.(*replay.Log).Gap()
	}
	l.peers.missed.tell(l.peers.ns)
}

// foreignEvent makes a packet of an event of another server, which may be of another
// make: what clients would not understand must not reach them.
func (ns *Namespace) foreignEvent(id int64, payload adapter.Payload, f adapter.Flags) (packet, error) {
	n := len(payload.Attachments)
	kind := sio.Event
	if n > 0 {
		kind = sio.BinaryEvent
	}
	buf := engineio.NewBuffer(len(ns.name) + len(payload.Data) + 24)
	begin := len(buf)
	buf, err := sio.AppendBinaryPayload(sio.AppendHeader(buf, kind, n, ns.name, id), payload.Data, n)
	if err != nil {
		return packet{}, fmt.Errorf("socketio: event of another server: %w", err)
	}
	if err := ns.check(buf[begin:], payload); err != nil {
		return packet{}, fmt.Errorf("socketio: event of another server: %w", err)
	}
	p := packet{text: ns.server.engine.Deflatable(engineio.Text(buf)), payload: payload, kind: kind, id: id}
	if n > 0 {
		p.all = append(make([]engineio.Message, 0, 1+n), p.text)
		for _, data := range payload.Attachments {
			p.all = append(p.all, ns.server.engine.Deflatable(engineio.Binary(data)))
		}
	}
	if f.Uncompressed {
		p.uncompressed()
	}
	return p, nil
}

// foreignAnswer returns the arguments of an answer that came over another server.
func (ns *Namespace) foreignAnswer(payload adapter.Payload) (arguments, error) {
	if err := ns.checkPayload(sio.Ack, payload); err != nil {
		return arguments{}, fmt.Errorf("socketio: answer of another server: %w", err)
	}
	return answerOf(payload), nil
}

// checkPayload is check for a packet of a kind that has not been written yet.
func (ns *Namespace) checkPayload(kind sio.Type, payload adapter.Payload) error {
	n := len(payload.Attachments)
	if n > 0 {
		kind = binaryKinds[kind]
	}
	return ns.check(append(sio.AppendHeader(nil, kind, n, "", 0), payload.Data...), payload)
}

var errNoArray = errors.New("the payload is no array")

// check parses a packet with a payload of another server.
func (ns *Namespace) check(text []byte, payload adapter.Payload) error {
	limit := ns.server.opts.MaxAttachments
	if len(payload.Attachments) > limit {
		return overLimit(ErrTooManyAttachments, "MaxAttachments", limit)
	}
	if len(payload.Data) == 0 || payload.Data[0] != '[' {
		return errNoArray // and not the rest of a header
	}
	_, err := sio.Parse(text, sio.Limits{
		Attachments: limit,
		Depth:       sio.MaxDepth,
		Namespace:   ns.server.opts.MaxName,
		EventName:   len(text),
	})
	return err
}

// joinAll puts the sockets of a selection into rooms, and returns the first error.
func (ns *Namespace) joinAll(to adapter.Selection, rooms []string) (err error) {
	c := ns.gather(to.Rooms, to.Except)
	defer c.release()
	for _, s := range c.sockets {
		if failed := s.Join(rooms...); failed != nil && s.Connected() && err == nil {
			err = fmt.Errorf("socket %s: %w", s.id, failed)
		}
	}
	return err
}

func (ns *Namespace) leaveAll(to adapter.Selection, rooms []string) {
	c := ns.gather(to.Rooms, to.Except)
	defer c.release()
	for _, s := range c.sockets {
		s.Leave(rooms...)
	}
}

func (ns *Namespace) disconnectAll(to adapter.Selection, closeTransport bool) {
	c := ns.gather(to.Rooms, to.Except)
	defer c.release()
	for _, s := range c.sockets {
		s.Disconnect(closeTransport)
	}
}

// describe describes the connected sockets of a selection.
func (ns *Namespace) describe(to adapter.Selection) []adapter.Socket {
	c := ns.gather(to.Rooms, to.Except)
	defer c.release()
	all := make([]adapter.Socket, 0, len(c.sockets))
	for _, s := range c.sockets {
		if s.Connected() {
			all = append(all, s.describe())
		}
	}
	return all
}

func (s *Socket) describe() adapter.Socket {
	h := s.Handshake()
	data, err := json.Marshal(s.sharedData(), json.Deterministic(true))
	if err != nil {
		s.log().Error("cannot share the data of a socket", "error", err)
		data = []byte("{}")
	}
	return adapter.Socket{
		ID: s.id,
		Handshake: adapter.Handshake{
			Header:     h.Header(),
			Query:      h.Query(),
			Time:       h.Time,
			RemoteAddr: h.RemoteAddr,
			Secure:     h.Secure,
			URL:        h.URL,
			Auth:       h.Auth,
		},
		Rooms: append([]string{s.id}, s.Rooms()...),
		Data:  data,
	}
}
