package zishang520

import (
	"bytes"
	"net/url"
	"reflect"
	"time"

	"github.com/zishang520/socket.io-go-parser/v2/parser"
	"github.com/zishang520/socket.io/v2/socket"
)

const mainNamespace = "/"

// A space is what a connection knows of a namespace: that it has asked to join it, and
// when that has been granted its socket. socket.io/v2 has the same for itself, but lets
// packets pass before the listeners of "connection" have returned, and closes the
// connection where the client is quicker than its bookkeeping.
type space struct {
	applicant *socket.Socket // whom the middlewares let pass or not
	socket    *socket.Socket // nil: no answer yet
	ready     chan struct{}  // closed when the listeners of "connection" have returned
}

// namespaceOf returns a packet's namespace. In revision 3 its credentials are a part of
// it, as a query.
func (c *conn) namespaceOf(p *parser.Packet) string {
	if c.Protocol() != 3 {
		return p.Nsp
	}
	u, err := url.Parse(p.Nsp)
	if err != nil {
		return ""
	}
	return u.Path
}

// find returns the socket of a namespace. One that has not answered is known, but has
// none.
func (c *conn) find(namespace string) (s *socket.Socket, known bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if sp := c.spaces[namespace]; sp != nil {
		return sp.socket, true
	}
	return nil, false
}

// expect notes that the client is about to join a namespace. It returns false if there
// are too many.
func (c *conn) expect(namespace string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.spaces, namespace) // of a socket that has gone
	if limit := c.server.opts.MaxNamespaces; len(c.spaces) >= limit {
		for name, sp := range c.spaces {
			if sp.socket != nil && sp.socket.Disconnected() {
				delete(c.spaces, name)
			}
		}
		if len(c.spaces) >= limit {
			return false
		}
	}
	c.spaces[namespace] = &space{ready: make(chan struct{})}
	c.expected.Add(1)
	return true
}

// reply decodes data if it is one of socket.io/v2's packets; what a refusal says need not
// be what the decoder of text takes from a client.
func (c *conn) reply(data []byte, binary bool) (p *parser.Packet) {
	decode := func(data []byte) bool {
		decoder := c.server.parser.NewDecoder()
		decoder.On("decoded", func(args ...any) { p, _ = args[0].(*parser.Packet) })
		return decoder.Add(buffer(data, binary)) == nil
	}
	if !decode(data) && !binary && len(data) > 0 {
		header := 1
		if comma := bytes.IndexByte(data, ','); bytes.HasPrefix(data[1:], []byte("/")) && comma > 0 {
			header = comma + 1
		}
		decode(data[:header])
	}
	return p
}

// replied looks whether data that socket.io/v2 sends is the answer to a client that
// wants to join a namespace. This comes before the client has the answer, and before the
// listeners of "connection" are called.
func (c *conn) replied(data []byte, binary bool) {
	p := c.reply(data, binary)
	if p == nil {
		return
	}
	switch p.Type {
	case parser.CONNECT:
		if s := c.joining(p); s != nil {
			c.server.watch(s.Nsp())
			c.enter(p.Nsp, s)
		}
	case parser.CONNECT_ERROR:
		c.mu.Lock()
		defer c.mu.Unlock()
		if sp := c.spaces[p.Nsp]; sp != nil && sp.socket == nil {
			delete(c.spaces, p.Nsp)
			c.expected.Add(-1)
		}
	}
}

// meet makes the sockets of a new namespace known before they are let in. A namespace that
// has a parent can be gone from the socket.Server by the time that one has joined it.
func (s *Server) meet(args ...any) {
	ns, ok := args[0].(socket.Namespace)
	if !ok {
		return
	}
	ns.Use(func(s *socket.Socket, next func(*socket.ExtendedError)) {
		if c, ok := s.Conn().(*conn); ok {
			c.mu.Lock()
			if sp := c.spaces[ns.Name()]; sp != nil && sp.socket == nil {
				sp.applicant = s
			}
			c.mu.Unlock()
		}
		next(nil)
	})
}

// joining returns the socket that a reply tells of.
func (c *conn) joining(reply *parser.Packet) *socket.Socket {
	c.mu.Lock()
	var s *socket.Socket
	if sp := c.spaces[reply.Nsp]; sp != nil {
		s = sp.applicant
	}
	c.mu.Unlock()
	if s == nil { // the namespace is older than this engine, and stays
		s, _ = c.server.io.Of(reply.Nsp, nil).Sockets().Load(c.socketID(reply))
	}
	return s
}

// socketID returns the id of the socket that a reply tells of; in revision 3 the client
// works it out from that of the session.
func (c *conn) socketID(reply *parser.Packet) socket.SocketId {
	if c.Protocol() == 3 {
		if reply.Nsp == mainNamespace {
			return socket.SocketId(c.Id())
		}
		return socket.SocketId(reply.Nsp + "#" + c.Id())
	}
	data, _ := reply.Data.(map[string]any)
	sid, _ := data["sid"].(string)
	return socket.SocketId(sid)
}

// enter notes the socket of a namespace that has been joined. The result is nil where
// another one has taken its place.
func (c *conn) enter(namespace string, s *socket.Socket) *space {
	c.mu.Lock()
	defer c.mu.Unlock()
	sp := c.spaces[namespace]
	if sp == nil || s == nil || sp.socket != nil && sp.socket != s {
		return nil
	}
	if sp.socket == nil {
		sp.socket = s
		c.expected.Add(-1)
	}
	return sp
}

// watch makes joined the last listener of a namespace's "connection".
func (s *Server) watch(ns socket.Namespace) {
	s.watching.Lock()
	defer s.watching.Unlock()
	listeners := ns.Listeners("connection")
	ours, last := reflect.ValueOf(joined).Pointer(), len(listeners)-1
	for i, l := range listeners {
		if reflect.ValueOf(l).Pointer() != ours {
			continue
		}
		if i == last {
			return
		}
		defer ns.EventEmitter().RemoveListener("connection", joined) // the first, when the last is there
	}
	_ = ns.On("connection", joined) // never fails
}

// joined is the last listener of "connection".
func joined(args ...any) {
	s, _ := args[0].(*socket.Socket)
	if c, ok := s.Conn().(*conn); ok {
		c.joined(s)
	}
}

func (c *conn) joined(s *socket.Socket) {
	sp := c.enter(s.Nsp().Name(), s)
	c.mu.Lock()
	over := c.over
	if sp != nil {
		sp.open()
	}
	c.mu.Unlock()
	if over {
		s.Disconnect(false) // it was too late to hear of the end
	}
}

// open lets packets pass. The caller has locked mu.
func (sp *space) open() {
	select {
	case <-sp.ready:
	default:
		close(sp.ready)
	}
}

// await waits until the listeners of a namespace's "connection" have returned, but no
// longer than ListenerWait. It returns the socket, or nil if there is none.
func (c *conn) await(namespace string) *socket.Socket {
	c.mu.Lock()
	sp := c.spaces[namespace]
	if sp == nil || sp.socket == nil {
		c.mu.Unlock()
		return nil
	}
	s := sp.socket
	c.mu.Unlock()
	select {
	case <-sp.ready:
		return s
	default:
	}
	wait := time.NewTimer(c.server.opts.ListenerWait)
	defer wait.Stop()
	select {
	case <-sp.ready:
	case <-wait.C:
		c.mu.Lock()
		sp.open()
		c.mu.Unlock()
		c.server.log.Warn("a listener of connection does not return; events no longer wait for it", "namespace", namespace)
	}
	return s
}
