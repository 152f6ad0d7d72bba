package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"syscall"
	"time"
)

// concurrency is how many clients are on their way into the namespace at the same time.
const concurrency = 100

// A trial is one scenario on one server process.
type trial struct {
	*loop
	spec   *runSpec
	server *process
	result *result

	second *process // of the same server; nil but in the scenarios across servers
	redis  *process // which both share
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
	"across":    (*trial).across,
	"flood":     (*trial).flood,
}

// try runs one scenario on a fresh process of the server.
func try(ctx context.Context, spec *runSpec, server serverSpec, scenario string) *result {
	r := &result{Scenario: scenario, Server: server.Name}
	t := &trial{spec: spec, result: r}
	err := t.start(ctx, server, slices.Contains(acrossNames, scenario))
	if err == nil {
		err = tryOn(ctx, t, scenario)
		for _, p := range t.processes() {
			if !p.alive() {
				err = errors.Join(err, fmt.Errorf("the server ended%s", p.said()))
			}
		}
	}
	for _, p := range t.processes() {
		p.stop()
	}
	if err != nil {
		r.Errors = append(r.Errors, err.Error())
	}
	r.addFaults()
	return r
}

// start starts what the scenario needs. What has been started is in t also after an error.
func (t *trial) start(ctx context.Context, server serverSpec, across bool) (err error) {
	if !across {
		t.server, err = startProcess(ctx, server, "")
		return err
	}
	if t.redis, err = startRedis(ctx); err != nil {
		return err
	}
	if t.server, err = startProcess(ctx, server, t.redis.addr); err != nil {
		return err
	}
	t.second, err = startProcess(ctx, server, t.redis.addr)
	return err
}

// processes are those that run, the servers before their Redis.
func (t *trial) processes() []*process {
	return slices.DeleteFunc([]*process{t.server, t.second, t.redis}, func(p *process) bool { return p == nil })
}

func tryOn(ctx context.Context, t *trial, scenario string) error {
	var err error
	addrs := []string{t.server.addr}
	if t.second != nil {
		addrs = append(addrs, t.second.addr)
	}
	if t.loop, err = newLoop(t.spec.Patience, addrs...); err != nil {
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
	if t.server.pid != 0 {
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

// usage tells what the server has used so far; nothing if its process is unknown.
func (t *trial) usage() (usage, error) {
	if t.server.pid == 0 {
		return usage{}, nil
	}
	u, err := measure(t.server.pid)
	if err != nil || t.second == nil {
		return u, err
	}
	other, err := measure(t.second.pid)
	return usage{cpu: u.cpu + other.cpu, resident: u.resident + other.resident}, err
}

// ownCPU gives the CPU time of this process.
func ownCPU() time.Duration {
	var r syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
		return 0
	}
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}
