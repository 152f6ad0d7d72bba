package redisconn

import (
	"errors"
	"strconv"
	"strings"
	"time"
)

var (
	errSilent = errors.New("redisconn: no sign of life")
	errLost   = errors.New("redisconn: a probe did not come back")
	errAstray = errors.New("redisconn: subscribed at another server than publishes go to")
	errMoved  = errors.New("redisconn: slots moved")
)

// probe is a message to ourselves: published as others are, and to come back over the link. Guarded by link.mu.
type probe struct {
	wanted  bool // its channel is subscribed, or asked for
	on      bool // it is subscribed
	count   uint64
	sent    time.Time
	taken   bool // Redis has it
	arrived bool
}

// kind is how the payload of a link's own probe begins; those of Sync begin with "s".
var kind = [2]string{"c", "h"}

func index(sharded bool) int {
	if sharded {
		return 1
	}
	return 0
}

// enterProbes subscribes to the probes of the kinds of channels that the link has. It comes after them, so that its confirmation says that they
// are subscribed.
func (l *link) enterProbes() error {
	l.c.routes.mu.Lock()
	var wanted [2]bool
	for t := range l.topics {
		wanted[index(t.sharded)] = true
		if wanted[0] && wanted[1] {
			break
		}
	}
	l.c.routes.mu.Unlock()
	for i, want := range wanted {
		l.mu.Lock()
		enter := want && !l.probes[i].wanted
		if enter {
			l.probes[i].wanted, l.probes[i].sent = true, time.Now()
		}
		l.mu.Unlock()
		if enter {
			if err := l.send(op{sharded: i == 1, enter: true}, []string{l.probe}); err != nil {
				return err
			}
		}
	}
	return nil
}

// ping asks for signs of life.
func (l *link) ping() error {
	l.seen.Store(false)
	if err := l.ps.Ping(l.bounded()); err != nil {
		return err
	}
	for i := range l.probes {
		l.mu.Lock()
		on := l.probes[i].on
		l.mu.Unlock()
		if on {
			l.sendProbe(i == 1)
		}
	}
	return nil
}

// check looks whether they came.
func (l *link) check() error {
	if l.handling.Load() || l.late.Swap(false) {
		return nil // what has come may not have been read
	}
	if !l.seen.Load() {
		return errSilent
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, p := range l.probes {
		if time.Since(p.sent) > l.c.opts.Timeout/2 && (p.wanted && !p.on || p.taken && !p.arrived) {
			return errLost
		}
	}
	return nil
}

// sendProbe publishes the next probe. Its channel is subscribed.
func (l *link) sendProbe(sharded bool) {
	i := index(sharded)
	l.mu.Lock()
	p := &l.probes[i]
	if !p.on {
		close(l.on[i])
	}
	p.on, p.taken, p.arrived = true, false, false
	p.count++
	count := p.count
	p.sent = time.Now()
	l.mu.Unlock()
	command := "publish"
	if sharded {
		command = "spublish"
	}
	_ = l.c.Do(l.probe, func(reply any, err error) { // a queue that is full says enough by itself
		if err != nil {
			return
		}
		if n, _ := reply.(int64); n == 0 && (sharded || l.c.cluster == nil) {
			l.fail(errAstray)
			return
		}
		l.mu.Lock()
		defer l.mu.Unlock()
		if p.count == count {
			p.taken = true
		}
	}, command, l.probe, kind[i]+strconv.FormatUint(count, 10))
}

// probed notes that a probe came back, of the link or of Sync.
func (l *link) probed(payload string) {
	if strings.HasPrefix(payload, "s") {
		l.c.inbox.push(event{payload: payload})
		return
	}
	l.mu.Lock()
	all := true
	for i := range l.probes {
		p := &l.probes[i]
		if p.on && payload == kind[i]+strconv.FormatUint(p.count, 10) {
			p.arrived = true
			l.c.stats.probeTime.Store(int64(time.Since(p.sent)))
		}
		all = all && (!p.wanted || p.arrived)
	}
	l.mu.Unlock()
	if all {
		l.c.routes.health(l, true)
	}
}
