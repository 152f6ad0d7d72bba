package redispubsub

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"parley/adapters/cluster"
	"parley/adapters/nodewire"
	"parley/adapters/redisconn"
	"parley/server/adapter"
)

// A bus carries the messages of one namespace.
type bus struct {
	c         *Cluster
	local     adapter.Local
	link      *cluster.Link
	namespace string
	id        string
	form      form
	channels  channels
	fixed     []*redisconn.Subscription // the channels that the namespace always has
	rooms     *rooms
	fresh     fresh

	receiving sync.Mutex // held while Local may be called; guards what follows
	closed    bool
	in        cluster.Message // that is received

	life   context.Context // ends with the bus
	cancel context.CancelFunc
	late   sync.WaitGroup // whoever waits for the first subscription
}

var _ cluster.Bus = (*bus)(nil)

// newID returns an id of Node's form: 6 characters on the classic wire, 16 hexadecimal
// digits on the other.
func newID(w Wire) string {
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails
	if w == Classic {
		return base64.RawURLEncoding.EncodeToString(b[:6])[:6]
	}
	return hex.EncodeToString(b[:])
}

func newBus(c *Cluster, local adapter.Local) *bus {
	b := &bus{c: c, local: local, namespace: local.Namespace(), id: newID(c.opts.Wire)}
	b.life, b.cancel = context.WithCancel(context.Background())
	b.channels = c.opts.channels(b.namespace)
	b.form = b.newForm(local.HasRoom)
	b.link = cluster.NewLink(local, b, &cluster.Options{Timeout: c.opts.Timeout, MaxAnswering: c.opts.MaxAnswering})
	handler := b.receive
	b.rooms = &rooms{linger: c.opts.Linger, byName: make(map[string]*room)}
	b.rooms.subscribe = func(room string) *redisconn.Subscription { return b.subscribe(b.channels.room(room), handler) }
	return b
}

func (b *bus) newForm(hasRoom func(string) bool) form {
	opts := &b.c.opts
	if opts.Wire == Sharded {
		return &sharded{b.channels, opts.Receive, opts.Send, nodewire.Sharded{Limits: opts.Limits}}
	}
	return &classic{
		channels: b.channels, id: b.id, own: b.channels.answersTo(b.id), namespace: b.namespace,
		patterns: opts.Patterns, hasRoom: hasRoom, codec: nodewire.Classic{Limits: opts.Limits},
	}
}

// open subscribes to what the namespace always has.
func (b *bus) open() {
	base := b.subscribe
	if b.c.opts.Patterns {
		base = b.subscribeAll
	}
	b.fixed = append(b.fixed, base(b.channels.base, b.receive), b.subscribe(b.channels.answersTo(b.id), b.receive))
	if b.c.opts.Wire == Classic {
		b.fixed = append(b.fixed, b.subscribe(b.channels.counted, b.receive), b.subscribe(b.channels.shared, b.receive))
	}
	b.fixed = append(b.fixed, b.subscribe(b.channels.lost, b.receiveLost))
	b.late.Go(b.awaitFirst)
}

func (b *bus) subscribe(channel string, handler func(string, []byte) error) *redisconn.Subscription {
	return b.c.conn.Subscribe(redisconn.SubOptions{
		Channel: channel,
		Sharded: b.c.opts.Wire == Sharded,
		Pin:     b.pin(channel),
		Handler: handler,
		OnGap:   b.missed,
	})
}

// subscribeAll subscribes to all channels whose names begin so.
func (b *bus) subscribeAll(begin string, handler func(string, []byte) error) *redisconn.Subscription {
	return b.c.conn.Subscribe(redisconn.SubOptions{
		Channel: literal.Replace(begin) + "*",
		Pattern: true,
		Pin:     b.pin(begin),
		Handler: handler,
		OnGap:   b.missed,
	})
}

// literal takes from characters what they mean in a pattern of Redis.
var literal = strings.NewReplacer(`*`, `\*`, `?`, `\?`, `[`, `\[`, `]`, `\]`, `\`, `\\`)

// pin decides who of a Redis Cluster has a channel: on the classic wire one server all
// of the namespace, which keeps one order.
func (b *bus) pin(channel string) string {
	if b.c.opts.Wire == Sharded {
		return channel
	}
	return b.channels.base
}

// soon is how long a subscription takes at most while all is well.
const soon = time.Second

// awaitFirst waits for Redis. Clients that had been there for long before have missed
// what others sent.
func (b *bus) awaitFirst() {
	began := time.Now()
	for _, sub := range b.fixed {
		if sub.Ready(b.life) != nil {
			return
		}
	}
	if time.Since(began) > soon {
		b.missed()
	}
}

func (b *bus) ID() string { return b.id }

func (b *bus) Send(m *cluster.Message) error {
	switch {
	case m.Kind == cluster.Join:
		b.fresh.add(m.Rooms)
	case m.Kind == cluster.Broadcast && m.Request == "" && len(m.Selection.Rooms) == 1:
		return b.publish(m, !b.fresh.has(m.Selection.Rooms[0]))
	}
	return b.publish(m, false)
}

func (b *bus) Reply(_ string, m *cluster.Message) error { return b.publish(m, false) }

// overhead is about what a message takes besides its payload, in bytes.
const overhead = 192

// publish queues a message; with narrow it goes to the channel of the one room, if there
// is such a channel.
func (b *bus) publish(m *cluster.Message, narrow bool) error { return b.queue(m, narrow, nil) }

// queue is publish; done is told what has become of it.
func (b *bus) queue(m *cluster.Message, narrow bool, done func(error)) error {
	signature := 0
	if b.c.opts.Secret != nil {
		signature = macSize
	}
	size := signature + overhead + len(m.Payload.Data)
	for _, a := range m.Payload.Attachments {
		size += len(a)
	}
	data, channel, err := b.form.write(make([]byte, signature, size), m, narrow)
	if err != nil {
		return err
	}
	if signature > 0 {
		sign(b.c.opts.Secret, channel, data)
	}
	return b.c.conn.Publish(b.pin(channel), done, b.c.command, channel, data)
}

// receive is the handler of all channels.
func (b *bus) receive(channel string, data []byte) error {
	if b.c.opts.Secret != nil {
		var err error
		if data, err = verify(b.c.opts.Secret, channel, data); err != nil {
			return err
		}
	}
	m, err := b.form.read(channel, data)
	if err != nil {
		return err
	}
	if m.Namespace != b.namespace {
		return nil // of a neighbour with a similar name, or an echo
	}
	b.receiving.Lock()
	defer b.receiving.Unlock()
	if b.closed {
		return nil
	}
	b.in = m
	if m.Kind != cluster.Broadcast || b.c.conn.Waiting() {
		return b.link.Receive(&b.in)
	}
	b.local.Together(func() { err = b.link.Receive(&b.in) })
	return err
}

// textLost is all that is said on the channel of losses.
const textLost = "lost"

// receiveLost hears that a server has lost messages which were for all.
func (b *bus) receiveLost(channel string, data []byte) error {
	if b.c.opts.Secret != nil {
		var err error
		if data, err = verify(b.c.opts.Secret, channel, data); err != nil {
			return err
		}
	}
	if string(data) != textLost {
		return errors.New("redispubsub: not what is said on the channel")
	}
	b.act(b.local.Unsent)
	return nil
}

// tellLost has all servers of the namespace call Local.Unsent, this one included.
func (b *bus) tellLost(ctx context.Context) error {
	channel, data := b.channels.lost, []byte(textLost)
	if b.c.opts.Secret != nil {
		data = append(make([]byte, macSize), data...)
		sign(b.c.opts.Secret, channel, data)
	}
	if err := b.c.conn.Publish(b.pin(channel), nil, b.c.command, channel, data); err != nil {
		return err
	}
	return b.c.conn.Flush(ctx, b.pin(channel))
}

// missed tells Local of a gap: when a subscription is lost, and again when it is back, for what was sent meanwhile. Between the
// two Local's own clients may have been sent something.
func (b *bus) missed() { b.act(b.local.Missed) }

// act calls f, which calls Local, unless that is over.
func (b *bus) act(f func()) {
	b.receiving.Lock()
	defer b.receiving.Unlock()
	if !b.closed {
		f()
	}
}

// Peers counts as Node does: all subscribers but this one, which must be among them.
func (b *bus) Peers(ctx context.Context) (cluster.Peers, error) {
	for _, sub := range b.fixed {
		if err := sub.Ready(ctx); err != nil {
			return cluster.Peers{}, err
		}
	}
	n, err := b.c.conn.Count(ctx, b.channels.counted, b.c.opts.Wire == Sharded)
	return cluster.Peers{Count: max(n-1, 0)}, err
}

func (b *bus) RoomCreated(name string, own bool) {
	if b.form.wants(own) {
		b.rooms.created(name)
	}
}

func (b *bus) RoomRemoved(name string, own bool) {
	if b.form.wants(own) {
		b.rooms.removed(name, own)
	}
}

// Sync is Cluster.Sync for the namespace.
func (b *bus) Sync(ctx context.Context, names []string) error {
	subs := []*redisconn.Subscription{b.fixed[0]}
	if len(names) > 0 || b.c.spread {
		subs = append(subs, b.rooms.subscriptions(names)...)
	}
	if b.c.spread { // rooms that nobody here is in were perhaps sent to
		if len(names) == 0 {
			if err := b.c.conn.FlushAll(ctx); err != nil {
				return err
			}
		}
		for _, name := range names {
			if err := b.c.conn.Flush(ctx, b.pin(b.channels.room(name))); err != nil {
				return err
			}
		}
	}
	return b.c.conn.Sync(ctx, subs...)
}

// Subscribed returns when Redis has the subscriptions to the channels of rooms. It does not wait for a Redis that has been
// away for a while.
func (b *bus) Subscribed(ctx context.Context, names []string) error {
	if len(names) == 0 {
		return nil
	}
	if h := b.c.conn.Health(); !h.OK() && time.Since(h.Since) > soon {
		return fmt.Errorf("redispubsub: Redis is away: %w", h.Err)
	}
	for _, sub := range slices.Concat(b.fixed, b.rooms.subscriptions(names)) {
		if err := sub.Ready(ctx); err != nil {
			return err
		}
	}
	return nil
}

func (b *bus) Close(ctx context.Context) error {
	b.cancel()
	b.rooms.close()
	for _, sub := range b.fixed {
		sub.Close()
	}
	b.receiving.Lock()
	b.closed = true
	b.receiving.Unlock()
	b.c.forget(b)
	b.late.Wait()
	return nil
}
