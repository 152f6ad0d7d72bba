package engineio

import (
	"fmt"
	"runtime/debug"

	"parley/server/wire/eio"
)

// PacketInfo is one packet of a session, as Options.OnPacket sees it.
type PacketInfo struct {
	SessionID string
	// Incoming says that the packet is the client's.
	Incoming bool
	// Type is the protocol's word, such as "message" or "ping".
	Type string
	// Binary says that Data is not text.
	Binary bool
	// Data is what follows the type. It is valid only during the call and must not be
	// changed.
	Data []byte
}

// A SessionChange is what Options.OnSession is told of.
type SessionChange string

// The changes of a session.
const (
	SessionOpened   SessionChange = "open"
	SessionUpgraded SessionChange = "upgrade"
	SessionClosed   SessionChange = "close"
)

// SessionInfo is a change of a session, as Options.OnSession sees it.
type SessionInfo struct {
	ID        string
	Change    SessionChange
	Transport string // from now on, or at the end
	Reason    Reason // of SessionClosed
	// RemoteAddr is Handshake.RemoteAddr: where the client came from, host:port.
	RemoteAddr string
}

// An UpgradeReceiver is a Receiver that wants to know of upgrades.
type UpgradeReceiver interface {
	// Upgraded is called when another transport has taken over. It must not block.
	Upgraded()
}

// tellIncoming shows the hook a packet from the client.
func (s *Session) tellIncoming(p eio.Packet) {
	if s.server.opts.OnPacket != nil {
		s.tell(PacketInfo{SessionID: s.id, Incoming: true, Type: p.Type.String(), Binary: p.Binary, Data: p.Data})
	}
}

// tellOutgoing shows the hook packets that were queued.
func (s *Session) tellOutgoing(batch ...Message) {
	if s.server.opts.OnPacket == nil {
		return
	}
	for _, m := range batch {
		s.tell(PacketInfo{SessionID: s.id, Type: m.Type().String(), Binary: m.IsBinary(), Data: m.Data()})
	}
}

func (s *Session) tell(p PacketInfo) {
	defer s.server.recovered("OnPacket")
	s.server.opts.OnPacket(p)
}

// changed tells the hook of a change.
func (s *Session) changed(what SessionChange, reason Reason) {
	if s.server.opts.OnSession != nil {
		defer s.server.recovered("OnSession")
		s.server.opts.OnSession(SessionInfo{s.id, what, s.Transport(), reason, s.handshake.RemoteAddr})
	}
}

// recovered, deferred, logs the panic of a hook.
func (s *Server) recovered(hook string) {
	if v := recover(); v != nil {
		s.opts.Logger.Error("panic in a hook", "hook", hook, "panic", fmt.Sprint(v), "stack", string(debug.Stack()))
	}
}
