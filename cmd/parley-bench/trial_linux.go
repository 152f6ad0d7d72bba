package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"syscall"
	"time"
)

// concurrency is how many clients are on their way into the namespace at the same time.
const concurrency = 100

// A trial is one scenario on fresh server processes: one, or two that Redis connects.
type trial struct {
	*loop
	spec    *runSpec
	servers []*process
	redis   *process // nil where there is one server
	result  *result
}

// scenarios are what can be run, each on a trial with no client yet.
var scenarios = map[string]func(*trial, context.Context) error{
	"echo":      func(t *trial, ctx context.Context) error { return t.echo(ctx, "echo", 1, 200_000) },
	"ack":       func(t *trial, ctx context.Context) error { return t.echo(ctx, "echo-ack", 1, 200_000) },
	"pipelined": func(t *trial, ctx context.Context) error { return t.echo(ctx, "echo", 16, 400_000) },
	"paced":     (*trial).paced,
	"burst":     (*trial).burst,
	"rooms":     (*trial).rooms,
	"connect":   (*trial).connects,
	"idle":      (*trial).idle,
	"cross":     (*trial).cross,
	"crosspace": (*trial).crossPaced,
}

// try runs one scenario on fresh processes of the server.
func try(ctx context.Context, spec *runSpec, server serverSpec, scenario string) *result {
	r := &result{Scenario: scenario, Server: server.Name}
	t := &trial{spec: spec, result: r}
	err := t.start(ctx, server)
	if err == nil {
		err = tryOn(ctx, t, scenario)
	}
	for _, p := range t.servers {
		if !p.alive() {
			err = errors.Join(err, fmt.Errorf("the server ended%s", p.said()))
		}
		p.stop()
	}
	if t.redis != nil {
		t.redis.stop()
	}
	if err != nil {
		r.Errors = append(r.Errors, err.Error())
	}
	r.addFaults()
	return r
}

// start starts the server, or two of them and Redis where its command asks for that.
func (t *trial) start(ctx context.Context, server serverSpec) (err error) {
	count := 1
	if strings.Contains(server.Command, redisPlace) {
		count = 2
		if t.redis, err = startRedis(ctx); err != nil {
			return err
		}
		server.Command = strings.ReplaceAll(server.Command, redisPlace, "redis://"+t.redis.addr)
	}
	for range count {
		p, err := startProcess(ctx, server)
		if err != nil {
			return err
		}
		t.servers = append(t.servers, p)
	}
	return nil
}

func tryOn(ctx context.Context, t *trial, scenario string) error {
	var err error
	if t.loop, err = newLoop(t.servers, t.spec.Patience); err != nil {
		return err
	}
	defer t.close()
	err = scenarios[scenario](t, ctx)
	t.result.Errors = append(t.result.Errors, t.failures...)
	return err
}

// connect brings n more clients into the namespace. latency, if not nil, gets the time each took.
func (t *trial) connect(ctx context.Context, n int, latency *histogram) error {
	first := len(t.clients)
	var arrived, joined int
	var broken error
	dial := func() {
		if len(t.clients) < first+n && broken == nil {
			broken = t.dial()
		}
	}
	t.arrival = func(c *client) {
		arrived++
		if c.stage == stageJoined {
			joined++
			if latency != nil {
				latency.add(t.now - c.began)
			}
		}
		dial()
	}
	for range min(n, concurrency) {
		dial()
	}
	err := t.drive(ctx, func() bool { return arrived == n || broken != nil }, nil)
	t.arrival = func(*client) {}
	t.result.NeverCompleted += n - joined
	if err := errors.Join(err, broken); err != nil {
		return err
	}
	if joined < n {
		return fmt.Errorf("only %d of %d clients could connect", joined, n)
	}
	return nil
}

// A cost is what a piece of load has taken.
type cost struct {
	wall   time.Duration
	server time.Duration // CPU time of the server
	driver time.Duration // CPU time of this process
}

// costOf measures load. All the work that it caused counts: the server is left to become quiet before and after.
func (t *trial) costOf(ctx context.Context, load func() error) (cost, error) {
	before, err := t.quiet(ctx)
	if err != nil {
		return cost{}, err
	}
	begin, own := t.tick(), ownCPU()
	err = load()
	c := cost{wall: t.tick() - begin, driver: ownCPU() - own}
	if err != nil {
		return c, err
	}
	after, err := t.quiet(ctx)
	c.server = after.cpu - before.cpu
	return c, err
}

// addCost adds what each of n units of load has taken.
func (t *trial) addCost(c cost, unit string, n int) {
	micros := func(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) / float64(n) }
	if t.known() {
		t.result.add("server CPU", "µs/"+unit, micros(c.server))
	}
	t.result.add("rate", unit+"/s", float64(n)/c.wall.Seconds())
	t.result.add("driver CPU", "µs/"+unit, micros(c.driver))
}

// quiet waits until the server does next to nothing, for 3 s at most, and tells what it has used by then.
func (t *trial) quiet(ctx context.Context) (usage, error) {
	const (
		interval = 100 * time.Millisecond
		little   = interval / 50
	)
	now, err := t.usage()
	for range 30 {
		if err != nil {
			return now, err
		}
		if err := t.rest(ctx, interval); err != nil {
			return now, err
		}
		before := now
		if now, err = t.usage(); now.cpu-before.cpu < little {
			break
		}
	}
	return now, err
}

// known says whether the servers' processes are known.
func (t *trial) known() bool { return t.servers[0].pid != 0 }

// usage tells what the servers have used so far; nothing if their processes are unknown.
func (t *trial) usage() (sum usage, err error) {
	if !t.known() {
		return usage{}, nil
	}
	for _, p := range t.servers {
		u, err := measure(p.pid)
		if err != nil {
			return usage{}, err
		}
		sum.cpu, sum.resident = sum.cpu+u.cpu, sum.resident+u.resident
	}
	return sum, nil
}

// ownCPU gives the CPU time of this process.
func ownCPU() time.Duration {
	var r syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
		return 0
	}
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}
