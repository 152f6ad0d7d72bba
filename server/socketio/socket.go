package socketio

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	stdjson "encoding/json"
	"errors"
	"sync"
	"sync/atomic"

	"parley/server/engineio"
	"parley/server/wire/sio"
)

// Reason says why a socket was disconnected, in the words of the reference
// server.
type Reason = engineio.Reason

// The reasons for the end of a socket. After the first two official clients do not
// come back by themselves.
const (
	ReasonClientDisconnect Reason = "client namespace disconnect"
	ReasonServerDisconnect Reason = "server namespace disconnect"
	ReasonTransportClose          = engineio.ReasonTransportClose
	ReasonTransportError          = engineio.ReasonTransportError
	ReasonPingTimeout             = engineio.ReasonPingTimeout
	ReasonParseError              = engineio.ReasonParseError
	ReasonForcedClose             = engineio.ReasonForcedClose
	ReasonServerShutdown          = engineio.ReasonServerShutdown
	ReasonSlow                    = engineio.ReasonSlow
	ReasonFlood                   = engineio.ReasonFlood
)

// The states of a socket, through which it goes in this order.
const (
	stateConnecting = iota // the middlewares decide
	stateConnected
	stateClosed
)

// A Socket is one client in one namespace. Its methods may be called from any
// goroutine.
type Socket struct {
	ns     *Namespace
	client *client
	id     string
	auth   stdjson.RawMessage
	state  atomic.Int32
	after  bool   // there is something to do after the reply; for handlers alone
	events table  // handlers of this socket alone
	lease  *lease // nil without recovery

	mu     sync.Mutex // guards what follows; client.flow may be taken within
	inbox  inbox
	calls  calls
	data   []datum
	reason Reason
	life   context.Context // nil until somebody waits for it
	cancel context.CancelCauseFunc

	// Guarded by ns.mu.
	index int // place in ns.members
	rooms []membership
	gone  bool // joins nothing any more
}

// newID returns 120 random bits. Clients may see it, so it has nothing to do with
// the id of the session.
func newID() string {
	var b [15]byte
	_, _ = rand.Read(b[:]) // never fails
	return base64.RawURLEncoding.EncodeToString(b[:])
}

// ID returns the public id of the socket: 20 characters at random, new for each
// connection that does not recover an earlier one, and a room with this socket in it.
// That of a client of Engine.IO 3 is not random: see Options.AllowEIO3.
func (s *Socket) ID() string { return s.id }

// Namespace returns the namespace that the socket is in.
func (s *Socket) Namespace() *Namespace { return s.ns }

// A Handshake is the request with which a client came, with its Time, RemoteAddr,
// Secure, URL, Header() and Query(), and the credentials.
type Handshake struct {
	*engineio.Handshake
	// Auth is the JSON object that the client sent for this namespace, nil if
	// none. Nothing about it has been checked.
	Auth stdjson.RawMessage
}

// Handshake returns the request with which the client came. It is not kept parsed:
// what is needed often belongs under a Key.
func (s *Socket) Handshake() Handshake {
	return Handshake{s.client.session.Handshake(), s.auth}
}

// Context returns a context that ends when the socket is disconnected;
// context.Cause then tells the reason and, where there is one, the error behind it:
// "socketio: closed: transport error: Max payload size exceeded".
func (s *Socket) Context() context.Context { return (*socketContext)(s) }

// Connected reports whether the middlewares have accepted the socket and neither
// side has ended it.
func (s *Socket) Connected() bool { return s.state.Load() == stateConnected }

// Join puts the socket into rooms. The error is ErrClosed after the disconnect
// hooks have run and no recovery is possible, or names the limit that was reached;
// the rooms before it are joined.
func (s *Socket) Join(rooms ...string) error {
	if !s.away() {
		err := s.joinHere(rooms)
		if !errors.Is(err, ErrClosed) || !s.away() { // it may have left meanwhile
			return err
		}
	}
	return s.ns.recovery.Load().join(s, rooms)
}

func (s *Socket) joinHere(rooms []string) error {
	defer s.ns.unlockRooms(s.ns.lockRooms())
	for _, name := range rooms {
		if err := s.ns.join(s, name); err != nil {
			return err
		}
	}
	return nil
}

// Leave takes the socket out of rooms.
func (s *Socket) Leave(rooms ...string) {
	if s.away() {
		s.ns.recovery.Load().leave(s, rooms)
		return
	}
	defer s.ns.unlockRooms(s.ns.lockRooms())
	for _, name := range rooms {
		for i, m := range s.rooms {
			if m.room.name == name {
				if r := s.ns.recovery.Load(); r != nil {
					r.pending.leaves(s, name)
				}
				s.ns.leave(s, i)
				break
			}
		}
	}
}

// Rooms returns the rooms that the socket has joined, in no order. The one with
// its own id is not among them.
func (s *Socket) Rooms() []string {
	s.ns.mu.RLock()
	defer s.ns.mu.RUnlock()
	if s.gone && s.lease != nil {
		return s.lease.names()
	}
	names := make([]string, len(s.rooms))
	for i, m := range s.rooms {
		names[i] = m.room.name
	}
	return names
}

// To targets the sockets in any of the rooms, but not this one. A socket's id is
// a room with that socket in it. Without rooms it targets all others.
func (s *Socket) To(rooms ...string) Target { return s.Broadcast().To(rooms...) }

// In is To.
func (s *Socket) In(rooms ...string) Target { return s.To(rooms...) }

// Except targets all other sockets that are in none of the rooms.
func (s *Socket) Except(rooms ...string) Target { return s.Broadcast().Except(rooms...) }

// Broadcast targets all sockets of the namespace but this one.
func (s *Socket) Broadcast() Target { return Target{ns: s.ns, self: s} }

// Local targets all other sockets of this server.
func (s *Socket) Local() Target { return s.Broadcast().Local() }

// Volatile targets this socket, if it can be written to right now; followed by To
// or Except, the others.
func (s *Socket) Volatile() Target {
	return Target{ns: s.ns, self: s, direct: true, flags: flags{volatile: true}}
}

// Compress targets this socket; followed by To or Except, the others. False keeps
// the event from being compressed.
func (s *Socket) Compress(on bool) Target {
	return Target{ns: s.ns, self: s, direct: true}.Compress(on)
}

// Emit sends an event to the client. It queues and never blocks; what is emitted
// from one goroutine arrives in that order. []byte, wherever it stands in the
// arguments, travels as binary. The error is ErrClosed or ErrSlow, or says why the
// arguments cannot be encoded: ErrReserved, ErrTooManyAttachments, or that of JSON.
// While the client of a disconnected socket may still
// recover, the event waits for it.
func (s *Socket) Emit(event string, args ...any) error { return s.emit(flags{}, event, args) }

func (s *Socket) emit(f flags, event string, args []any) error {
	if s.lease != nil {
		return s.ns.recovery.Load().emit(s, f, event, args)
	}
	if s.state.Load() == stateClosed {
		return ErrClosed
	}
	p, err := encodeEvent(s.ns, sio.NoID, event, args)
	if err != nil {
		return err
	}
	if f.uncompressed {
		p.uncompressed()
	}
	return s.deliver(&p, f)
}

// deliver hands a packet to the engine, behind what is on its way to the socket through the log of all
// servers. A packet and its attachments are one batch, which is queued, or dropped, as a whole.
func (s *Socket) deliver(p *packet, f flags) error {
	if r := s.ns.recovery.Load(); r != nil {
		if done, err := r.deliverLate(s, p, f); done {
			return err
		}
	}
	queued, err := s.enqueue(p, f)
	if queued {
		s.announce(p)
	}
	return err
}

// enqueue is deliver for a caller that holds locks: announce runs code of the
// application, so it waits until they are free.
func (s *Socket) enqueue(p *packet, f flags) (queued bool, err error) {
	if s.state.Load() == stateClosed {
		return false, ErrClosed
	}
	one, all := p.text, p.all
	if s.client.codec == codecMessagePack {
		if one, err = p.messagePack(s.ns); err != nil {
			return false, err
		}
		all = nil
	}
	if all == nil {
		queued, err = s.client.session.Enqueue(f.volatile, one)
	} else {
		queued, err = s.client.session.Enqueue(f.volatile, all...)
	}
	if errors.Is(err, engineio.ErrClosed) {
		err = ErrClosed
	}
	return queued, err
}

// announce shows a packet that is queued for s to those who listen.
func (s *Socket) announce(p *packet) {
	if s.ns.server.opts.OnPacket != nil {
		if messages, err := p.messagesFor(s); err == nil {
			s.client.session.Report(messages...)
		}
	}
	if p.event() {
		s.sent(p)
	}
}

func (s *Socket) closedError(reason Reason) closedError {
	if reason == ReasonClientDisconnect || reason == ReasonServerDisconnect {
		return closedError{reason: reason}
	}
	return closedError{reason, s.client.session.Cause()}
}

// Disconnect ends the socket. The client is told, and official clients do not come
// back by themselves. It first gets what was emitted before, which with an
// adapter.Recoverer may take a moment, in which the socket goes on. With closeTransport all sockets of the client are ended, and
// then its connection; otherwise the client's other namespaces go on. Events that
// wait for their handler are dropped. In a middleware only closeTransport has an
// effect. A client that is away cannot recover any more.
func (s *Socket) Disconnect(closeTransport bool) {
	after := func() { s.disconnect(closeTransport) }
	if r := s.ns.recovery.Load(); r == nil || r.postpone(s, 0, func(string) func() { return after }) != waits {
		after()
	}
}

func (s *Socket) disconnect(closeTransport bool) {
	if closeTransport {
		s.client.disconnect()
		return
	}
	if s.Connected() {
		s.kick()
	} else if s.lease != nil {
		s.ns.recovery.Load().giveUp(s)
	}
}

// kick ends the socket from this side.
func (s *Socket) kick() {
	if s.end(nil, ReasonServerDisconnect) == stateConnected {
		s.client.forget(s, true)
		_ = s.client.session.Send(s.client.control(sio.Disconnect, s.ns.name, ""))
	}
}

// end closes the socket, whose disconnect hooks then run after the events that
// came before. It returns the state that the socket was in.
func (s *Socket) end(t engineio.Turn, reason Reason) (was int32) {
	s.mu.Lock()
	was = s.state.Swap(stateClosed)
	if was == stateClosed {
		s.mu.Unlock()
		return was
	}
	s.reason = reason
	if reason == ReasonServerDisconnect && was == stateConnected {
		s.discard()
	}
	start := was == stateConnected && s.push(&item{kind: itemDisconnect})
	waiting, cancel := s.calls.close(), s.cancel
	s.mu.Unlock()

	cause := s.closedError(reason)
	for _, w := range waiting {
		w.failed(cause)
	}
	if cancel != nil {
		cancel(cause)
	}
	if start {
		s.work(t)
	}
	return was
}

func (s *Socket) scope() scope { return scope{&s.events, s.id, true} }
