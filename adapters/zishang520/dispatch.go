package zishang520

import (
	"reflect"
	"slices"
	"sync"
	"time"
	"unsafe"

	"github.com/zishang520/engine.io/v2/types"
	"github.com/zishang520/socket.io-go-parser/v2/parser"
	"github.com/zishang520/socket.io/v2/socket"
)

// handle does what socket.io/v2's Client does with a packet, but on this goroutine:
// Client starts one for each packet, so that they overtake each other.
func (c *conn) handle(it item) {
	namespace := c.namespaceOf(it.packet)
	switch it.packet.Type {
	case parser.CONNECT:
		c.connect(namespace, it.message)
	case parser.EVENT, parser.BINARY_EVENT:
		if s := c.await(namespace); s != nil {
			c.event(s, it.packet)
		} else {
			c.reject()
		}
	case parser.DISCONNECT:
		if s := c.await(namespace); s != nil {
			c.leave(s, it.message)
		} else {
			c.reject()
		}
	default:
		c.reject()
	}
}

// connect has the client join a namespace.
func (c *conn) connect(namespace string, m message) {
	switch s, known := c.find(namespace); {
	case known && s == nil:
		return // a client that gave up waiting and tries again gets one answer
	case known && s.Connected():
		c.reject()
		return
	}
	if !c.expect(namespace) {
		c.send(&parser.Packet{
			Type: parser.CONNECT_ERROR,
			Nsp:  namespace,
			Data: map[string]any{"message": "Too many namespaces"},
		})
		return
	}
	c.feed(buffer(m.data, m.binary))
}

// send sends a packet that belongs to no socket.
func (c *conn) send(p *parser.Packet) {
	for _, data := range c.server.io.Encoder().Encode(p) {
		c.Write(data, nil, nil)
	}
}

// leave has the client leave a namespace, and waits until its listeners know.
func (c *conn) leave(s *socket.Socket, m message) {
	told := make(chan struct{})
	_ = s.Once("disconnect", func(...any) { close(told) }) // never fails
	if s.Disconnected() {
		return // the server has ended it, of which the client did not know yet
	}
	c.feed(buffer(m.data, m.binary))
	wait := time.NewTimer(c.server.opts.ListenerWait)
	defer wait.Stop()
	select {
	case <-told:
	case <-wait.C:
	}
}

// event passes an event to the listeners, through the middlewares.
func (c *conn) event(s *socket.Socket, p *parser.Packet) {
	if s.Disconnected() {
		return // the server has ended it, of which the client did not know yet
	}
	args := p.Data.([]any)
	if p.Id != nil {
		args = append(args, acknowledge(s, *p.Id))
	}
	for _, l := range s.ListenersAny() {
		l(args...)
	}
	tell := func(err error) {
		switch {
		case err != nil:
			s.EmitReserved("error", err)
		case s.Connected():
			name, _ := args[0].(string) // middlewares may have changed it
			s.EmitUntyped(name, args[1:]...)
		}
	}
	list := middlewares(s)
	if len(list) == 0 {
		tell(nil)
		return
	}
	passage := passage{event: args, list: list, late: func(err error) {
		c.hand(item{call: func() { c.server.guard("EVENT", func() { tell(err) }) }})
	}}
	for _, err := range passage.run() {
		tell(err)
	}
}

// acknowledge returns what a listener calls to answer an event; it does so once.
func acknowledge(s *socket.Socket, id uint64) socket.Ack {
	var once sync.Once
	return func(args []any, _ error) {
		once.Do(func() {
			client := s.Client()
			if client.Conn().ReadyState() != "open" {
				return
			}
			packet := &parser.Packet{Type: parser.ACK, Nsp: s.Nsp().Name(), Id: &id, Data: args}
			client.WriteToEngine(s.Nsp().Server().Encoder().Encode(packet), &socket.WriteOptions{})
		})
	}
}

// A passage is the way of an event through the middlewares of its socket. They may call
// next at once or later, on any goroutine.
type passage struct {
	event []any
	list  []socket.SocketMiddleware
	late  func(error) // an outcome after run has returned

	mu       sync.Mutex
	returned bool
	outcomes []error
}

// run calls the middlewares and returns what came out: nothing if it is to come later,
// or never.
func (p *passage) run() []error {
	p.enter(0)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.returned = true
	return slices.Clone(p.outcomes)
}

func (p *passage) enter(i int) {
	if i == len(p.list) {
		p.outcome(nil)
		return
	}
	p.list[i](p.event, func(err error) {
		if err != nil {
			p.outcome(err)
		} else {
			p.enter(i + 1)
		}
	})
}

func (p *passage) outcome(err error) {
	p.mu.Lock()
	if !p.returned {
		p.outcomes = append(p.outcomes, err)
		p.mu.Unlock()
		return
	}
	p.mu.Unlock()
	p.late(err)
}

// middlewaresAt is where a socket.Socket has the functions given to its Use, which it
// shows to nobody.
var middlewaresAt = func() uintptr {
	f, ok := reflect.TypeFor[socket.Socket]().FieldByName("fns")
	if !ok || f.Type != reflect.TypeFor[*types.Slice[socket.SocketMiddleware]]() {
		panic("zishang520: this version of socket.io keeps its middlewares elsewhere; use v2.5.0")
	}
	return f.Offset
}()

// middlewares returns the functions given to Use.
func middlewares(s *socket.Socket) []socket.SocketMiddleware {
	return (*(**types.Slice[socket.SocketMiddleware])(unsafe.Add(unsafe.Pointer(s), middlewaresAt))).All()
}
