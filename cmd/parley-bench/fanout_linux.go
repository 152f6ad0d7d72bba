package main

import (
	"context"
	"fmt"
	"strconv"
	"time"
)

const (
	burstClients = 1000
	burstLength  = 200
	bursts       = 5
	roomCount    = 100
	roomSize     = 10
	roomMessages = 30_000
)

// A fanout sends messages that the server gives to all members of the sender's room. Client i is in room i/size.
type fanout struct {
	*trial
	size      int
	rooms     []room
	streams   []stream // by receiver
	delivered int
	complete  func(r int) // all that was sent to room r has arrived
	latency   *histogram  // nil while warming up
}

type room struct {
	sentAt    []time.Duration // by sequence number
	delivered int
}

// newFanout connects the clients of count rooms and lets them join. An echo tells that the server has handled the
// join, since it handles the events of a client in order.
func newFanout(ctx context.Context, t *trial, count, size int) (*fanout, error) {
	if err := t.connect(ctx, count*size, nil); err != nil {
		return nil, err
	}
	for _, c := range t.clients {
		t.send(c, fmt.Appendf(nil, `%s["join","room-%d"]`, packetEvent, c.id/size))
	}
	e := newEchoing(t, "echo")
	defer e.report()
	if err := e.run(ctx, len(t.clients), 1); err != nil {
		return nil, err
	}
	f := &fanout{
		trial:    t,
		size:     size,
		rooms:    make([]room, count),
		streams:  make([]stream, len(t.clients)),
		complete: func(int) {},
	}
	t.received = f.receive
	return f, nil
}

// emit queues the next message of room r, sent by c, one of its members.
func (f *fanout) emit(c *client, r int) {
	seq := len(f.rooms[r].sentAt)
	f.rooms[r].sentAt = append(f.rooms[r].sentAt, f.now)
	p := append(append(f.scratch[:0], packetEvent...), `["bcast","room-`...)
	p = append(strconv.AppendInt(p, int64(r), 10), `",`...)
	p = append(appendArgument(p, c.id, seq, f.spec.Payload), ']')
	f.scratch = p
	f.send(c, p)
}

func (f *fanout) receive(c *client, packet []byte) {
	head, sender, seq, ok := parseMessage(packet, f.spec.Payload)
	r := c.id / f.size
	if !ok || sender/f.size != r || seq >= len(f.rooms[r].sentAt) || string(head) != packetEvent+`["bcast",` {
		f.result.Corrupt++
		return
	}
	f.delivered++
	f.streams[c.id].add(seq)
	if f.latency != nil && (f.second == nil || c.id%2 != sender%2) { // across servers only what has crossed counts
		f.latency.add(f.now - f.rooms[r].sentAt[seq])
	}
	room := &f.rooms[r]
	if room.delivered++; room.delivered == f.size*len(room.sentAt) {
		f.complete(r)
	}
}

// report adds what went wrong to the result.
func (f *fanout) report() {
	for id := range f.streams {
		f.result.count(&f.streams[id], len(f.rooms[id/f.size].sentAt))
	}
}

// burst is the scenario of one client that sends many messages at once to a big room.
func (t *trial) burst(ctx context.Context) error {
	size, length := t.spec.scaled(burstClients, 2), t.spec.scaled(burstLength, 10)
	f, err := newFanout(ctx, t, 1, size)
	if err != nil {
		return err
	}
	defer f.report()
	run := func(times int) error {
		for range times {
			goal := f.delivered + size*length
			f.tick() // all of a burst is due now
			for range length {
				f.emit(f.clients[0], 0)
			}
			f.flush(f.clients[0])
			if err := f.drive(ctx, func() bool { return f.delivered >= goal }, nil); err != nil {
				return err
			}
		}
		return nil
	}
	if err := run(1); err != nil {
		return err
	}
	f.latency = new(histogram)
	c, err := t.costOf(ctx, func() error { return run(bursts) })
	if err != nil {
		return err
	}
	t.addCost(c, "delivery", bursts*size*length)
	t.result.addLatency(f.latency)
	return nil
}

// rooms is the scenario of small rooms whose members speak in turn, each when all have heard the one before.
func (t *trial) rooms(ctx context.Context) error {
	f, err := newFanout(ctx, t, t.spec.scaled(roomCount, 2), roomSize)
	if err != nil {
		return err
	}
	defer f.report()
	budget := 0
	f.complete = func(r int) {
		if budget == 0 {
			return
		}
		budget--
		speaker := f.clients[r*roomSize+len(f.rooms[r].sentAt)%roomSize]
		f.emit(speaker, r)
		f.flush(speaker)
	}
	run := func(messages int) error {
		goal := f.delivered + messages*roomSize
		budget = messages
		f.tick()
		for r := range f.rooms {
			f.complete(r)
		}
		return f.drive(ctx, func() bool { return f.delivered >= goal }, nil)
	}
	messages := t.spec.scaled(roomMessages, 100)
	if err := run(messages / 10); err != nil {
		return err
	}
	f.latency = new(histogram)
	c, err := t.costOf(ctx, func() error { return run(messages) })
	if err != nil {
		return err
	}
	t.addCost(c, "delivery", messages*roomSize)
	t.result.addLatency(f.latency)
	return nil
}
