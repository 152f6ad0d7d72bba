// Package redisemitter emits events from processes that serve no clients, through the Redis
// that connects the servers, of Node and of this module, as @socket.io/redis-emitter and
// @socket.io/redis-streams-emitter do.
//
//	c, err := redispubsub.New(client, nil) // or redisstreams.New
//	io := redisemitter.New(c)
//	err = io.Of("/chat").To("room").Emit(ctx, "message", "hello")
//	err = c.Close(ctx) // in the end
//
// The adapter's options say how the servers are reached; they must be those of the servers.
package redisemitter

import (
	"context"
	"fmt"
	"strings"

	"parley/adapters/cluster"
	"parley/adapters/nodewire"
	"parley/server/adapter"
	"parley/server/socketio"
)

// A Publisher takes messages to all servers: a *redispubsub.Cluster or a
// *redisstreams.Cluster.
type Publisher interface {
	Publish(ctx context.Context, m *cluster.Message) error
}

// An Emitter emits to the sockets of all servers. Its own methods are those of the main
// namespace. Safe for concurrent use.
type Emitter struct{ Target }

// New returns an Emitter.
func New(p Publisher) *Emitter { return &Emitter{Target{publisher: p, namespace: "/"}} }

// Of returns all sockets of a namespace. The slash may be left out.
func (e *Emitter) Of(namespace string) Target {
	if !strings.HasPrefix(namespace, "/") {
		namespace = "/" + namespace
	}
	return Target{publisher: e.publisher, namespace: namespace}
}

// A Target says who gets an event: sockets of one namespace on every server. It is a value:
// each method returns a changed copy, so a Target may be kept and shared between goroutines.
//
// What is sent through one Emitter, one call after the other, arrives in that order. The
// methods with a context return when Redis has taken the message, or cannot; the servers say
// nothing. When the context ends first the message may still be sent.
type Target struct {
	publisher Publisher
	namespace string
	to        adapter.Selection
	flags     adapter.Flags
}

// To adds the sockets in any of the rooms, each of which gets the event once
// however many of the rooms it is in. A socket's id is a room with that socket in
// it. Without rooms the target is everybody.
func (t Target) To(rooms ...string) Target {
	t.to.Rooms = append(t.to.Rooms[:len(t.to.Rooms):len(t.to.Rooms)], rooms...)
	return t
}

// In is To.
func (t Target) In(rooms ...string) Target { return t.To(rooms...) }

// Except leaves out the sockets that are in any of the rooms.
func (t Target) Except(rooms ...string) Target {
	t.to.Except = append(t.to.Except[:len(t.to.Except):len(t.to.Except)], rooms...)
	return t
}

// Volatile lets the event be dropped for each socket that cannot be written to right now.
func (t Target) Volatile() Target {
	t.flags.Volatile = true
	return t
}

// Compress says whether the event may be compressed on its way to clients, which it may
// by default.
func (t Target) Compress(on bool) Target {
	t.flags.Uncompressed = !on
	return t
}

// Emit sends an event with arguments as those of socketio's Emit.
func (t Target) Emit(ctx context.Context, event string, args ...any) error {
	p, err := socketio.EncodeEvent(event, args...)
	if err != nil {
		return err
	}
	return t.publish(ctx, cluster.Message{Kind: cluster.Broadcast, Payload: p, Flags: t.flags})
}

// Join puts the sockets into rooms.
func (t Target) Join(ctx context.Context, rooms ...string) error {
	return t.publish(ctx, cluster.Message{Kind: cluster.Join, Rooms: rooms})
}

// Leave takes the sockets out of rooms.
func (t Target) Leave(ctx context.Context, rooms ...string) error {
	return t.publish(ctx, cluster.Message{Kind: cluster.Leave, Rooms: rooms})
}

// Disconnect ends the sockets, with closeTransport their clients' connections too.
func (t Target) Disconnect(ctx context.Context, closeTransport bool) error {
	return t.publish(ctx, cluster.Message{Kind: cluster.Disconnect, Transport: closeTransport})
}

// ServerSideEmit sends an event to the handlers that the servers have for it, whatever
// rooms the target has.
func (t Target) ServerSideEmit(ctx context.Context, event string, args ...any) error {
	p, err := socketio.EncodeEvent(event, args...)
	if err != nil {
		return err
	}
	t.to = adapter.Selection{}
	return t.publish(ctx, cluster.Message{Kind: cluster.ServerSide, Payload: p})
}

func (t Target) publish(ctx context.Context, m cluster.Message) error {
	m.Namespace, m.From, m.Selection = t.namespace, nodewire.Emitter, t.to
	if err := t.publisher.Publish(ctx, &m); err != nil {
		return fmt.Errorf("redisemitter: %w", err)
	}
	return nil
}
