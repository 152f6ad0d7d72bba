package main

import (
	"bytes"
	"context"
	"strconv"
	"time"
)

const (
	echoClients = 200
	pacedRate   = 4000 // messages per second, all clients together
)

// An echoing sends messages that the server gives back to their sender.
type echoing struct {
	*trial
	event    string
	answer   []byte            // what an answer begins with, after the namespace
	sentAt   [][]time.Duration // by client and sequence number
	streams  []stream          // by client
	sent     int
	answered int
	budget   int        // messages that may still be sent as answers arrive
	latency  *histogram // nil while warming up
}

func newEchoing(t *trial, event string) *echoing {
	e := &echoing{
		trial:   t,
		event:   event,
		sentAt:  make([][]time.Duration, len(t.clients)),
		streams: make([]stream, len(t.clients)),
	}
	e.answer = []byte(packetEvent + `["` + event + `",`)
	t.received = e.receive
	return e
}

// acknowledged says whether answers come as acknowledgements; an ack's id is its message's number.
func (e *echoing) acknowledged() bool { return e.event == "echo-ack" }

// emit queues c's next message, whose time counts from due.
func (e *echoing) emit(c *client, due time.Duration) {
	seq := len(e.sentAt[c.id])
	e.sentAt[c.id] = append(e.sentAt[c.id], due)
	p := append(e.scratch[:0], packetEvent...)
	if e.acknowledged() {
		p = strconv.AppendInt(p, int64(seq), 10)
	}
	p = append(append(append(p, `["`...), e.event...), `",`...)
	p = append(appendArgument(p, c.id, seq, e.spec.Payload), ']')
	e.scratch = p
	e.send(c, p)
	e.sent++
}

func (e *echoing) receive(c *client, packet []byte) {
	head, id, seq, ok := parseMessage(packet, e.spec.Payload)
	if !ok || id != c.id || seq >= len(e.sentAt[id]) || !e.isAnswer(head, seq) {
		e.result.Corrupt++
		return
	}
	e.answered++
	e.streams[id].add(seq)
	if e.latency != nil {
		e.latency.add(e.now - e.sentAt[id][seq])
	}
	if e.budget > 0 {
		e.budget--
		e.emit(c, e.now) // readable flushes after the whole batch
	}
}

func (e *echoing) isAnswer(head []byte, seq int) bool {
	if !e.acknowledged() {
		return bytes.Equal(head, e.answer)
	}
	id, ok := bytes.CutPrefix(head, []byte(packetAck))
	if !ok {
		return false
	}
	n, rest, ok := cutNumber(id)
	return ok && n == seq && string(rest) == "["
}

// run sends total messages, with window of each client under way at a time, and waits for the answers.
func (e *echoing) run(ctx context.Context, total, window int) error {
	e.budget = total
	for _, c := range e.clients {
		for range min(window, e.budget) {
			e.budget--
			e.emit(c, e.tick())
		}
		e.flush(c)
	}
	return e.drive(ctx, e.done, nil)
}

func (e *echoing) done() bool { return e.budget == 0 && e.answered >= e.sent }

// report adds what went wrong to the result.
func (e *echoing) report() {
	for id := range e.streams {
		e.result.count(&e.streams[id], len(e.sentAt[id]))
	}
}

// echo is the scenario of clients that send their next message when one comes back.
func (t *trial) echo(ctx context.Context, event string, window, total int) error {
	if err := t.connect(ctx, t.spec.scaled(echoClients, 2), nil); err != nil {
		return err
	}
	e := newEchoing(t, event)
	defer e.report()
	total = t.spec.scaled(total, 100)
	if err := e.run(ctx, total/10, window); err != nil {
		return err
	}
	e.latency = new(histogram)
	c, err := t.costOf(ctx, func() error { return e.run(ctx, total, window) })
	if err != nil {
		return err
	}
	t.addCost(c, "message", total)
	t.result.addLatency(e.latency)
	return nil
}

// paced is the scenario of clients that send by the clock. The time of a message counts from when it was due, not
// from when it could be sent: a server that stops for a while is charged for all that it made wait.
func (t *trial) paced(ctx context.Context) error {
	if err := t.connect(ctx, t.spec.scaled(echoClients, 2), nil); err != nil {
		return err
	}
	e := newEchoing(t, "echo")
	defer e.report()
	total := t.spec.scaled(10*pacedRate, 100)
	if err := e.run(ctx, total/10, 1); err != nil {
		return err
	}
	e.latency = new(histogram)
	c, err := t.costOf(ctx, func() error { return e.onSchedule(ctx, total) })
	if err != nil {
		return err
	}
	t.addCost(c, "message", total)
	t.result.addLatency(e.latency)
	return nil
}

// onSchedule sends total messages at pacedRate, the clients in turn, and waits for the answers.
func (e *echoing) onSchedule(ctx context.Context, total int) error {
	begin, emitted := e.tick(), 0
	due := func() time.Duration { return begin + time.Duration(emitted)*time.Second/pacedRate }
	return e.drive(ctx, func() bool { return emitted == total && e.done() }, func() time.Duration {
		for ; emitted < total && due() <= e.tick(); emitted++ {
			c := e.clients[emitted%len(e.clients)]
			e.emit(c, due())
			e.flush(c)
		}
		if emitted == total {
			return e.now + time.Second
		}
		return due()
	})
}
