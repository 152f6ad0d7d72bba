package redisstreams

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"parley/adapters/redisconn"
	"parley/server/adapter"
)

// A finder asks the other Parley servers of a namespace for sessions that are not saved, and answers them. They talk in
// letters, on channels that Node servers do not have: one for questions to all, and one for each server.
type finder struct {
	bus *bus

	mu       sync.Mutex // guards what follows
	all, own *redisconn.Subscription
	over     bool
	last     uint64
	searches map[uint64]*search
	owed     int       // answers of this server
	silence  time.Time // when a server has not answered in time
}

// A server that is frozen, or lost without a word, is waited for as long as the caller likes, and then no longer than this until
// all have answered again or Options.Timeout is over.
const brief = 250 * time.Millisecond

// A letter is a question or its answer, as JSON.
type letter struct {
	Kind      string `json:"kind"`
	Namespace string `json:"nsp"`
	From      string `json:"from"`
	Request   uint64 `json:"request"`

	PID    string `json:"pid,omitempty"`
	User   string `json:"user,omitempty"`
	Held   bool   `json:"held,omitempty"`
	Socket string `json:"socket,omitempty"`
	Saved  string `json:"saved,omitempty"`
}

// The kinds of letters.
const (
	letterFind    = "find"    // who holds PID?
	letterRelease = "release" // end what holds PID, if it is User's and Saved
	letterAnswer  = "answer"  // find: Held by Socket, and Saved; release: done
)

// A search waits for answers.
type search struct {
	id       uint64
	expected int // answers; -1 while that is not known
	answers  int
	holding  adapter.Holding
	held     bool
	err      error
	ended    bool
	done     chan struct{} // closed when ended
}

var _ adapter.Finder = (*log)(nil)

// begin makes the server one of those that are asked.
func (f *finder) begin() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.over || f.all != nil {
		return
	}
	f.all, f.own = f.subscribe(""), f.subscribe(f.bus.id)
}

func (f *finder) subscribe(server string) *redisconn.Subscription {
	channel := f.channel(server)
	return f.bus.c.conn.Subscribe(redisconn.SubOptions{
		Channel: channel, Sharded: f.bus.c.opts.Sharded, Pin: f.bus.pin(channel), Handler: f.hear,
	})
}

// end lets the server be asked no more.
func (f *finder) end() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.over = true
	if f.all != nil {
		f.all.Close()
		f.own.Close()
	}
}

// channel is that of one server, or for "" of all. It begins otherwise than those of Node.
func (f *finder) channel(server string) string {
	channel := f.bus.c.opts.ChannelPrefix + "-parley#" + f.bus.namespace + "#"
	if server != "" {
		channel += server + "#"
	}
	return channel
}

// send queues a letter. Done hears how many servers get it.
func (f *finder) send(server string, l letter, done func(receivers int64, err error)) error {
	b := f.bus
	l.Namespace, l.From = b.namespace, b.id
	text, err := json.Marshal(l)
	if err != nil {
		return err
	}
	channel := f.channel(server)
	return b.c.conn.Do(b.pin(channel), func(reply any, err error) {
		n, _ := reply.(int64)
		done(n, err)
	}, b.c.command, channel, b.c.opts.seal(channel, text))
}

// Find implements adapter.Finder.
func (l *log) Find(ctx context.Context, pid string) (h adapter.Holding, found bool, err error) {
	f := &l.finder
	f.mu.Lock()
	if time.Since(f.silence) < l.bus.c.opts.Timeout {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, brief)
		defer cancel()
	}
	f.mu.Unlock()
	q, err := f.ask(ctx, "", letter{Kind: letterFind, PID: pid})
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case q.held:
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		f.silence = time.Now()
	case err == nil:
		f.silence = time.Time{}
	}
	return q.holding, q.held, err
}

// Release implements adapter.Finder.
func (l *log) Release(ctx context.Context, pid, user string, h adapter.Holding) error {
	ctx, cancel := context.WithTimeout(ctx, l.bus.c.opts.Timeout)
	defer cancel()
	_, err := l.finder.ask(ctx, h.Server, letter{Kind: letterRelease, PID: pid, User: user, Saved: h.Saved})
	return err
}

// ask sends a question and waits for the answers, or for one that says that a session is held.
func (f *finder) ask(ctx context.Context, server string, l letter) (search, error) {
	f.mu.Lock()
	if f.own == nil || f.over {
		f.mu.Unlock()
		return search{}, redisconn.ErrClosed
	}
	own := f.own
	if len(f.searches) >= f.bus.c.opts.MaxAnswering {
		f.mu.Unlock()
		return search{}, errTooMany
	}
	f.last++
	q := &search{id: f.last, expected: -1, done: make(chan struct{})}
	f.searches[q.id] = q
	f.mu.Unlock()
	l.Request = q.id
	err := own.Ready(ctx) // or answers would be lost
	if err == nil {
		err = f.send(server, l, func(receivers int64, err error) { f.sent(q, int(receivers), err) })
	}
	if err == nil {
		select {
		case <-q.done:
		case <-ctx.Done():
		case <-f.bus.c.life.Done():
			err = redisconn.ErrClosed
		}
	}
	return f.result(ctx, q, err)
}

// sent notes how many servers have been asked.
func (f *finder) sent(q *search, receivers int, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	q.expected, q.err = receivers, err
	q.finish()
}

// finish ends the waiting when there is nothing more to wait for. The caller holds finder.mu.
func (q *search) finish() {
	if !q.ended && (q.held || q.err != nil || q.expected >= 0 && q.answers >= q.expected) {
		q.ended = true
		close(q.done)
	}
}

// result returns what a search has found, and ends it.
func (f *finder) result(ctx context.Context, q *search, err error) (search, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.searches, q.id)
	if err = errors.Join(err, q.err); err == nil && q.expected < 0 {
		err = context.Cause(ctx)
	}
	q.ended = true
	return *q, err
}

// hear is the handler of both channels.
func (f *finder) hear(channel string, sealed []byte) error {
	text, err := f.bus.c.opts.unseal(channel, sealed)
	if err != nil {
		return err
	}
	var l letter
	if err := json.Unmarshal(text, &l); err != nil {
		return fmt.Errorf("redisstreams: bad letter: %w", err)
	}
	switch {
	case l.Namespace != f.bus.namespace: // of a neighbour with a similar name
	case l.Kind == letterAnswer:
		f.take(l)
	case l.Kind == letterFind:
		f.answer(l, func(reply func(letter)) {
			f.bus.local.Holding(l.PID, func(h adapter.Holding, held bool) {
				reply(letter{Held: held, Socket: h.Socket, Saved: h.Saved})
			})
		})
	case l.Kind == letterRelease:
		f.answer(l, func(reply func(letter)) { f.release(l, reply) })
	}
	return nil
}

// take takes in an answer.
func (f *finder) take(l letter) {
	f.mu.Lock()
	defer f.mu.Unlock()
	q := f.searches[l.Request]
	if q == nil {
		return
	}
	q.answers++
	if l.Held && !q.held {
		q.held, q.holding = true, adapter.Holding{Server: l.From, Socket: l.Socket, Saved: l.Saved}
	}
	q.finish()
}

// answer answers a question with what look finds, or without anything where this server owes too many.
func (f *finder) answer(question letter, look func(reply func(letter))) {
	f.mu.Lock()
	full := f.owed >= f.bus.c.opts.MaxAnswering
	f.owed++
	f.mu.Unlock()
	reply := func(l letter) {
		l.Kind, l.Request = letterAnswer, question.Request
		send := func() {
			f.mu.Lock()
			f.owed--
			f.mu.Unlock()
			_ = f.send(question.From, l, func(int64, error) {}) // who gets none does not wait for ever
		}
		// What has been saved of the session is in Redis then, whoever of a Redis Cluster has it.
		if f.bus.c.conn.After(f.bus.log.key(question.PID), send) != nil {
			send()
		}
	}
	if full {
		f.bus.c.noted.warn("redisstreams: too many questions wait", "Options.MaxAnswering", f.bus.c.opts.MaxAnswering)
	}
	if full || !f.bus.act(func() { look(reply) }) {
		reply(letter{})
	}
}

// release has the socket of a session ended, once it has had all that was sent before.
func (f *finder) release(question letter, reply func(letter)) {
	b := f.bus
	done := func() { reply(letter{}) }
	b.behind(func() {
		if !b.act(func() { b.local.Release(question.PID, question.User, question.Saved, done) }) {
			done()
		}
	}, done)
}
