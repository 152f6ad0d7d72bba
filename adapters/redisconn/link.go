package redisconn

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"
)

// subscribeBatch is how many channels one SUBSCRIBE names.
const subscribeBatch = 512

// link is one connection to one node, with the subscriptions that it has. It lives until its first error, then the next takes its place: go-redis
// would subscribe anew on a connection of its own, but not say so, and loses sharded channels.
type link struct {
	c     *Conn
	node  redis.UniversalClient
	addr  string
	probe string // channel of its own, for probes
	ps    *redis.PubSub
	dead  chan struct{} // closed when it has ended

	// Guarded by routes.mu.
	topics       map[*topic]bool
	healthy, was bool // the last probe came back; one came back ever

	wake chan struct{}    // has one element when there are ops
	on   [2]chan struct{} // closed once the probes of a kind have their channel
	seen atomic.Bool      // something came since the last ping

	// A handler keeps the link from reading, and has done so for long since the last check.
	handling, late atomic.Bool

	mu     sync.Mutex
	ops    []op
	asked  map[string]int // sharded channels that it was told to leave
	cause  error          // why it was given up
	probes [2]probe       // of channels that are not sharded, and that are
}

// op is a channel to enter or leave.
type op struct {
	channel string
	sharded bool
	pattern bool
	enter   bool
}

// name is the node's address, for the log.
func (l *link) name() string {
	if client, ok := l.node.(*redis.Client); ok {
		return client.Options().Addr
	}
	return l.addr
}

// sameAs reports whether one command may do both.
func (o op) sameAs(other op) bool {
	return o.sharded == other.sharded && o.pattern == other.pattern && o.enter == other.enter
}

func newLink(c *Conn, node redis.UniversalClient, addr string) *link {
	return &link{
		c: c, node: node, addr: addr, dead: make(chan struct{}), topics: make(map[*topic]bool), wake: make(chan struct{}, 1),
		asked: make(map[string]int), on: [2]chan struct{}{make(chan struct{}), make(chan struct{})},
	}
}

// enqueue never blocks.
func (l *link) enqueue(t *topic, enter bool) {
	l.mu.Lock()
	l.ops = append(l.ops, op{t.channel, t.sharded, t.pattern, enter})
	l.mu.Unlock()
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// run is the link's life.
func (l *link) run() {
	defer l.c.work.Done()
	err := l.connect()
	if err == nil {
		stop, stopped := make(chan struct{}), make(chan struct{})
		go func() {
			defer close(stopped)
			l.write(stop)
		}()
		err = l.read()
		close(stop)
		<-stopped
		l.mu.Lock()
		if l.cause != nil {
			err = l.cause
		}
		l.mu.Unlock()
	}
	if l.ps != nil {
		_ = l.ps.Close()
	}
	close(l.dead)
	l.c.routes.ended(l, err)
}

// noDial is for calls on a connection that stands: go-redis looks at such a context only where it would make another connection by itself.
var noDial = func() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}()

// bounded is noDial with a time for a write.
type bounded struct {
	context.Context
	until time.Time
}

func (b bounded) Deadline() (time.Time, bool) { return b.until, true }

func (l *link) bounded() context.Context { return bounded{noDial, time.Now().Add(l.c.opts.Timeout)} }

func (l *link) connect() error {
	ctx, cancel := context.WithTimeout(l.c.ctx, l.c.opts.Timeout)
	defer cancel()
	if err := l.nameProbe(ctx); err != nil {
		return err
	}
	l.ps = l.node.Subscribe(ctx)
	return l.ps.Ping(ctx)
}

// nameProbe finds a channel that the node owns.
func (l *link) nameProbe(ctx context.Context) error {
	name := l.c.opts.ProbePrefix + ":" + rand.Text()
	for i := range 10_000 {
		l.probe = fmt.Sprintf("%s:%d", name, i)
		_, addr, err := l.c.node(ctx, l.probe)
		if err != nil {
			return err
		}
		if addr == l.addr {
			return nil
		}
	}
	return fmt.Errorf("redisconn: %s owns no slot", l.addr)
}

// fail gives the link up.
func (l *link) fail(err error) {
	l.mu.Lock()
	if l.cause == nil {
		l.cause = err
	}
	l.mu.Unlock()
	_ = l.ps.Close()
}

// write sends what the link is asked to enter and leave, and its pings and probes.
func (l *link) write(stop chan struct{}) {
	timer := time.NewTimer(l.c.opts.Timeout)
	defer timer.Stop()
	check := true
	for {
		var err error
		select {
		case <-stop:
			return
		case <-l.c.ctx.Done():
			err = ErrClosed
		case <-l.wake:
			err = l.writeOps()
		case <-timer.C:
			if check {
				err = l.check()
				timer.Reset(max(l.c.opts.ProbeInterval-l.c.opts.Timeout, time.Millisecond))
			} else {
				err = l.ping()
				timer.Reset(l.c.opts.Timeout)
			}
			check = !check
		}
		if err != nil {
			l.fail(err)
			return
		}
	}
}

func (l *link) writeOps() error {
	l.mu.Lock()
	ops := l.ops
	l.ops = nil
	for _, o := range ops {
		if o.sharded && !o.enter {
			l.asked[o.channel]++
		}
	}
	l.mu.Unlock()
	for len(ops) > 0 {
		n := 1
		for !ops[0].sharded && n < min(len(ops), subscribeBatch) && ops[n].sameAs(ops[0]) {
			n++
		}
		channels := make([]string, n)
		for i := range channels {
			channels[i] = ops[i].channel
		}
		if err := l.send(ops[0], channels); err != nil {
			return err
		}
		ops = ops[n:]
	}
	return l.enterProbes()
}

func (l *link) send(o op, channels []string) error {
	send := l.ps.Subscribe
	switch {
	case o.sharded && o.enter:
		send = l.ps.SSubscribe
	case o.sharded:
		send = l.ps.SUnsubscribe
	case o.pattern && o.enter:
		send = l.ps.PSubscribe
	case o.pattern:
		send = l.ps.PUnsubscribe
	case !o.enter:
		send = l.ps.Unsubscribe
	}
	return send(l.bounded(), channels...)
}

// read takes what comes until the connection fails.
func (l *link) read() error {
	for {
		got, err := l.ps.Receive(noDial)
		l.seen.Store(true)
		if err != nil {
			var refusal redis.Error
			if !errors.As(err, &refusal) {
				return err
			}
			l.c.routes.refused(l, err)
			continue
		}
		switch got := got.(type) {
		case *redis.Message:
			l.message(got)
		case *redis.Subscription:
			l.subscription(got)
		}
	}
}

func (l *link) message(m *redis.Message) {
	if m.Channel == l.probe {
		l.probed(m.Payload)
		return
	}
	l.c.stats.received.Add(1)
	e := event{payload: m.Payload}
	if m.Pattern == "" {
		e.topic = l.c.routes.topic(m.Channel)
	} else {
		e.topic, e.channel = l.c.routes.topic(patternKey(m.Pattern)), m.Channel
	}
	if e.topic != nil {
		l.handle(e)
	}
}

// handle gives a message to the inbox, which may keep the link from reading.
func (l *link) handle(e event) {
	l.handling.Store(true)
	defer l.handling.Store(false)
	began := time.Now()
	l.c.inbox.receive(e)
	if time.Since(began) > l.c.opts.Timeout/4 {
		l.late.Store(true)
	}
}

func (l *link) subscription(s *redis.Subscription) {
	switch s.Kind {
	case "subscribe", "ssubscribe":
		if s.Channel == l.probe {
			l.sendProbe(s.Kind == "ssubscribe")
			return
		}
		l.c.routes.confirmed(l, s.Channel)
	case "psubscribe":
		l.c.routes.confirmed(l, patternKey(s.Channel))
	case "sunsubscribe":
		if s.Channel == l.probe {
			l.fail(errMoved)
			return
		}
		l.mu.Lock()
		told := l.asked[s.Channel] > 0
		if told {
			if l.asked[s.Channel]--; l.asked[s.Channel] == 0 {
				delete(l.asked, s.Channel)
			}
		}
		l.mu.Unlock()
		if !told {
			l.c.routes.moved(l, s.Channel)
		}
	}
}
