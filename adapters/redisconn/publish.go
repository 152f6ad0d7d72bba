package redisconn

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
)

// commandCost is what a queued command takes besides its arguments, in bytes, about.
const commandCost = 256

// A batch is what goes to Redis at once.
const (
	batchCommands = 512
	batchBytes    = 1 << 20
)

// command is one command, or without cmd a mark in the queue: its turn comes when all before it are done.
type command struct {
	*redis.Cmd
	pin  string
	size int
	at   time.Time
	done func(reply any, err error)

	again   bool // not carried out, may be sent again
	written bool
}

// Args notes that go-redis has begun to write the command: until then it cannot have been carried out.
func (m *command) Args() []any {
	m.written = true
	return m.Cmd.Args()
}

// NoRetry keeps go-redis from sending a command again whose first answer was lost.
func (*command) NoRetry() bool { return true }

// finish tells the outcome. The command is no longer in the queue.
func (m *command) finish(c *Conn, reply any, err error) {
	if m.Cmd != nil {
		c.stats.commands.Add(-1)
		c.stats.bytes.Add(-int64(m.size))
	}
	if m.done != nil {
		m.done(reply, err)
	}
}

// lane is one queue of commands. A goroutine sends them, from the first one on.
type lane struct {
	c *Conn

	mu      sync.Mutex
	queue   []*command
	closing bool
	wake    chan struct{} // has something in it when there may be something to do; nil while there is no goroutine
	done    chan struct{} // closed when the goroutine ends

	failures uint64 // commands that were not carried out
	failure  error  // of the last one
}

// Publish queues one command, such as "PUBLISH", channel, payload. Commands with the same pin are sent in the order of the calls; pin is the
// key or channel whose owner gets the command in a Redis Cluster. Arguments must not change until the command is done.
//
// done, if not nil, is called in order on the connection's goroutine, which it must not hold up, with the command's error: the answer of
// Redis, ErrExpired, ErrUnknown or ErrClosed. What Redis did not carry out because it is loading, read-only, failing over or not the owner is
// sent again within Options.MaxAge. An error of Publish itself (ErrQueueFull, ErrClosed) says that nothing was queued.
func (c *Conn) Publish(pin string, done func(error), args ...any) error {
	if done == nil {
		return c.Do(pin, nil, args...)
	}
	return c.Do(pin, func(_ any, err error) { done(err) }, args...)
}

// Do is Publish for a command whose reply matters. A nil reply of Redis is redis.Nil.
func (c *Conn) Do(pin string, done func(reply any, err error), args ...any) error {
	m := &command{Cmd: redis.NewCmd(c.ctx, args...), pin: pin, at: time.Now(), done: done, size: commandCost}
	for _, arg := range args {
		switch arg := arg.(type) {
		case string:
			m.size += len(arg)
		case []byte:
			m.size += len(arg)
		}
	}
	commands, bytes := c.stats.commands.Add(1), c.stats.bytes.Add(int64(m.size))
	var err error
	switch {
	case commands > int64(c.opts.QueueCommands):
		err = fmt.Errorf("%w (Options.QueueCommands)", ErrQueueFull)
	case bytes > int64(c.opts.QueueBytes):
		err = fmt.Errorf("%w (Options.QueueBytes)", ErrQueueFull)
	}
	if err != nil {
		c.stats.refused.Add(1)
	} else {
		err = c.lane(pin).push(m)
	}
	if err != nil {
		c.stats.commands.Add(-1)
		c.stats.bytes.Add(-int64(m.size))
	}
	return err
}

func (l *lane) push(m *command) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closing {
		return ErrClosed
	}
	l.queue = append(l.queue, m)
	if l.wake == nil {
		l.wake, l.done = make(chan struct{}, 1), make(chan struct{})
		l.c.work.Go(l.run)
	}
	l.rouse()
	return nil
}

// rouse has the goroutine look again. The caller holds l.mu.
func (l *lane) rouse() {
	select {
	case l.wake <- struct{}{}:
	default: // also where there is no goroutine
	}
}

// close lets nothing more in.
func (l *lane) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closing = true
	l.rouse()
}

// idle waits, after close, until the queue is empty.
func (l *lane) idle(ctx context.Context) error {
	l.mu.Lock()
	done := l.done
	l.mu.Unlock()
	if done == nil {
		return nil
	}
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (l *lane) run() {
	defer close(l.done)
	var batch []*command
	for tries := 0; ; {
		var closing bool
		batch, closing = l.next(batch[:0], tries > 0)
		if len(batch) == 0 {
			if closing {
				return
			}
			<-l.wake
			continue
		}
		err := l.send(batch)
		if err == nil {
			if tries > 0 {
				l.back()
			}
			tries = 0
			continue
		}
		if tries++; tries == 1 {
			if l.c.stats.away.Add(1) == 1 {
				l.c.opts.Logger.Warn("redis: commands wait", "err", err)
			}
			l.c.changed(err)
		}
		l.c.reload()
		tries = l.await(tries, err)
	}
}

func (l *lane) back() {
	if l.c.stats.away.Add(-1) == 0 {
		l.c.opts.Logger.Info("redis: commands wait no more")
	}
	l.c.changed(nil)
}

// next takes the batch that is due, and finishes the marks before it. With one it takes a single command, for a Redis that may not be back.
// Where the batch is empty, it says whether nothing more will come.
func (l *lane) next(batch []*command, one bool) (next []*command, closing bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for len(l.queue) > 0 && l.queue[0].Cmd == nil {
		mark := l.pop()
		l.mu.Unlock()
		mark.finish(l.c, nil, nil)
		l.mu.Lock()
	}
	for size := 0; len(l.queue) > 0 && l.queue[0].Cmd != nil; {
		m := l.queue[0]
		if size += m.size; len(batch) > 0 && (one || size > batchBytes || len(batch) == batchCommands) {
			break
		}
		batch = append(batch, l.pop())
	}
	if len(l.queue) == 0 {
		l.queue = nil
	}
	return batch, l.closing
}

func (l *lane) pop() *command {
	m := l.queue[0]
	l.queue[0] = nil
	l.queue = l.queue[1:]
	return m
}

// send carries out a batch. What may be sent again goes back to the head of the queue; its error says that Redis is not to be had.
func (l *lane) send(batch []*command) error {
	var trouble error
	if l.c.cluster == nil {
		trouble = l.exec(l.c.client, batch)
	} else {
		trouble = l.sendCluster(batch)
	}
	l.settle(batch)
	return trouble
}

// sendCluster gives each node its part of a batch. All commands with a pin are in one part.
func (l *lane) sendCluster(batch []*command) error {
	type part struct {
		addr     string
		node     redis.UniversalClient
		commands []*command
	}
	var (
		parts   []part
		trouble error
	)
	for _, m := range batch {
		node, addr, err := l.c.node(l.c.ctx, m.pin)
		if err != nil {
			trouble, m.again = err, true
			continue
		}
		i := slices.IndexFunc(parts, func(p part) bool { return p.addr == addr })
		if i < 0 {
			i = len(parts)
			parts = append(parts, part{addr: addr, node: node})
		}
		parts[i].commands = append(parts[i].commands, m)
	}
	for _, p := range parts {
		if err := l.exec(p.node, p.commands); err != nil {
			trouble = err
		}
	}
	return trouble
}

// exec sends commands to one node, and marks those that may be sent again.
func (l *lane) exec(node redis.UniversalClient, batch []*command) error {
	ctx, cancel := context.WithTimeout(l.c.ctx, l.c.opts.MaxAge)
	defer cancel()
	if client, ok := node.(*redis.Client); ok {
		node = l.c.patient(client)
	}
	pipe := node.Pipeline()
	for _, m := range batch {
		m.SetErr(nil)
		m.again, m.written = false, false
		_ = pipe.Process(ctx, m)
	}
	_, _ = pipe.Exec(ctx)
	var trouble error
	for _, m := range batch {
		if m.fate() == redirected {
			m.SetErr(nil)
			_ = l.c.client.Process(ctx, m)
		}
		switch m.fate() {
		case untouched, redirected:
			trouble, m.again = m.Err(), true
		case unknown:
			trouble = m.Err()
		}
	}
	return trouble
}

// settle finishes what is done, in order, and puts the rest back. A command that was not carried out while a later one with its pin was, fails:
// it would come out of order.
func (l *lane) settle(batch []*command) {
	if slices.ContainsFunc(batch, func(m *command) bool { return m.again }) {
		passed := make(map[string]bool)
		for _, m := range slices.Backward(batch) {
			switch {
			case !m.again:
				passed[m.pin] = passed[m.pin] || m.fate() == carriedOut
			case passed[m.pin]:
				m.again = false
			}
		}
	}
	var again []*command
	for _, m := range batch {
		if m.again {
			again = append(again, m)
		} else {
			l.finish(m)
		}
	}
	if len(again) > 0 {
		l.mu.Lock()
		l.queue = append(again, l.queue...)
		l.mu.Unlock()
	}
}

// finish tells the outcome of a command that was sent.
func (l *lane) finish(m *command) {
	err := m.Err()
	switch m.fate() {
	case carriedOut:
		l.c.stats.published.Add(1)
		if err != nil && !errors.Is(err, redis.Nil) {
			l.c.stats.rejected.Add(1)
			l.note(err)
		}
	case unknown:
		l.c.stats.unknown.Add(1)
		err = fmt.Errorf("%w: %w", ErrUnknown, err)
		l.note(err)
	default:
		l.c.stats.rejected.Add(1)
		l.note(err)
	}
	m.finish(l.c, m.Val(), err)
}

func (l *lane) note(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.failures++
	l.failure = err
}
