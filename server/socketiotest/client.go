package socketiotest

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"sync"
	"testing"
	"time"

	"parley/server/wire/eio"
	"parley/server/wire/sio"
)

// What a Client may say about its end, in the words of the official client.
const (
	ReasonServerDisconnect = "io server disconnect"
	ReasonClientDisconnect = "io client disconnect"
	ReasonTransportClose   = "transport close"
)

// patience is how long Expect and Connect wait.
const patience = 10 * time.Second

// ErrClosed is the error of everything that needs a connection, once it is gone.
var ErrClosed = fmt.Errorf("socketiotest: connection is closed: %w", net.ErrClosed)

// A Client is in one namespace of a server. Its methods may be called from any
// goroutine.
type Client struct {
	t         testing.TB // nil for a client of Dial
	session   *session
	namespace string

	mu      sync.Mutex // guards what follows
	id      string
	state   State
	events  []Event
	changed chan struct{} // closed at each change
	acks    map[int64]chan Reply
	nextAck int64
	refusal *ConnectError
	joined  bool
	reason  string
	done    chan struct{}
}

func message(text []byte) eio.Packet { return eio.Packet{Type: eio.Message, Data: text} }

// ID returns the id that the server has given to the client's socket.
func (c *Client) ID() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.id
}

// Done returns a channel that is closed when the client has left its namespace,
// whoever ended it.
func (c *Client) Done() <-chan struct{} { return c.done }

// Reason waits for the end and says how it came about.
func (c *Client) Reason(ctx context.Context) (string, error) {
	select {
	case <-c.done:
		c.mu.Lock()
		defer c.mu.Unlock()
		return c.reason, nil
	case <-ctx.Done():
		return "", ctx.Err()
	}
}

// Disconnect leaves the namespace. The connection stays for other namespaces.
func (c *Client) Disconnect() {
	p := sio.Packet{Type: sio.Disconnect, Namespace: c.namespace, ID: sio.NoID}
	_ = c.session.sendPacket(p, nil)
	c.end(ReasonClientDisconnect)
}

// Close ends the connection in good order.
func (c *Client) Close() {
	c.session.mu.Lock()
	carrier, ended := c.session.carrier, c.session.ended
	c.session.mu.Unlock()
	if !ended {
		carrier.close()
	}
	c.end(ReasonTransportClose)
}

// Abort cuts the connection without a word.
func (c *Client) Abort() {
	c.end(ReasonTransportClose)
	c.session.finish()
}

// Pause stops reading, as a client does whose network is too slow, once the message
// under way has come. Resume goes on.
func (c *Client) Pause() {
	c.session.mu.Lock()
	defer c.session.mu.Unlock()
	if c.session.paused == nil && !c.session.ended {
		c.session.paused = make(chan struct{})
	}
}

// Resume undoes Pause.
func (c *Client) Resume() { c.session.resume() }

// Transport returns what carries the connection now, WebSocket or Polling.
func (c *Client) Transport() string {
	c.session.mu.Lock()
	defer c.session.mu.Unlock()
	if _, ok := c.session.carrier.(*poller); ok {
		return Polling
	}
	return WebSocket
}

// Upgrade changes from polling to WebSocket. It returns when the server has
// answered the probe; the change comes as soon as the poll under way has ended.
func (c *Client) Upgrade() error { return c.session.upgrade() }

// Write sends the text of a Socket.IO packet as it is, and WriteBinary an
// attachment: for what no proper client sends.
func (c *Client) Write(text string) error { return c.session.send(message([]byte(text))) }

// WriteBinary sends a binary message, with or without a packet that it belongs to.
func (c *Client) WriteBinary(data []byte) error { return c.session.send(attachment(data)) }

func attachment(data []byte) eio.Packet {
	return eio.Packet{Type: eio.Message, Binary: true, Data: data}
}

// Emit sends an event. An argument that is a []byte is an attachment; one within an
// argument is not.
func (c *Client) Emit(event string, args ...any) error {
	return c.emit(sio.Event, sio.NoID, append([]any{event}, args...))
}

// EmitAck sends an event and waits for its acknowledgement.
func (c *Client) EmitAck(ctx context.Context, event string, args ...any) (Reply, error) {
	reply := make(chan Reply, 1)
	c.mu.Lock()
	id := c.nextAck
	c.nextAck++
	c.acks[id] = reply
	c.mu.Unlock()
	defer func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		delete(c.acks, id)
	}()
	if err := c.emit(sio.Event, id, append([]any{event}, args...)); err != nil {
		return Reply{}, err
	}
	select {
	case r := <-reply:
		return r, nil
	case <-c.done:
		return Reply{}, ErrClosed
	case <-ctx.Done():
		return Reply{}, ctx.Err()
	}
}

// emit sends an event or an acknowledgement.
func (c *Client) emit(t sio.Type, id int64, args []any) error {
	var attachments [][]byte
	payload := []byte{'['}
	for i, arg := range args {
		if i > 0 {
			payload = append(payload, ',')
		}
		if data, ok := arg.([]byte); ok {
			payload = sio.AppendPlaceholder(payload, len(attachments))
			attachments = append(attachments, data)
			continue
		}
		text, err := json.Marshal(arg)
		if err != nil {
			return err
		}
		payload = append(payload, text...)
	}
	if len(attachments) > 0 {
		t += sio.BinaryEvent - sio.Event
	}
	p := sio.Packet{Type: t, Namespace: c.namespace, ID: id, Attachments: len(attachments), Data: append(payload, ']')}
	return c.session.sendPacket(p, attachments)
}

// Next returns the next event of any name.
func (c *Client) Next(ctx context.Context) (Event, error) {
	return c.take(ctx, func(Event) bool { return true })
}

// Expect returns the next event of that name; events of other names stay for their
// own turn. It fails the test if none comes within 10 s.
func (c *Client) Expect(event string) Event {
	if c.t != nil {
		c.t.Helper()
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	e, err := c.take(ctx, func(e Event) bool { return e.Name == event })
	if err == nil {
		return e
	}
	text := fmt.Sprintf("event %s: %v", event, err)
	if c.t == nil {
		panic("socketiotest: " + text)
	}
	c.t.Fatal(text)
	return Event{}
}

// take waits for an event that is wanted. What came before the end can still be had.
func (c *Client) take(ctx context.Context, wanted func(Event) bool) (Event, error) {
	for {
		c.mu.Lock()
		for i, e := range c.events {
			if wanted(e) {
				c.events = append(c.events[:i:i], c.events[i+1:]...)
				c.mu.Unlock()
				return e, nil
			}
		}
		changed, ended := c.changed, c.reason != ""
		c.mu.Unlock()
		if ended {
			return Event{}, ErrClosed
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return Event{}, ctx.Err()
		}
	}
}

// packet takes in what the server sent.
func (c *Client) packet(p sio.Packet, attachments [][]byte) {
	switch p.Type {
	case sio.Connect:
		var answer struct{ SID, PID string }
		if json.Unmarshal(p.Data, &answer) != nil || answer.SID == "" {
			c.change(func() { c.refusal = &ConnectError{Message: "no sid in the server's answer"} })
			return
		}
		c.change(func() { c.id, c.state.PID, c.joined = answer.SID, answer.PID, true })
	case sio.ConnectError:
		refusal := new(ConnectError)
		if json.Unmarshal(p.Data, refusal) != nil {
			refusal.Message = string(p.Data)
		}
		c.change(func() { c.refusal = refusal })
	case sio.Disconnect:
		c.end(ReasonServerDisconnect)
	case sio.Ack, sio.BinaryAck:
		c.mu.Lock()
		reply := c.acks[p.ID]
		delete(c.acks, p.ID)
		c.mu.Unlock()
		if reply != nil {
			reply <- Reply{arguments(p), attachments}
		}
	default:
		e := Event{Name: p.EventName(), Args: arguments(p), Attachments: attachments, client: c, id: p.ID}
		c.change(func() {
			c.events = append(c.events, e)
			c.state.note(e)
		})
	}
}

func arguments(p sio.Packet) []json.RawMessage {
	var list []json.RawMessage
	args := p.Args()
	for {
		raw, ok := args.Next()
		if !ok {
			return list
		}
		list = append(list, json.RawMessage(raw))
	}
}

// change changes the client's state and wakes whoever waits for that.
func (c *Client) change(f func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	f()
	close(c.changed)
	c.changed = make(chan struct{})
}

// end notes the first cause of the end.
func (c *Client) end(reason string) {
	c.change(func() {
		if c.reason == "" {
			c.reason = reason
			close(c.done)
		}
	})
}
