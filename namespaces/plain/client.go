package plain

import (
	"context"
	"io"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/coder/websocket"
	"golang.org/x/time/rate"

	"parley/namespaces/event"
	"parley/namespaces/identity"
)

// A client is one connection. One goroutine reads, one writes.
type client struct {
	hub    *Hub
	person identity.Person
	ctx    context.Context // ends with the connection
	cut    context.CancelFunc
	conn   *websocket.Conn
	pace   *rate.Limiter

	queue    chan []byte   // for the writer
	farewell chan farewell // for the writer, once
	leaving  atomic.Bool   // there is a farewell: what the client says has no effect any more
	heard    atomic.Int64  // nanoseconds from born to the last message or ping
	born     time.Time
}

// A farewell is how a connection is closed.
type farewell struct {
	code   websocket.StatusCode
	reason string
	last   []byte // the last message, nil for none
}

func policy(code, message string) farewell {
	return farewell{websocket.StatusPolicyViolation, message, outgoing{Type: typeError, Code: code, Message: message}.encode()}
}

var (
	goingAway    = farewell{websocket.StatusGoingAway, "The server goes away.", nil}
	silent       = farewell{websocket.StatusPolicyViolation, "Nothing was heard for too long.", nil}
	tokenExpired = policy(identity.CodeExpired, "The token has expired.")
	tokenRevoked = policy(identity.CodeRevoked, "The token has been revoked.")
	pingMessage  = outgoing{Type: typePing}.encode()
)

func newClient(h *Hub, p identity.Person) *client {
	c := &client{
		hub: h, person: p,
		pace:     rate.NewLimiter(rate.Limit(h.opts.MessageRate), h.opts.MessageBurst),
		queue:    make(chan []byte, h.opts.QueueMessages),
		farewell: make(chan farewell, 1),
		born:     time.Now(),
	}
	c.ctx, c.cut = context.WithCancel(context.Background()) // the request's says nothing of a connection that was taken over
	return c
}

// serve returns when the connection has ended, and both goroutines with it.
func (c *client) serve(conn *websocket.Conn) {
	defer c.cut()
	c.conn = conn
	conn.SetReadLimit(int64(c.hub.opts.HardBytes))
	c.listen()
	c.hub.enter(c)
	written := make(chan struct{})
	go func() {
		defer close(written)
		defer c.cut()
		c.write()
	}()
	c.read()
	c.hub.exit(c)
	c.cut()
	<-written
	_ = conn.CloseNow()
}

// push queues a message. A client that is too slow for it is cut off: it would not
// read a farewell.
func (c *client) push(text []byte) {
	if c.leaving.Load() {
		return
	}
	select {
	case c.queue <- text:
	default:
		c.hub.opts.Logger.Debug("a client of /ws is too slow", "user", c.person.UserID, "QueueMessages", c.hub.opts.QueueMessages)
		c.cut()
	}
}

// close has the writer close the connection, after what is queued. It does not block.
func (c *client) close(f farewell) {
	if !c.leaving.Swap(true) {
		c.farewell <- f
	}
}

// listen notes that the client has been heard.
func (c *client) listen() { c.heard.Store(int64(time.Since(c.born))) }

// quiet is how long it has not been heard.
func (c *client) quiet() time.Duration { return time.Since(c.born) - time.Duration(c.heard.Load()) }

// pinged is called for each ping of the protocol, while reading.
func (c *client) pinged(ctx context.Context, _ []byte) bool {
	c.listen()
	return c.pace.Wait(ctx) == nil
}

func (c *client) read() {
	for {
		kind, message, err := c.conn.Reader(c.ctx)
		if err != nil {
			return
		}
		limit := c.hub.opts.EventBytes
		text, err := io.ReadAll(io.LimitReader(message, int64(limit)+1))
		if err != nil {
			return
		}
		large := len(text) > limit
		if large {
			if _, err := io.Copy(io.Discard, message); err != nil {
				return // also at HardBytes, where the library closes the connection
			}
		}
		c.listen()
		if c.pace.Wait(c.ctx) != nil {
			return
		}
		if c.leaving.Load() {
			continue
		}
		if err := c.handle(kind, text, large); err != nil {
			m, known := refusal(err)
			if !known {
				c.hub.opts.Logger.Error("message of /ws not handled", slog.Any("error", err))
			}
			c.push(m.encode())
		}
	}
}

func (c *client) handle(kind websocket.MessageType, text []byte, large bool) error {
	if large {
		return event.TooLarge(c.hub.opts.EventBytes)
	}
	if kind != websocket.MessageText {
		return event.Invalid("A message must be text.")
	}
	m, err := parse(text)
	if err != nil || m.Type == typePong {
		return err
	}
	if err := event.Content(m.Content, c.hub.opts.Content); err != nil {
		return err
	}
	if c.hub.opts.Rate != nil {
		if _, err := c.hub.opts.Rate.Take(c.ctx, c.person.UserID); err != nil {
			return err
		}
	}
	c.hub.say(c, m.Content)
	return nil
}

// write returns when nothing more is to be written.
func (c *client) write() {
	ping := time.NewTicker(c.hub.opts.PingInterval)
	defer ping.Stop()
	silence := time.NewTimer(c.hub.opts.Silence)
	defer silence.Stop()
	var expired <-chan time.Time
	if c.person.Verified {
		expiry := time.NewTimer(time.Until(c.person.Expires))
		defer expiry.Stop()
		expired = expiry.C
	}
	for {
		sent := true
		select {
		case <-c.ctx.Done():
			return
		case text := <-c.queue:
			sent = c.send(text)
		case <-ping.C:
			sent = c.send(pingMessage)
		case <-silence.C:
			if left := c.hub.opts.Silence - c.quiet(); left > 0 {
				silence.Reset(left)
			} else {
				c.close(silent)
			}
		case <-expired:
			c.close(tokenExpired)
		case f := <-c.farewell:
			c.leave(f)
			return
		}
		if !sent {
			return
		}
	}
}

// leave says what is left to say and closes the connection.
func (c *client) leave(f farewell) {
	for len(c.queue) > 0 {
		if !c.send(<-c.queue) {
			return
		}
	}
	if f.last == nil || c.send(f.last) {
		_ = c.conn.Close(f.code, f.reason) // gone is gone
	}
}

func (c *client) send(text []byte) bool {
	ctx, cancel := context.WithTimeout(c.ctx, c.hub.opts.WriteTimeout)
	defer cancel()
	return c.conn.Write(ctx, websocket.MessageText, text) == nil
}
