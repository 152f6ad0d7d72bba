package main

import (
	"context"
	"time"
)

const (
	connectClients = 5000
	connectWarmUp  = 500
	idleClients    = 5000
	idleWarmUp     = 100
)

// connects is the scenario of clients that come as fast as they can, with the namespace's CONNECT, and stay.
func (t *trial) connects(ctx context.Context) error {
	if err := t.connect(ctx, t.spec.scaled(connectWarmUp, 10), nil); err != nil {
		return err
	}
	n := t.spec.scaled(connectClients, 10)
	latency := new(histogram)
	c, err := t.costOf(ctx, func() error { return t.connect(ctx, n, latency) })
	if err != nil {
		return err
	}
	t.addCost(c, "connect", n)
	t.result.addLatency(latency)
	return nil
}

// idle is the scenario of clients that do nothing but answer pings.
func (t *trial) idle(ctx context.Context) error {
	if err := t.connect(ctx, t.spec.scaled(idleWarmUp, 10), nil); err != nil {
		return err
	}
	base, err := t.settled(ctx)
	if err != nil {
		return err
	}
	n := t.spec.scaled(idleClients, 10)
	if err := t.connect(ctx, n, nil); err != nil {
		return err
	}
	before, err := t.settled(ctx)
	if err != nil {
		return err
	}
	if err := t.rest(ctx, t.spec.Idle); err != nil {
		return err
	}
	after, err := t.usage()
	if err != nil {
		return err
	}
	if t.known() {
		t.result.add("memory", "KB/client", float64(after.resident-base.resident)/float64(n))
		t.result.add("memory before", "MB", float64(base.resident)/1024)
		t.result.add("memory with all", "MB", float64(after.resident)/1024)
		t.result.add("idle CPU", "ms/s", float64(after.cpu-before.cpu)/float64(time.Millisecond)/t.spec.Idle.Seconds())
	}
	return nil
}

// settled waits until the server's memory has stopped changing, for 15 s at most.
func (t *trial) settled(ctx context.Context) (usage, error) {
	const (
		interval = 500 * time.Millisecond
		steady   = 4 // intervals with less than 0.5 % of change
	)
	now, err := t.quiet(ctx)
	for calm, left := 0, 30; calm < steady && left > 0 && err == nil; left-- {
		if err := t.rest(ctx, interval); err != nil {
			return now, err
		}
		before := now.resident
		now, err = t.usage()
		if calm++; abs(now.resident-before)*200 > before {
			calm = 0
		}
	}
	return now, err
}

func abs(n int) int { return max(n, -n) }
