package socketiotest

import (
	"context"
	"encoding/json"
	"net/http"
	"testing"

	"parley/server/wire/sio"
)

// A ConnectError is the server's refusal to let a client into a namespace.
type ConnectError struct {
	Message string          `json:"message"`
	Data    json.RawMessage `json:"data"` // nil if there is none
}

func (e *ConnectError) Error() string { return "socketiotest: connect error: " + e.Message }

// Connect returns a client that has joined the namespace of the server behind h.
// It fails the test if that is not possible, and closes the client at its end.
func Connect(t testing.TB, h http.Handler, namespace string, opts *Options) *Client {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	c, err := Dial(ctx, h, namespace, opts)
	if err != nil {
		t.Fatalf("connecting to %s: %v", namespace, err)
	}
	c.t = t
	t.Cleanup(c.Abort)
	return c
}

// Dial is Connect for what is not a test, or should fail. A refusal by the server
// is a *ConnectError. Expect panics where it would fail the test.
func Dial(ctx context.Context, h http.Handler, namespace string, opts *Options) (*Client, error) {
	s, err := openSession(h, opts)
	if err != nil {
		return nil, err
	}
	c, err := s.join(ctx, namespace, s.opts.Auth)
	if err != nil {
		s.finish()
		return nil, err
	}
	return c, nil
}

// Open returns a client that is connected and has joined no namespace; the server
// will close it if it stays so. Its methods that speak for a namespace speak for
// none.
func Open(h http.Handler, opts *Options) (*Client, error) {
	s, err := openSession(h, opts)
	if err != nil {
		return nil, err
	}
	c := s.newClient("")
	if !s.enter(c) {
		return nil, ErrClosed
	}
	return c, nil
}

// Join joins a further namespace over the same connection.
func (c *Client) Join(ctx context.Context, namespace string, auth any) (*Client, error) {
	joined, err := c.session.join(ctx, namespace, auth)
	if err != nil {
		return nil, err
	}
	joined.t = c.t
	return joined, nil
}

func (s *session) join(ctx context.Context, namespace string, auth any) (*Client, error) {
	c := s.newClient(namespace)
	p := sio.Packet{Type: sio.Connect, Namespace: namespace, ID: sio.NoID}
	if auth != nil {
		var err error
		if p.Data, err = json.Marshal(auth); err != nil {
			return nil, err
		}
	}
	if !s.enter(c) {
		return nil, ErrClosed
	}
	if err := s.sendPacket(p, nil); err != nil {
		return nil, err
	}
	for {
		c.mu.Lock()
		joined, refusal, changed := c.joined, c.refusal, c.changed
		c.mu.Unlock()
		switch {
		case refusal != nil:
			return nil, refusal
		case joined:
			return c, nil
		}
		select {
		case <-changed:
		case <-c.done:
			return nil, ErrClosed
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

func (s *session) newClient(namespace string) *Client {
	return &Client{
		session:   s,
		namespace: namespace,
		acks:      make(map[int64]chan Reply),
		changed:   make(chan struct{}),
		done:      make(chan struct{}),
	}
}

func (s *session) enter(c *Client) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.clients == nil {
		return false
	}
	s.clients[c.namespace] = c
	return true
}
