package socketio

import (
	"context"
	"sync"
	"sync/atomic"

	"parley/server/engineio"
	"parley/server/wire/sio"
)

// A Namespace is one of the parts that a server's clients can join, each with
// handlers, sockets and rooms of its own. Handlers and hooks should be registered
// before the first client comes; all may be called from any goroutine.
type Namespace struct {
	server *Server
	name   string
	events table
	hooks  atomic.Pointer[hooks]

	recovery atomic.Pointer[recovery] // nil unless enabled

	connects, disconnects pace

	mu      sync.RWMutex // guards what follows, and the membership of the sockets
	sockets map[string]*Socket
	members []*Socket // the same sockets, to walk over
	rooms   map[string]*room
}

// hooks are what a namespace calls besides event handlers. Never changed in place.
type hooks struct {
	use        []func(context.Context, *Socket) error
	connect    []func(context.Context, *Socket)
	disconnect []func(context.Context, *Socket, Reason)
	gone       []func(context.Context, *Socket)
}

func newNamespace(s *Server, name string) *Namespace {
	ns := &Namespace{
		server:  s,
		name:    name,
		sockets: make(map[string]*Socket),
		rooms:   make(map[string]*room),
	}
	ns.hooks.Store(&hooks{})
	return ns
}

// Name returns the namespace's name, with its leading slash.
func (ns *Namespace) Name() string { return ns.name }

// Use adds a middleware, which decides whether a socket may connect. They run
// in order; the first error goes to the client as its connect_error.
func (ns *Namespace) Use(middleware func(ctx context.Context, s *Socket) error) {
	ns.hook(func(h *hooks) { h.use = appended(h.use, middleware) })
}

// OnConnect adds a hook for sockets that have connected. No event of the socket
// is handled before it has returned.
func (ns *Namespace) OnConnect(hook func(ctx context.Context, s *Socket)) {
	ns.hook(func(h *hooks) { h.connect = appended(h.connect, hook) })
}

// OnDisconnect adds a hook for sockets that have lost their connection. It runs
// after the handlers of all events that came before; the socket is still in its
// rooms, and leaves them after it.
func (ns *Namespace) OnDisconnect(hook func(ctx context.Context, s *Socket, why Reason)) {
	ns.hook(func(h *hooks) { h.disconnect = appended(h.disconnect, hook) })
}

// OnGone adds a hook for sockets whose client does not come back: it runs once for
// each socket that had connected, after the disconnect hooks, either at once or, with
// EnableRecovery, when the time to come back is over; not for one whose client has
// come back as a new Socket with the same id, for which it will run some day.
func (ns *Namespace) OnGone(hook func(ctx context.Context, s *Socket)) {
	ns.hook(func(h *hooks) { h.gone = appended(h.gone, hook) })
}

// hook puts a changed copy of the hooks in place.
func (ns *Namespace) hook(change func(*hooks)) {
	for {
		old := ns.hooks.Load()
		next := *old
		change(&next)
		if ns.hooks.CompareAndSwap(old, &next) {
			return
		}
	}
}

// appended returns a list that shares nothing with the old one.
func appended[E any](list []E, e E) []E {
	return append(list[:len(list):len(list)], e)
}

// To targets the sockets in any of the rooms. A socket's id is a room with that
// socket in it. Without rooms it targets all.
func (ns *Namespace) To(rooms ...string) Target { return Target{ns: ns}.To(rooms...) }

// In is To.
func (ns *Namespace) In(rooms ...string) Target { return ns.To(rooms...) }

// Except targets all sockets that are in none of the rooms.
func (ns *Namespace) Except(rooms ...string) Target { return Target{ns: ns}.Except(rooms...) }

// Volatile targets all sockets that can be written to right now.
func (ns *Namespace) Volatile() Target { return Target{ns: ns}.Volatile() }

// Local targets all sockets of this server.
func (ns *Namespace) Local() Target { return Target{ns: ns}.Local() }

// Emit sends an event to all sockets.
func (ns *Namespace) Emit(event string, args ...any) error {
	return Target{ns: ns}.Emit(event, args...)
}

// Sockets returns the connected sockets of this server, in no order.
func (ns *Namespace) Sockets() []*Socket {
	ns.mu.RLock()
	defer ns.mu.RUnlock()
	list := make([]*Socket, 0, len(ns.members))
	for _, s := range ns.members {
		if s.Connected() {
			list = append(list, s)
		}
	}
	return list
}

func (ns *Namespace) size() int {
	ns.mu.RLock()
	defer ns.mu.RUnlock()
	return len(ns.members)
}

func (ns *Namespace) handle(event string, e *entry) {
	if !ns.events.add(event, e, false) {
		panic("socketio: " + ns.name + " has a handler for event " + event)
	}
}

// packet returns a packet without attachments for this namespace.
func (ns *Namespace) packet(t sio.Type, id int64, payload string) engineio.Message {
	buf := engineio.NewBuffer(len(ns.name) + len(payload) + 24)
	buf = sio.AppendHeader(buf, t, 0, ns.name, id)
	return engineio.Text(append(buf, payload...))
}
