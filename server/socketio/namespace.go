package socketio

import (
	"context"
	"sync"
	"sync/atomic"
)

// A Namespace is one of the parts that a server's clients can join, each with
// handlers, sockets and rooms of its own. Handlers and hooks should be registered
// before the first client comes. Those for one socket run one at a time, those for
// several at the same time.
type Namespace struct {
	server *Server
	name   string
	parent *Namespace // whose handlers and hooks come before its own; nil if none
	events table
	stray  entry // what is done with events that have no handler
	hooks  atomic.Pointer[hooks]

	matcher *matcher      // of a parent
	ready   chan struct{} // closed once the hooks for new namespaces have run
	users   int           // sockets that wait for a child's hooks, connect, or are in it
	kept    bool          // not removed with the last user

	recovery    atomic.Pointer[recovery] // nil unless enabled
	recoverable atomic.Pointer[Recovery] // of a parent: what its children enable

	connects, disconnects pace

	peers      *peers       // the other servers; nil if there are none
	surveys    atomic.Int64 // broadcasts that wanted acknowledgements
	serverSide serverSide

	telling sync.Mutex   // held while room hooks are told; mu is taken within
	mu      sync.RWMutex // guards what follows, and the membership of the sockets
	sockets map[string]*Socket
	members []*Socket // the same sockets, to walk over
	rooms   map[string]*room
	changes changes
	// successors wait for a socket with their id to leave: see revision3.go.
	successors map[string]*Socket
}

// hooks are what a namespace calls besides event handlers. Never changed in place.
type hooks struct {
	use        []func(context.Context, *Socket) error
	connect    []func(context.Context, *Socket)
	disconnect []func(context.Context, *Socket, Reason)
	upgrade    []func(context.Context, *Socket)
	rooms      []func(RoomChange, string, *Socket)
	gone       []func(context.Context, *Socket)
	missed     []func(context.Context)
}

func newNamespace(s *Server, name string, parent *Namespace) *Namespace {
	ns := &Namespace{
		server:  s,
		name:    name,
		parent:  parent,
		ready:   make(chan struct{}),
		sockets: make(map[string]*Socket),
		rooms:   make(map[string]*room),
	}
	ns.hooks.Store(&hooks{})
	return ns
}

func (h *hooks) onConnect() []func(context.Context, *Socket) { return h.connect }
func (h *hooks) onGone() []func(context.Context, *Socket)    { return h.gone }

// Name returns the namespace's name, with its leading slash; of a parent the expression.
func (ns *Namespace) Name() string { return ns.name }

// Use adds a middleware, which decides whether a socket may connect. They run in
// order and may block; the first error goes to the client as its connect_error.
func (ns *Namespace) Use(middleware func(ctx context.Context, s *Socket) error) {
	ns.hook(func(h *hooks) { h.use = appended(h.use, middleware) })
}

// OnConnect adds a hook for sockets that have connected. No event of the socket
// is handled before it has returned.
func (ns *Namespace) OnConnect(hook func(ctx context.Context, s *Socket)) {
	ns.hook(func(h *hooks) { h.connect = appended(h.connect, hook) })
}

// OnDisconnect adds a hook for sockets that are no longer connected, whoever ended it.
// It runs after the handlers of all events that came before; the socket is still in
// its rooms, and leaves them after it. The context has ended; its context.Cause tells
// more than the reason.
func (ns *Namespace) OnDisconnect(hook func(ctx context.Context, s *Socket, why Reason)) {
	ns.hook(func(h *hooks) { h.disconnect = appended(h.disconnect, hook) })
}

// OnGone adds a hook for sockets whose client does not come back to them. It runs once
// for each that had connected, after its disconnect hooks: at once, or with
// EnableRecovery when the time to come back is over. Where the client has recovered
// it does not run for the old socket, but once for the new one, which has the same id;
// where it has come back to another server, as some adapters allow, not on this one,
// or when this one is shut down.
func (ns *Namespace) OnGone(hook func(ctx context.Context, s *Socket)) {
	ns.hook(func(h *hooks) { h.gone = appended(h.gone, hook) })
}

// OnMissed adds a hook that runs when events of other servers may have been lost on
// their way here: the connection with them was broken for a while. Clients that are
// connected have not noticed. It runs on a goroutine of its own, once for losses that
// come close together; the context ends with the server, which waits for it.
func (ns *Namespace) OnMissed(hook func(ctx context.Context)) {
	ns.hook(func(h *hooks) { h.missed = appended(h.missed, hook) })
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

// Compress targets all sockets; false keeps the event from being compressed.
func (ns *Namespace) Compress(on bool) Target { return Target{ns: ns}.Compress(on) }

// Local targets all sockets of this server.
func (ns *Namespace) Local() Target { return Target{ns: ns}.Local() }

// Emit sends an event to all sockets, as Target.Emit does.
func (ns *Namespace) Emit(event string, args ...any) error {
	return Target{ns: ns}.Emit(event, args...)
}

// Sockets returns the connected sockets of this server, in no order.
func (ns *Namespace) Sockets() []*Socket {
	if children, ok := ns.children(); ok {
		var list []*Socket
		for _, child := range children {
			list = append(list, child.Sockets()...)
		}
		return list
	}
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

// size returns how many sockets there are, and how many are away.
func (ns *Namespace) size() (here, away int) {
	ns.mu.RLock()
	defer ns.mu.RUnlock()
	if r := ns.recovery.Load(); r != nil {
		away = r.away.Len()
	}
	return len(ns.members), away
}

func (ns *Namespace) scope() scope {
	return scope{&ns.events, ns.name, false}
}
