// Package plain is /ws: WebSocket without Socket.IO, for clients that have nothing
// else. What one says, all others hear.
package plain

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/coder/websocket"

	"parley/namespaces/event"
	"parley/namespaces/identity"
	"parley/server/socketio"
)

// A Hub is the clients of one server. It is an http.Handler, for any path.
type Hub struct {
	srv   *socketio.Server
	gate  *identity.Gate
	opts  Options
	leave func()                                        // ends the subscription of the bus
	note  func(userID string, gone Gone) (leave func()) // see Roll

	mu      sync.Mutex // guards what follows, and gives messages their order
	clients map[*client]struct{}
	serving int // requests, also of clients that are not yet there or no longer
	closing bool
	idle    chan struct{} // closed when it is closing and serves nobody
}

// New returns a hub behind gate, which lets in pages of the origins that srv lets in.
// In open mode a client that does not say who it is gets a name of its own, which
// begins with "anonymous-".
func New(srv *socketio.Server, gate *identity.Gate, opts *Options) *Hub {
	h := &Hub{
		srv: srv, gate: gate, opts: opts.withDefaults(),
		leave: func() {}, clients: make(map[*client]struct{}), idle: make(chan struct{}),
	}
	h.note = func(_ string, gone Gone) (leave func()) {
		return func() {
			gone.Here()
			gone.Elsewhere()
		}
	}
	if roll, ok := h.opts.Bus.(Roll); ok {
		roll.Watch(h.lost)
		h.note = roll.Enter
	}
	if h.opts.Bus != nil {
		h.leave = sync.OnceFunc(h.opts.Bus.Subscribe(h.deliver))
	}
	gate.OnSweep(h.sweep)
	return h
}

// ServeHTTP serves a client until it goes.
func (h *Hub) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !h.srv.Admit(w, r) {
		return
	}
	p, err := h.gate.Request(r, true)
	if err != nil {
		event.Unauthorized(w, identity.CodeOf(err))
		return
	}
	if p.UserID == "" {
		p.UserID = anonymous()
	}
	if !h.begin() {
		w.Header().Set("Retry-After", "5")
		event.RefuseHTTP(w, http.StatusServiceUnavailable, "unavailable", "No more clients are taken.")
		return
	}
	defer h.end()
	c := newClient(h, p)
	conn, err := websocket.Accept(w, r, &websocket.AcceptOptions{
		InsecureSkipVerify: true, // Admit has looked at the origin
		OnPingReceived:     c.pinged,
	})
	if err != nil {
		return // and answered
	}
	defer h.note(p.UserID, h.gone(p.UserID))()
	c.serve(conn)
}

func anonymous() string {
	var tag [6]byte
	rand.Read(tag[:])
	return "anonymous-" + hex.EncodeToString(tag[:])
}

// begin counts a request, unless there are too many.
func (h *Hub) begin() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closing || h.serving >= h.opts.Clients {
		return false
	}
	h.serving++
	return true
}

func (h *Hub) end() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.serving--
	if h.closing && h.serving == 0 {
		close(h.idle)
	}
}

// enter makes a client one of those who hear the others, after it has heard that it
// is.
func (h *Hub) enter(c *client) {
	h.mu.Lock()
	defer h.mu.Unlock()
	c.push(outgoing{Type: typeConnected, UserID: c.person.UserID, Timestamp: event.Now()}.encode())
	h.clients[c] = struct{}{}
	if h.closing {
		c.close(goingAway)
	}
}

// exit undoes enter.
func (h *Hub) exit(c *client) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.clients, c)
}

// lost tells all that a client has gone whose server has died.
func (h *Hub) lost(userID string) {
	gone := h.gone(userID)
	gone.Here()
	gone.Elsewhere()
}

func (h *Hub) gone(userID string) Gone {
	text := func() []byte {
		return outgoing{Type: typeDisconnected, UserID: userID, Timestamp: event.Now()}.encode()
	}
	return Gone{Here: func() { h.deliver(text()) }, Elsewhere: func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.pass(text())
	}}
}

// say sends what a client has written to all others.
func (h *Hub) say(c *client, content string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.publish(c, outgoing{Type: typeMessage, UserID: c.person.UserID, Content: content, Timestamp: event.Now()})
}

// publish sends a message to all but one client, on all servers. The caller has
// locked mu.
func (h *Hub) publish(from *client, m outgoing) {
	text := m.encode()
	for c := range h.clients {
		if c != from {
			c.push(text)
		}
	}
	h.pass(text)
}

// pass sends a message to the other servers. The caller has locked mu, which keeps the order.
func (h *Hub) pass(text []byte) {
	if h.opts.Bus == nil {
		return
	}
	if err := h.opts.Bus.Publish(text); err != nil {
		h.opts.Logger.Error("message not sent to other servers", slog.Any("error", err))
	}
}

// deliver sends a message, such as one of another server, to all clients.
func (h *Hub) deliver(text []byte) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for c := range h.clients {
		c.push(text)
	}
}

// sweep ends the clients whose tokens have been revoked.
func (h *Hub) sweep(revoked func(identity.Claims) bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for c := range h.clients {
		if revoked(c.person.Claims) {
			c.close(tokenRevoked)
		}
	}
}

// Shutdown refuses new clients, closes all with status 1001, after which they come
// back elsewhere, and waits for their goroutines. When ctx ends they are cut off, and
// its error is returned.
func (h *Hub) Shutdown(ctx context.Context) error { return h.Drain(ctx, 0) }

// Drain is Shutdown that spreads the closing evenly over a time.
func (h *Hub) Drain(ctx context.Context, over time.Duration) error {
	list := h.refuseNew()
	start := time.Now()
	wait := time.NewTimer(0)
	defer wait.Stop()
	for i, c := range list {
		due := start.Add(over / time.Duration(len(list)) * time.Duration(i))
		if d := time.Until(due); d > 0 {
			wait.Reset(d)
			select {
			case <-wait.C:
			case <-c.ctx.Done(): // it has gone by itself
			case <-ctx.Done():
			}
		}
		if ctx.Err() != nil {
			break
		}
		c.close(goingAway)
	}
	select {
	case <-h.idle:
	case <-ctx.Done():
		h.cutAll()
		<-h.idle
	}
	h.leave()
	return ctx.Err()
}

// refuseNew lets no more clients in and returns those there are.
func (h *Hub) refuseNew() []*client {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.closing && h.serving == 0 {
		close(h.idle)
	}
	h.closing = true
	list := make([]*client, 0, len(h.clients))
	for c := range h.clients {
		list = append(list, c)
	}
	return list
}

func (h *Hub) cutAll() {
	h.mu.Lock()
	defer h.mu.Unlock()
	for c := range h.clients {
		c.cut()
	}
}
