package socketio

import (
	stdjson "encoding/json"
	"fmt"
	"slices"
	"sync"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"parley/server/engineio"
	"parley/server/wire/sio"
)

// A client is one session of the engine and the sockets that it carries, one in
// each namespace. What comes in is parsed and sorted on the reading goroutine;
// acknowledgements are resolved there, everything with handlers goes to the inbox
// of its socket.
type client struct {
	server  *Server
	session *engineio.Session

	// Of the reading goroutine alone.
	partial *partial
	latest  string // the namespace of the latest packet
	failed  bool   // the client broke the protocol; nothing more is taken
	v3      bool   // the session is of Engine.IO 3: see revision3.go

	codec codec // set before there is any socket

	mu      sync.Mutex // guards what follows; nothing else is locked within
	sockets []*Socket  // few, so a list
	left    []string   // namespaces that the server ended, of which the client may not know
	timer   *engineio.Timer

	flow   sync.Mutex // guards paused
	paused int        // sockets that want nothing read
}

func (s *Server) accept(session *engineio.Session) engineio.Receiver {
	c := &client{server: s, session: session, v3: session.Revision() == 3}
	c.timer = session.Timer(s.opts.ConnectTimeout, func() {
		s.opts.Logger.Debug("client joined no namespace in time")
		session.Close(ReasonForcedClose)
	})
	if c.v3 {
		c.codec = codecJSON
		c.connect(nil, sio.Packet{Type: sio.Connect, Namespace: sio.MainNamespace, ID: sio.NoID})
	}
	return c
}

// Receive takes one message of the client.
func (c *client) Receive(t engineio.Turn, data []byte, binary bool) {
	if c.codec == codecUnknown {
		c.codec = codecJSON
		if binary {
			c.codec = codecMessagePack
		}
	}
	switch {
	case c.failed:
	case c.codec == codecMessagePack:
		c.messagePack(t, data, binary)
	case binary:
		c.attachment(t, data)
	case c.partial != nil:
		c.violation("text while attachments are due")
	default:
		p, err := c.parse(data)
		if err != nil {
			c.violation(err.Error())
			return
		}
		c.packet(t, p)
	}
}

func (c *client) parse(data []byte) (sio.Packet, error) {
	if c.v3 {
		return c.parseV3(data)
	}
	return sio.ParseIn(c.latest, data, c.server.limits)
}

// violation closes the connection of a client that breaks the protocol.
func (c *client) violation(what string) {
	c.failed = true
	c.dropPartial()
	c.server.opts.Logger.Debug("client broke the protocol", "violation", what)
	c.session.Close(ReasonForcedClose)
}

func (c *client) packet(t engineio.Turn, p sio.Packet) {
	switch p.Type {
	case sio.Connect:
		c.connect(t, p)
		return
	case sio.ConnectError:
		c.violation("CONNECT_ERROR from a client")
		return
	}
	s, known := c.find(p.Namespace)
	if s == nil || !s.Connected() {
		if !known {
			c.violation("packet for a namespace that is not joined")
		} else if p.Type.Binary() {
			c.begin(nil, p)
		}
		return
	}
	c.latest = s.ns.name
	switch p.Type {
	case sio.Disconnect:
		c.forget(s, false)
		s.end(t, ReasonClientDisconnect)
	case sio.Event:
		s.receive(t, newItem(p))
	case sio.Ack:
		s.resolve(p, nil)
	default:
		c.begin(s, p)
	}
}

// receive takes in an event.
func (s *Socket) receive(t engineio.Turn, it *item) {
	s.mu.Lock()
	start := s.push(it)
	s.mu.Unlock()
	if start {
		s.work(t)
	}
}

// find returns the socket of a namespace. A namespace that the server has ended is
// known, but has none: what the client sent before it heard is ignored.
func (c *client) find(namespace string) (s *Socket, known bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, s := range c.sockets {
		if s.ns.name == namespace {
			return s, s.state.Load() != stateConnecting
		}
	}
	return nil, slices.Contains(c.left, namespace)
}

// newSocket returns a socket that is about to connect.
func (c *client) newSocket(ns *Namespace, id string, auth stdjson.RawMessage) *Socket {
	s := &Socket{ns: ns, client: c, id: id, auth: auth}
	if !c.v3 && ns.recovery.Load() != nil { // those of revision 3 know nothing of it
		s.lease = new(lease)
	}
	return s
}

// connect begins to join a namespace.
func (c *client) connect(t engineio.Turn, p sio.Packet) {
	if s, _ := c.find(p.Namespace); s != nil {
		switch s.state.Load() {
		case stateConnecting:
			return // a client that gave up waiting and tries again gets one answer
		case stateConnected:
			c.violation("CONNECT for a namespace that is joined")
			return
		}
	}
	ns, perhaps := c.server.namespace(p.Namespace)
	if ns == nil {
		if !perhaps {
			c.refuse(p.Namespace, errNoNamespace)
			return
		}
		ns = &Namespace{server: c.server, name: p.Namespace} // a stand-in
		ns.hooks.Store(&noHooks)
	}
	s := c.newSocket(ns, c.newID(ns), slices.Clone(p.Data))
	if limit := c.server.opts.MaxNamespaces; !c.enter(s, limit) {
		c.refuse(p.Namespace, &Error{
			Code:    "too_many_namespaces",
			Message: fmt.Sprintf("Too many namespaces: MaxNamespaces is %d", limit),
		})
		return
	}
	if perhaps {
		c.session.Run((*applicant)(s))
		return
	}
	if ns.awaitPredecessor(s) {
		return
	}
	s.receive(t, &item{kind: itemConnect})
}

// enter notes a socket, and reports whether there is room for it.
func (c *client) enter(s *Socket, limit int) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.sockets) >= limit {
		return false
	}
	c.sockets = append(c.sockets, s)
	c.left = slices.DeleteFunc(c.left, func(name string) bool { return name == s.ns.name })
	return true
}

// replace puts a socket into the place of its applicant, unless that has ended.
func (c *client) replace(applicant, s *Socket) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	i := slices.Index(c.sockets, applicant)
	if i < 0 || applicant.state.Load() == stateClosed {
		return false
	}
	c.sockets[i] = s
	return true
}

// joined stops the connect timeout for good.
func (c *client) joined() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.timer != nil {
		c.timer.Stop()
		c.timer = nil
	}
}

// forget ends the client's part in a namespace. If it was the server that ended
// it, packets of the client may still be under way.
func (c *client) forget(s *Socket, byServer bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	i := slices.Index(c.sockets, s)
	if i < 0 {
		return
	}
	c.sockets = slices.Delete(c.sockets, i, i+1)
	if byServer {
		if len(c.left) >= c.server.opts.MaxNamespaces { // names of dynamic namespaces have no end
			c.left = slices.Delete(c.left, 0, 1)
		}
		c.left = append(c.left, s.ns.name)
	}
}

// deserted reports whether the client has no sockets.
func (c *client) deserted() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.sockets) == 0
}

// refuse sends a CONNECT_ERROR.
func (c *client) refuse(namespace string, e *Error) {
	payload := refusal{e.Message, e.Data}
	if e.Data == nil && e.Code != "" {
		payload.Data = map[string]string{"code": e.Code}
	}
	c.sendRefusal(namespace, payload, refusal{Message: e.Message})
}

// sendRefusal sends a CONNECT_ERROR with a payload, or if that cannot be encoded
// with what is left of it.
func (c *client) sendRefusal(namespace string, payload, rest any) {
	text, err := json.Marshal(payload)
	if err != nil {
		c.server.opts.Logger.Error("cannot send the data of a connect error", "error", err)
		text, _ = json.Marshal(rest, jsontext.AllowInvalidUTF8(true))
	}
	_ = c.session.Send(c.control(sio.ConnectError, namespace, string(text)))
}

// refusal is the payload of a CONNECT_ERROR.
type refusal struct {
	Message string `json:"message"`
	Data    any    `json:"data,omitzero"`
}

// disconnect ends all sockets and then the connection.
func (c *client) disconnect() {
	c.mu.Lock()
	sockets := slices.Clone(c.sockets)
	c.mu.Unlock()
	for _, s := range sockets {
		s.kick()
	}
	c.session.Close(ReasonForcedClose)
}

// Closed ends all sockets: nothing more will come.
func (c *client) Closed(t engineio.Turn, reason Reason, _ error) {
	c.dropPartial()
	c.joined()
	c.mu.Lock()
	sockets := c.sockets
	c.sockets, c.left = nil, nil
	c.mu.Unlock()
	for _, s := range sockets {
		s.end(t, reason)
	}
}

// pause and resume count the sockets whose inboxes are full.
func (c *client) pause() {
	c.flow.Lock()
	defer c.flow.Unlock()
	if c.paused++; c.paused == 1 {
		c.session.Pause()
	}
}

func (c *client) resume() {
	c.flow.Lock()
	defer c.flow.Unlock()
	if c.paused--; c.paused == 0 {
		c.session.Resume()
	}
}
