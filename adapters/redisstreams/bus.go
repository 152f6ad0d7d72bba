package redisstreams

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"sync"

	"parley/adapters/cluster"
	"parley/adapters/redisconn"
	"parley/server/adapter"
)

// A bus carries the messages of one namespace.
type bus struct {
	c         *Cluster
	local     adapter.Local
	link      *cluster.Link
	log       *log // nil functions where the namespace has no recovery
	namespace string
	id        string
	stream    *stream // that its entries are in
	odd       *stream // that those of Node servers are in; nil where it is the same
	base      string  // the channel of questions, that begins those of answers

	receiving sync.Mutex // held while Local may be called; guards what follows
	closed    bool

	mu   sync.Mutex // guards what follows
	subs []*redisconn.Subscription
	over bool
}

var _ cluster.Bus = (*bus)(nil)

func newBus(c *Cluster, local adapter.Local) *bus {
	var random [8]byte
	_, _ = rand.Read(random[:]) // never fails
	b := &bus{c: c, local: local, namespace: local.Namespace(), id: hex.EncodeToString(random[:])}
	index, negative := c.wire.Index(b.namespace, c.opts.StreamCount)
	b.stream = c.streams[index]
	if negative {
		b.odd = c.streams[c.opts.StreamCount+index-1]
	}
	b.base = c.opts.ChannelPrefix + "#" + b.namespace + "#"
	b.log = newLog(b)
	b.link = cluster.NewLink(local, b, &cluster.Options{Timeout: c.opts.Timeout, MaxAnswering: c.opts.MaxAnswering})
	return b
}

// recoverer is a Link whose namespace may have recovery.
type recoverer struct {
	*cluster.Link
	bus *bus
}

var _ adapter.Recoverer = recoverer{}

// subscribe makes the server one of those that answer questions.
func (b *bus) subscribe() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.over {
		return
	}
	for _, channel := range []string{b.base, b.answersTo(b.id)} {
		b.subs = append(b.subs, b.c.conn.Subscribe(redisconn.SubOptions{
			Channel: channel, Sharded: b.c.opts.Sharded, Pin: b.pin(channel), Handler: b.hear,
		}))
	}
}

func (b *bus) subscriptions() []*redisconn.Subscription {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.subs
}

// answersTo is the channel of answers to one server.
func (b *bus) answersTo(id string) string { return b.base + id + "#" }

// pin decides who of a Redis Cluster has a channel: the one that has the stream, which keeps
// one order, unless the channel itself decides.
func (b *bus) pin(channel string) string {
	if b.c.opts.Sharded {
		return channel
	}
	return b.stream.name
}

func (b *bus) ID() string { return b.id }

func (b *bus) Send(m *cluster.Message) error {
	if m.Request != "" || m.Kind == cluster.Bye {
		return b.publish(b.base, m)
	}
	e, err := b.c.wire.Entry(m)
	if err != nil {
		return err
	}
	return b.store(e, "", nil)
}

func (b *bus) Reply(to string, m *cluster.Message) error { return b.publish(b.answersTo(to), m) }

func (b *bus) publish(channel string, m *cluster.Message) error {
	data, err := b.c.wire.Append(nil, m)
	if err != nil {
		return err
	}
	return b.c.conn.Publish(b.pin(channel), nil, b.c.command, channel, b.c.opts.seal(channel, data))
}

// act calls f, which may call Local. It reports false if that is over.
func (b *bus) act(f func()) bool {
	b.receiving.Lock()
	defer b.receiving.Unlock()
	if b.closed {
		return false
	}
	f()
	return true
}

func (b *bus) receive(m *cluster.Message) (err error) {
	b.act(func() { err = b.link.Receive(m) })
	return err
}

// missed notes that entries were lost.
func (b *bus) missed() {
	b.log.lose()
	b.act(b.local.Missed)
}

// hear is the handler of both channels.
func (b *bus) hear(channel string, sealed []byte) error {
	data, err := b.c.opts.unseal(channel, sealed)
	if err != nil {
		return err
	}
	m, err := b.c.wire.Parse(data)
	if err != nil {
		return err
	}
	switch {
	case m.From == b.id || m.Namespace != b.namespace:
		return nil // an echo, or of a neighbour with a similar name
	case m.Kind.IsAnswer() || m.Kind == cluster.Cancel:
		return b.receive(&m)
	}
	return b.ask(&m)
}

// ask receives a question once all that is in the stream by now has taken effect.
func (b *bus) ask(m *cluster.Message) error {
	b.behind(func() {
		if err := b.receive(m); err != nil {
			b.c.noted.warn("redisstreams: bad question", "err", err)
		}
	}, func() {})
	return nil
}

// behind calls f once all that is in the stream by now has taken effect, or full if too many wait for that.
func (b *bus) behind(f, full func()) {
	act := func(at id, _ error) {
		if !b.stream.when(at, f) {
			b.c.noted.warn("redisstreams: too many questions wait", "Options.MaxAnswering", b.c.opts.MaxAnswering)
			full()
		}
	}
	if err := b.newest(act); err != nil {
		act(id{}, nil)
	}
}

// newest asks for the id of the newest entry, behind all that was queued before.
func (b *bus) newest(f func(at id, err error)) error {
	return b.newestOf(b.stream, f)
}

func (b *bus) newestOf(s *stream, f func(at id, err error)) error {
	return b.c.conn.Do(s.name, func(reply any, err error) { f(firstID(reply), err) }, "XREVRANGE", s.name, "+", "-", "COUNT", 1)
}

// firstID returns the id of the first of some entries, as Redis sends them.
func firstID(reply any) id {
	entries, _ := reply.([]any)
	if len(entries) == 0 {
		return id{}
	}
	entry, _ := entries[0].([]any)
	if len(entry) == 0 {
		return id{}
	}
	text, _ := entry[0].(string)
	at, _ := parseID(text)
	return at
}

// Peers counts as Node does: all subscribers but this one, which must be among them.
func (b *bus) Peers(ctx context.Context) (cluster.Peers, error) {
	if err := b.started(ctx); err != nil {
		return cluster.Peers{}, err
	}
	for _, sub := range b.subscriptions() {
		if err := sub.Ready(ctx); err != nil {
			return cluster.Peers{}, err
		}
	}
	n, err := b.c.conn.Count(ctx, b.base, b.c.opts.Sharded)
	return cluster.Peers{Count: max(n-1, 0)}, err
}

// started waits until it is known where reading begins.
func (b *bus) started(ctx context.Context) error {
	ready := make(chan struct{})
	b.stream.onStart(func() { close(ready) })
	select {
	case <-ready:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-b.c.life.Done():
		return redisconn.ErrClosed
	}
}

// RoomCreated has no use here: everybody reads everything.
func (b *bus) RoomCreated(string, bool) {}

// RoomRemoved has no use here.
func (b *bus) RoomRemoved(string, bool) {}

// sync is Cluster.Sync.
func (b *bus) sync(ctx context.Context) error {
	if err := b.started(ctx); err != nil {
		return err
	}
	if err := b.c.conn.Flush(ctx, b.stream.name); err != nil {
		return err
	}
	if err := b.c.conn.Sync(ctx, b.subscriptions()...); err != nil {
		return err
	}
	for _, s := range []*stream{b.stream, b.odd} {
		if s == nil {
			continue
		}
		if err := b.passed(ctx, s); err != nil {
			return err
		}
	}
	return nil
}

// passed waits until what is in a stream by now has been handled.
func (b *bus) passed(ctx context.Context, s *stream) error {
	reached := make(chan error, 1)
	err := b.newestOf(s, func(at id, err error) {
		if err != nil {
			reached <- err
		} else if !s.when(at, func() { reached <- nil }) {
			reached <- errTooMany
		}
	})
	if err != nil {
		return err
	}
	return b.wait(ctx, reached)
}

// reach waits until an entry, which is there, has been handled.
func (b *bus) reach(ctx context.Context, at id) error {
	reached := make(chan error, 1)
	if !b.stream.when(at, func() { reached <- nil }) {
		return errTooMany
	}
	return b.wait(ctx, reached)
}

// errTooMany is the error of what has to wait where too many do.
var errTooMany = errors.New("redisstreams: too many wait: Options.MaxAnswering")

func (b *bus) wait(ctx context.Context, reached <-chan error) error {
	select {
	case err := <-reached:
		return err
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-b.c.life.Done():
		return redisconn.ErrClosed
	}
}

// Close ends the part of this server in the namespace. Events that wait for their place
// are delivered.
func (b *bus) Close(context.Context) error {
	b.mu.Lock()
	b.over = true
	subs := b.subs
	b.mu.Unlock()
	for _, sub := range subs {
		sub.Close()
	}
	b.log.finder.end()
	b.log.end()
	b.receiving.Lock()
	b.closed = true
	b.receiving.Unlock()
	b.c.forget(b)
	return nil
}
