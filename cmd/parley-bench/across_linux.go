package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"time"
)

const (
	pairs          = 100 // of a sender on one server and a receiver on the other
	acrossRate     = 2_000
	acrossMessages = 20_000
	floodMessages  = 100_000
	floodWindow    = 16 // messages of a pair under way
)

// startRedis starts a redis-server that keeps nothing on disk.
func startRedis(ctx context.Context) (*process, error) {
	addr, err := freeAddr()
	if err != nil {
		return nil, err
	}
	_, port, _ := net.SplitHostPort(addr)
	return startCommand(ctx, addr, []string{"redis-server", "--bind", "127.0.0.1", "--port", port, "--save", "", "--appendonly", "no"})
}

// newPairs is a fanout whose rooms have one member on each server.
func (t *trial) newPairs(ctx context.Context) (*fanout, error) {
	f, err := newFanout(ctx, t, t.spec.scaled(pairs, 2), 2)
	if err != nil {
		return nil, err
	}
	return f, t.rest(ctx, 500*time.Millisecond) // until each server knows what the other wants
}

// across is the scenario of messages that are due by the clock and cross from one server to the other.
func (t *trial) across(ctx context.Context) error {
	f, err := t.newPairs(ctx)
	if err != nil {
		return err
	}
	defer f.report()
	run := func(messages int) error {
		goal := f.delivered + 2*messages
		begin, emitted := t.tick(), 0
		due := func() time.Duration { return begin + time.Duration(emitted)*time.Second/acrossRate }
		return t.drive(ctx, func() bool { return f.delivered >= goal }, func() time.Duration {
			for ; emitted < messages && due() <= t.tick(); emitted++ {
				r := emitted % len(f.rooms)
				c := f.clients[2*r]
				f.emit(c, r)
				f.rooms[r].sentAt[len(f.rooms[r].sentAt)-1] = due()
				f.flush(c)
			}
			if emitted == messages {
				return t.now + time.Second
			}
			return due()
		})
	}
	return t.measureAcross(f, run, t.spec.scaled(acrossMessages, 200), ctx)
}

// flood is the scenario of pairs that send as fast as the servers take it.
func (t *trial) flood(ctx context.Context) error {
	f, err := t.newPairs(ctx)
	if err != nil {
		return err
	}
	defer f.report()
	var budget int
	say := func(r int) {
		if budget > 0 {
			budget--
			c := f.clients[2*r]
			f.emit(c, r)
			f.flush(c)
		}
	}
	count := t.received
	t.received = func(c *client, packet []byte) {
		count(c, packet)
		if c.id%2 == 1 { // the receiver
			say(c.id / 2)
		}
	}
	run := func(messages int) error {
		goal := f.delivered + 2*messages
		budget = messages
		t.tick()
		for range floodWindow {
			for r := range f.rooms {
				say(r)
			}
		}
		return t.drive(ctx, func() bool { return f.delivered >= goal }, nil)
	}
	return t.measureAcross(f, run, t.spec.scaled(floodMessages, 200), ctx)
}

// measureAcross runs a load and adds what each message that crossed has taken.
func (t *trial) measureAcross(f *fanout, run func(messages int) error, messages int, ctx context.Context) error {
	if err := run(messages / 10); err != nil {
		return err
	}
	f.latency = new(histogram)
	var commands int
	var redisCPU time.Duration
	c, err := t.costOf(ctx, func() error {
		before, err := t.redisUse()
		if err != nil {
			return err
		}
		if err := run(messages); err != nil {
			return err
		}
		after, err := t.redisUse()
		commands, redisCPU = after.commands-before.commands, after.cpu-before.cpu
		return err
	})
	if err != nil {
		return err
	}
	t.addCost(c, "message", messages)
	t.result.add("Redis commands", "/message", float64(commands)/float64(messages))
	t.result.add("Redis CPU", "µs/message", float64(redisCPU)/float64(time.Microsecond)/float64(messages))
	t.result.addLatency(f.latency)
	return nil
}

// redisUse is what Redis has done so far.
type redisUse struct {
	commands int
	cpu      time.Duration
}

func (t *trial) redisUse() (redisUse, error) {
	conn, err := net.Dial("tcp4", t.redis.addr)
	if err != nil {
		return redisUse{}, err
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(t.spec.Patience))
	if _, err := io.WriteString(conn, "INFO commandstats\r\n"); err != nil {
		return redisUse{}, err
	}
	in := bufio.NewReader(conn)
	head, err := in.ReadString('\n')
	if err != nil {
		return redisUse{}, err
	}
	size, err := strconv.Atoi(strings.TrimSpace(strings.TrimLeft(head, "$")))
	if err != nil || size < 0 || size > 1<<20 {
		return redisUse{}, fmt.Errorf("redis answered INFO with %q", head)
	}
	text := make([]byte, size)
	if _, err := io.ReadFull(in, text); err != nil {
		return redisUse{}, err
	}
	u := redisUse{}
	if u.commands, err = parseCommandStats(text); err != nil {
		return u, err
	}
	u.cpu, err = cpuTime(t.redis.pid)
	return u, err
}

// parseCommandStats adds up the calls in the answer to INFO commandstats, without those of INFO itself.
func parseCommandStats(text []byte) (calls int, err error) {
	for line := range bytes.Lines(text) {
		name, stats, ok := bytes.Cut(line, []byte(":calls="))
		if !ok || bytes.Equal(name, []byte("cmdstat_info")) {
			continue
		}
		digits, _, _ := bytes.Cut(stats, []byte(","))
		n, err := strconv.Atoi(string(digits))
		if err != nil || n < 0 {
			return 0, errors.New("redis: commandstats cannot be read")
		}
		calls += n
	}
	return calls, nil
}
