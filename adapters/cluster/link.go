package cluster

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"net"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"parley/server/adapter"
)

var errClosed = fmt.Errorf("cluster: adapter is closed: %w", net.ErrClosed)

// Options bound what a Link waits for and keeps. Zero means the default; New panics
// with the field's name if a value is negative.
type Options struct {
	// Timeout is how long a server may say nothing to a request before it counts
	// as dead, and how long a call waits whose context has no deadline. 5 s.
	Timeout time.Duration
	// MaxAckTimeout is how long clients' acknowledgements are passed on to
	// another server at most, whatever it asks for. 10 min.
	MaxAckTimeout time.Duration
	// MaxAnswering bounds the requests of other servers for which clients of this
	// one still owe acknowledgements. Further ones get none, and their event
	// does not reach the clients. 10,000.
	MaxAnswering int
}

func (o *Options) withDefaults() Options {
	var c Options
	if o != nil {
		c = *o
	}
	for _, d := range []struct {
		field string
		value *time.Duration
		deflt time.Duration
	}{
		{"Timeout", &c.Timeout, 5 * time.Second},
		{"MaxAckTimeout", &c.MaxAckTimeout, 10 * time.Minute},
	} {
		if *d.value < 0 {
			panic("cluster: Options." + d.field + " is negative")
		}
		if *d.value == 0 {
			*d.value = d.deflt
		}
	}
	if c.MaxAnswering < 0 {
		panic("cluster: Options.MaxAnswering is negative")
	}
	if c.MaxAnswering == 0 {
		c.MaxAnswering = 10_000
	}
	return c
}

// A Link is the adapter of one namespace of one server, over a Bus.
type Link struct {
	local  adapter.Local
	bus    Bus
	opts   Options
	prefix string // of the ids of requests; no other server has it
	closed atomic.Bool
	life   context.Context // ends with Close
	end    context.CancelFunc

	mu       sync.Mutex // guards what follows
	requests map[string]*request
	next     uint64
	answers  map[source]*answering
	seen     map[string]time.Time // when a server has last answered, by id
}

var _ adapter.Adapter = (*Link)(nil)

// NewLink returns the adapter of local. Nil options are the defaults. The Bus, which is
// the Link's from now on, may call Receive at once.
func NewLink(local adapter.Local, bus Bus, opts *Options) *Link {
	var b [6]byte
	_, _ = rand.Read(b[:]) // never fails
	life, end := context.WithCancel(context.Background())
	return &Link{
		local:    local,
		bus:      bus,
		opts:     opts.withDefaults(),
		prefix:   base64.RawURLEncoding.EncodeToString(b[:]),
		life:     life,
		end:      end,
		requests: make(map[string]*request),
		answers:  make(map[source]*answering),
		seen:     make(map[string]time.Time),
	}
}

// Sync implements adapter.Syncer, where the Bus can. Otherwise it returns at once.
func (l *Link) Sync(ctx context.Context, rooms ...string) error {
	if s, ok := l.bus.(interface {
		Sync(ctx context.Context, rooms []string) error
	}); ok {
		return s.Sync(ctx, rooms)
	}
	return nil
}

// Subscribed implements adapter.Subscriber, where the Bus can. Otherwise it returns at once.
func (l *Link) Subscribed(ctx context.Context, rooms ...string) error {
	if s, ok := l.bus.(interface {
		Subscribed(ctx context.Context, rooms []string) error
	}); ok {
		return s.Subscribed(ctx, rooms)
	}
	return nil
}

// Broadcast implements adapter.Adapter.
func (l *Link) Broadcast(p adapter.Payload, to adapter.Selection, f adapter.Flags) error {
	return l.publish(&Message{Kind: Broadcast, Payload: p, Selection: to, Flags: f})
}

// Join implements adapter.Adapter.
func (l *Link) Join(to adapter.Selection, rooms []string) error {
	return l.publish(&Message{Kind: Join, Selection: to, Rooms: rooms})
}

// Leave implements adapter.Adapter.
func (l *Link) Leave(to adapter.Selection, rooms []string) error {
	return l.publish(&Message{Kind: Leave, Selection: to, Rooms: rooms})
}

// Disconnect implements adapter.Adapter.
func (l *Link) Disconnect(to adapter.Selection, closeTransport bool) error {
	return l.publish(&Message{Kind: Disconnect, Selection: to, Transport: closeTransport})
}

// ServerSide implements adapter.Adapter.
func (l *Link) ServerSide(p adapter.Payload) error {
	return l.publish(&Message{Kind: ServerSide, Payload: p})
}

func (l *Link) publish(m *Message) error {
	if l.closed.Load() {
		return errClosed
	}
	return l.bus.Send(l.signed(m))
}

// signed names the sender of a message.
func (l *Link) signed(m *Message) *Message {
	m.Namespace, m.From = l.local.Namespace(), l.bus.ID()
	return m
}

// BroadcastAck implements adapter.Adapter. A server that says nothing for
// Options.Timeout is not waited for any longer.
func (l *Link) BroadcastAck(ctx context.Context, p adapter.Payload, to adapter.Selection, f adapter.Flags, acks adapter.Acks) error {
	_, err := l.ask(ctx, &Message{Kind: Broadcast, Payload: p, Selection: to, Flags: f}, acks)
	return err
}

// Sockets implements adapter.Adapter. A server that says nothing for Options.Timeout is
// not waited for any longer.
func (l *Link) Sockets(ctx context.Context, to adapter.Selection) ([]adapter.Socket, error) {
	r, err := l.ask(ctx, &Message{Kind: Fetch, Selection: to}, nil)
	if r == nil {
		return nil, err
	}
	return r.sockets, err
}

// ServerSideCall implements adapter.Adapter.
func (l *Link) ServerSideCall(ctx context.Context, p adapter.Payload) ([]adapter.Payload, error) {
	r, err := l.ask(ctx, &Message{Kind: ServerSide, Payload: p}, nil)
	if r == nil {
		return nil, err
	}
	return r.payloads, err
}

// ServerCount implements adapter.Adapter.
func (l *Link) ServerCount(ctx context.Context) (int, error) {
	if l.closed.Load() {
		return 0, errClosed
	}
	peers, err := l.bus.Peers(ctx)
	return peers.Count + 1, err
}

// RoomCreated implements adapter.Adapter.
func (l *Link) RoomCreated(name string, own bool) { l.bus.RoomCreated(name, own) }

// RoomRemoved implements adapter.Adapter.
func (l *Link) RoomRemoved(name string, own bool) { l.bus.RoomRemoved(name, own) }

// Close implements adapter.Adapter. It says Bye and closes the Bus.
func (l *Link) Close(ctx context.Context) error {
	if l.closed.Swap(true) {
		return nil
	}
	l.end()
	_ = l.bus.Send(l.signed(&Message{Kind: Bye}))
	err := l.bus.Close(ctx)
	l.stopAnswering("")
	return err
}

// newID returns the id of a request. The caller holds l.mu.
func (l *Link) newID() string {
	l.next++
	return l.prefix + strconv.FormatUint(l.next, 36)
}
