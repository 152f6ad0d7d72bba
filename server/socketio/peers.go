package socketio

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"parley/server/adapter"
)

// peers is a namespace's tie to the same namespace on the other servers. What
// cannot be passed on is logged, and is no concern of whoever emits.
type peers struct {
	adapter.Adapter
	ns     *Namespace
	missed missed
	held   map[heldRoom]int // how many clients that are away hold a room; guarded by ns.mu

	mu     sync.Mutex // guards lapses
	lapses map[operation]lapse
}

// An operation is what may fail between servers.
type operation string

const (
	opStart      operation = "start"
	opBroadcast  operation = "broadcast"
	opJoin       operation = "join"
	opLeave      operation = "leave"
	opDisconnect operation = "disconnect"
	opServerSide operation = "server-side event"
	opReceive    operation = "receive"
	opMissed     operation = "missed"
)

// A lapse is a failure that has been logged.
type lapse struct {
	at     instant
	unsaid int // how often it has happened since without a line
}

// quietPeriod is how long a failure is not logged again.
const quietPeriod = instant(time.Minute)

// meet ties the namespace to the other servers, where the options say how. A
// namespace that cannot be tied is alone.
func (ns *Namespace) meet() {
	connect := ns.server.opts.Adapter
	if connect == nil || ns.server.closed.Load() {
		return
	}
	p := &peers{ns: ns, lapses: make(map[operation]lapse)}
	a, err := connect(local{p})
	if err == nil && a == nil {
		err = errors.New("no adapter")
	}
	if err != nil {
		p.failed(opStart, err)
		return
	}
	p.Adapter = a
	ns.peers = p
}

// failed logs an error.
func (p *peers) failed(op operation, err error) {
	if err != nil {
		p.log(op, slog.LevelError, "between servers something has failed", "operation", string(op), "error", err)
	}
}

// log logs, at most once a minute for each operation.
func (p *peers) log(op operation, level slog.Level, what string, about ...any) {
	at := now()
	p.mu.Lock()
	last, before := p.lapses[op]
	quiet := before && at-last.at < quietPeriod
	if quiet {
		p.lapses[op] = lapse{last.at, last.unsaid + 1}
	} else {
		p.lapses[op] = lapse{at: at}
	}
	p.mu.Unlock()
	if !quiet {
		about = append([]any{"namespace", p.ns.name, "unsaid", last.unsaid}, about...)
		p.ns.server.opts.Logger.Log(p.ns.server.life, level, what, about...)
	}
}

// leave ends the tie, and waits for the handlers of other servers' events.
func (p *peers) leave(ctx context.Context) error {
	if r := p.ns.recovery.Load(); r != nil && r.shared {
		r.log.Close()
	}
	return errors.Join(p.Close(ctx), p.ns.serverSide.close(ctx), p.missed.close(ctx))
}

// partPeers ends the ties of all namespaces.
func (s *Server) partPeers(ctx context.Context) error {
	s.mu.Lock()
	var all []*peers
	for _, ns := range s.namespaces {
		if ns.peers != nil {
			all = append(all, ns.peers)
		}
	}
	s.mu.Unlock()
	s.cancel()
	errs := make([]error, len(all))
	var wg sync.WaitGroup
	for i, p := range all {
		wg.Go(func() { errs[i] = p.leave(ctx) })
	}
	wg.Wait()
	s.retiring.Wait()
	return errors.Join(errs...)
}
