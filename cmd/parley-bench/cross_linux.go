package main

import (
	"context"
	"fmt"
	"strconv"
	"time"
)

const (
	crossPairs    = 100
	crossMessages = 100_000
	crossRate     = 2000 // messages a second, in crosspace
	crossBurst    = 20   // of a sender at once, in cross
)

// A crossing sends messages from clients of one server to clients of the other: client 2k, on the first, sends to room k,
// in which client 2k+1 is alone.
type crossing struct {
	*trial
	sentAt  [][]time.Duration // by pair and sequence number
	streams []stream          // by pair
	pending []int             // by pair: sent and not arrived
	arrived int
	goal    int
	answer  func(pair int) // one of its messages has arrived
	latency *histogram     // nil while warming up
}

func newCrossing(ctx context.Context, t *trial) (*crossing, error) {
	pairs := t.spec.scaled(crossPairs, 2)
	if err := t.connect(ctx, 2*pairs, nil); err != nil {
		return nil, err
	}
	x := &crossing{trial: t, sentAt: make([][]time.Duration, pairs), streams: make([]stream, pairs), pending: make([]int, pairs), answer: func(int) {}}
	for k := range pairs {
		receiver := t.clients[2*k+1]
		t.send(receiver, fmt.Appendf(nil, `%s["join","room-%d"]`, packetEvent, k))
		t.flush(receiver)
	}
	t.received = x.receive
	// The servers must have heard of each other, and of the rooms.
	return x, t.rest(ctx, 2*time.Second)
}

// emit queues the next message of a pair, which was due at some time.
func (x *crossing) emit(pair int, due time.Duration) {
	seq := len(x.sentAt[pair])
	x.sentAt[pair] = append(x.sentAt[pair], due)
	x.pending[pair]++
	p := append(append(x.scratch[:0], packetEvent...), `["bcast","room-`...)
	p = append(strconv.AppendInt(p, int64(pair), 10), `",`...)
	p = append(appendArgument(p, 2*pair, seq, x.spec.Payload), ']')
	x.scratch = p
	x.send(x.clients[2*pair], p)
}

func (x *crossing) receive(c *client, packet []byte) {
	head, sender, seq, ok := parseMessage(packet, x.spec.Payload)
	pair := c.id / 2
	if !ok || c.id%2 == 0 || sender != c.id-1 || seq >= len(x.sentAt[pair]) || string(head) != packetEvent+`["bcast",` {
		x.result.Corrupt++
		return
	}
	x.arrived++
	x.pending[pair]--
	x.streams[pair].add(seq)
	if x.latency != nil {
		x.latency.add(x.now - x.sentAt[pair][seq])
	}
	x.answer(pair)
}

func (x *crossing) report() {
	for pair := range x.streams {
		x.result.count(&x.streams[pair], len(x.sentAt[pair]))
	}
}

// measure runs load of so many messages and adds what each has cost.
func (x *crossing) measure(ctx context.Context, messages int, load func(messages int) error) error {
	defer x.report()
	if err := load(messages / 10); err != nil {
		return err
	}
	x.latency = new(histogram)
	before, err := x.commands()
	if err != nil {
		return err
	}
	redis, err := measure(x.redis.pid)
	if err != nil {
		return err
	}
	c, err := x.costOf(ctx, func() error { return load(messages) })
	if err != nil {
		return err
	}
	after, err := x.commands()
	if err != nil {
		return err
	}
	redisAfter, err := measure(x.redis.pid)
	if err != nil {
		return err
	}
	x.addCost(c, "message", messages)
	x.result.add("Redis CPU", "µs/message", float64((redisAfter.cpu-redis.cpu).Microseconds())/float64(messages))
	x.result.add("Redis commands", "/message", float64(after-before)/float64(messages))
	x.result.addLatency(x.latency)
	return nil
}

// cross is the scenario of senders that each send a burst when the last one has arrived on the other server.
func (t *trial) cross(ctx context.Context) error {
	x, err := newCrossing(ctx, t)
	if err != nil {
		return err
	}
	budget := 0
	burst := func(pair int) {
		n := min(budget, crossBurst)
		budget -= n
		for range n {
			x.emit(pair, x.now)
		}
		x.flush(x.clients[2*pair])
	}
	x.answer = func(pair int) {
		if x.pending[pair] == 0 {
			burst(pair)
		}
	}
	return x.measure(ctx, t.spec.scaled(crossMessages, 100), func(messages int) error {
		x.goal, budget = x.arrived+messages, messages
		x.tick()
		for pair := range x.sentAt {
			burst(pair)
		}
		return x.drive(ctx, func() bool { return x.arrived >= x.goal }, nil)
	})
}

// crossPaced is the scenario of senders that send by the clock, in turn, as in paced.
func (t *trial) crossPaced(ctx context.Context) error {
	x, err := newCrossing(ctx, t)
	if err != nil {
		return err
	}
	return x.measure(ctx, t.spec.scaled(10*crossRate, 100), func(messages int) error {
		x.goal = x.arrived + messages
		begin, emitted := x.tick(), 0
		due := func() time.Duration { return begin + time.Duration(emitted)*time.Second/crossRate }
		return x.drive(ctx, func() bool { return x.arrived >= x.goal }, func() time.Duration {
			for ; emitted < messages && due() <= x.tick(); emitted++ {
				pair := emitted % len(x.sentAt)
				x.emit(pair, due())
				x.flush(x.clients[2*pair])
			}
			if emitted == messages {
				return x.now + time.Second
			}
			return due()
		})
	})
}
