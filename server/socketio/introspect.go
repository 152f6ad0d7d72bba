package socketio

import (
	"context"
	"slices"

	"parley/server/engineio"
)

// Transport returns the name of the transport that carries the client now: "polling",
// "websocket" or "webtransport".
func (s *Socket) Transport() string { return s.client.session.Transport() }

// SessionID returns the id of the client's session in the engine, which all its sockets
// share and Options.OnSession and OnPacket name. It is a secret: whoever knows it can
// speak for a client that polls.
func (s *Socket) SessionID() string { return s.client.session.ID() }

// OnUpgrade adds a hook for sockets whose client has changed its transport. Among the
// events of the socket it comes in its turn.
func (ns *Namespace) OnUpgrade(hook func(ctx context.Context, s *Socket)) {
	ns.hook(func(h *hooks) { h.upgrade = appended(h.upgrade, hook) })
}

var _ engineio.UpgradeReceiver = (*client)(nil)

// Upgraded passes on that the transport has changed.
func (c *client) Upgraded() {
	c.mu.Lock()
	sockets := slices.Clone(c.sockets)
	c.mu.Unlock()
	for _, s := range sockets {
		hooks := s.ns.chain()
		if len(hooks[0].upgrade)+len(hooks[1].upgrade) > 0 {
			s.receive(nil, &item{kind: itemUpgrade})
		}
	}
}

func (s *Socket) upgraded() {
	if !s.Connected() {
		return
	}
	for _, h := range s.ns.chain() {
		for _, hook := range h.upgrade {
			s.guarded(func(ctx context.Context) { hook(ctx, s) })
		}
	}
}

// Socket returns the connected socket with that id, nil if this server has none.
func (ns *Namespace) Socket(id string) *Socket {
	if children, ok := ns.children(); ok {
		for _, child := range children {
			if s := child.Socket(id); s != nil {
				return s
			}
		}
		return nil
	}
	ns.mu.RLock()
	defer ns.mu.RUnlock()
	if s := ns.sockets[id]; s != nil && s.Connected() {
		return s
	}
	return nil
}

// Rooms returns how many sockets of this server are in each room; the rooms that stand
// for the ids of sockets are left out. Of a parent it is the sum over the children.
func (ns *Namespace) Rooms() map[string]int {
	sizes := make(map[string]int)
	children, ok := ns.children()
	if !ok {
		children = []*Namespace{ns}
	}
	for _, child := range children {
		child.mu.RLock()
		for name, r := range child.rooms {
			sizes[name] += len(r.members)
		}
		child.mu.RUnlock()
	}
	return sizes
}
