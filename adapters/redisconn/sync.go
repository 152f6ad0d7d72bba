package redisconn

import (
	"context"
	"slices"
	"strconv"
	"sync"
)

// Sync returns when all that was queued before with the pins of these subscriptions has been taken by Redis, and all messages of their
// channels that Redis had taken by then, whoever published them, have been handled here. In a cluster the latter holds for what was
// published with the same pin. An error says that this is not known: something queued was not carried out, or ctx has ended. Messages that
// were lost with a connection meanwhile have been reported by OnGap.
func (c *Conn) Sync(ctx context.Context, subs ...*Subscription) error {
	for {
		lost, err := c.sync(ctx, subs)
		if !lost {
			return err
		}
	}
}

// way is what a message takes: subscriptions with the same way need one probe.
type way struct {
	link    *link
	lane    *lane
	sharded bool
}

// sync is one attempt of Sync. It is lost when a connection was.
func (c *Conn) sync(ctx context.Context, subs []*Subscription) (lost bool, err error) {
	var (
		ways   []way
		probes []*syncProbe
	)
	defer func() {
		for _, p := range probes {
			c.waiters.forget(p)
		}
	}()
	for _, s := range subs {
		if err := s.Ready(ctx); err != nil {
			return false, err
		}
		w := way{link: c.routes.linkOf(s.topic), lane: c.lane(s.opts.Pin), sharded: s.opts.Sharded}
		switch {
		case w.link == nil:
			return true, nil
		case slices.Contains(ways, w):
			continue
		}
		select { // a probe's channel is subscribed after those that it is for
		case <-w.link.on[index(w.sharded)]:
		case <-w.link.dead:
			return true, nil
		case <-ctx.Done():
			return false, ctx.Err()
		}
		p := c.waiters.add()
		ways, probes = append(ways, w), append(probes, p)
		if err := c.sendProbe(w, s.opts.Pin, p); err != nil {
			return false, err
		}
	}
	for i, p := range probes {
		taken, came := p.taken, p.came
		for taken != nil || came != nil {
			select {
			case err := <-taken:
				if err != nil {
					return false, err
				}
				taken = nil
			case <-came:
				came = nil
			case <-ways[i].link.dead:
				return true, nil
			case <-ctx.Done():
				return false, ctx.Err()
			}
		}
	}
	return false, nil
}

// sendProbe queues a probe that arrives after all that goes the same way. To a sharded channel of the probes' own leads another lane, so that
// it is queued when the lane of the subscription is through.
func (c *Conn) sendProbe(w way, pin string, p *syncProbe) error {
	tell := func(err error) { p.taken <- err }
	if !w.sharded {
		return c.Do(pin, w.lane.tracked(tell), "publish", w.link.probe, p.payload)
	}
	return w.lane.push(&command{done: w.lane.tracked(func(err error) {
		if err == nil {
			err = c.Publish(w.link.probe, tell, "spublish", w.link.probe, p.payload)
		}
		if err != nil {
			tell(err)
		}
	})})
}

// syncProbe is a probe on its way.
type syncProbe struct {
	payload string
	came    chan struct{} // closed when all before it has been handled
	taken   chan error    // has the outcome of its command
}

// waiters are the probes that are on their way.
type waiters struct {
	mu     sync.Mutex
	last   uint64
	probes map[string]*syncProbe
}

func (w *waiters) init() { w.probes = make(map[string]*syncProbe) }

func (w *waiters) add() *syncProbe {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.last++
	p := &syncProbe{payload: "s" + strconv.FormatUint(w.last, 10), came: make(chan struct{}), taken: make(chan error, 2)}
	w.probes[p.payload] = p
	return p
}

func (w *waiters) forget(p *syncProbe) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.probes, p.payload)
}

func (w *waiters) arrived(payload string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if p := w.probes[payload]; p != nil {
		delete(w.probes, payload)
		close(p.came)
	}
}
