package cluster

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net"
	"slices"
	"strings"
	"sync"
	"time"

	"parley/server/adapter"
)

// errLeft is why a server does not answer that has left.
var errLeft = fmt.Errorf("cluster: server has left: %w", net.ErrClosed)

// maxEarly bounds the acknowledgements that are kept of servers that have not told yet
// how many there will be. Networks with several ways may bring them in that order.
const maxEarly = 1024

// A request waits for the answers of other servers.
type request struct {
	kind Kind
	acks adapter.Acks // of a Broadcast; nil for what each server answers once

	mu       sync.Mutex // guards what follows
	begun    bool       // servers is known
	over     bool       // what comes now is too late
	known    bool       // who the servers are: those of shares
	servers  int        // that were asked
	counted  int        // how many there are still, where they are only counted
	told     int        // of them, those that have answered, or said how many will
	silent   int        // of them, those that will not say anything
	why      error      // they do not
	owed     int        // acknowledgements that are still to come
	shares   map[string]*share
	payloads []adapter.Payload
	sockets  []adapter.Socket
	done     chan struct{} // closed when nothing is owed
}

// A share is what one server owes; of the server "" what all do that the wire does
// not name.
type share struct {
	told  bool
	left  bool
	owed  int
	early []adapter.Payload
}

func newRequest(kind Kind, acks adapter.Acks) *request {
	return &request{kind: kind, acks: acks, shares: make(map[string]*share), done: make(chan struct{})}
}

// begin notes who was asked. Those that have left meanwhile were not.
func (r *request) begin(peers Peers) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.begun, r.servers, r.counted, r.known = true, peers.Count, peers.Count, peers.IDs != nil
	if r.known {
		r.servers = 0
		for _, id := range peers.IDs {
			if s := r.shares[id]; s == nil || !s.left {
				r.shares[id] = &share{}
				r.servers++
			}
		}
	}
	r.finish()
}

// unsent notes that a message did not go out, or not to some.
func (r *request) unsent(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	var some *UnsentError
	if !errors.As(err, &some) {
		r.silent, r.why = r.servers-r.told, err
	} else {
		for _, id := range some.To {
			r.mute(r.shares[id], some.Err)
		}
	}
	r.finish()
}

// finish ends the waiting when there is nothing more to wait for.
func (r *request) finish() {
	if r.begun && !r.over && r.owed == 0 && r.told+r.silent >= r.servers {
		r.over = true
		close(r.done)
	}
}

// mute notes that a server will not say anything, and why.
func (r *request) mute(s *share, why error) {
	if s == nil || s.told || s.left {
		return
	}
	s.left = true
	r.silent++
	r.why = why
}

// share returns what a server owes, nil if it was not asked.
func (r *request) share(server string) *share {
	s := r.shares[server]
	if s == nil && !(r.known && r.begun) && len(r.shares) <= max(r.servers, maxEarly) {
		s = &share{}
		r.shares[server] = s
	}
	return s
}

// take takes in one answer. Those that are not owed are ignored.
func (r *request) take(m *Message) {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := r.share(m.From)
	if r.over || s == nil || s.left {
		return
	}
	heard := s.told && m.From != ""
	switch {
	case m.Kind == Gone && m.From == "" && r.kind != Broadcast:
		r.silent++
		r.why = errors.New(m.Reason)
	case m.Kind == Gone && !s.told && m.From != "":
		r.mute(s, errors.New(m.Reason))
	case m.Kind == Gone:
		r.ack(s, func() { r.acks.Gone(fmt.Errorf("%s: %w", m.Reason, net.ErrClosed)) })
	case r.kind == Broadcast && m.Kind == Expect && !heard:
		r.expect(s, min(max(m.Count, 0), math.MaxInt32))
	case r.kind == Broadcast && m.Kind == Answer && s.owed == 0 && !heard:
		if len(s.early) < maxEarly {
			s.early = append(s.early, m.Payload)
		}
	case r.kind == Broadcast && m.Kind == Answer:
		r.ack(s, func() { r.acks.Answer(m.Payload) })
	case r.kind == Fetch && m.Kind == SocketList && !heard:
		r.sockets = append(r.sockets, m.Sockets...)
		s.told = true
		r.told++
	case r.kind == ServerSide && m.Kind == Reply && !heard:
		r.payloads = append(r.payloads, m.Payload)
		s.told = true
		r.told++
	}
	r.finish()
}

// expect notes how many acknowledgements a server will give.
func (r *request) expect(s *share, receivers int) {
	s.told = true
	s.owed += receivers
	r.told++
	r.owed += receivers
	r.acks.Expect(receivers)
	for s.owed > 0 && len(s.early) > 0 {
		p := s.early[0]
		s.early = s.early[1:]
		r.ack(s, func() { r.acks.Answer(p) })
	}
}

// ack notes one acknowledgement, or that one will not come.
func (r *request) ack(s *share, note func()) {
	if r.acks != nil && s.owed > 0 {
		s.owed--
		r.owed--
		note()
	}
}

// left notes that a server has left.
func (r *request) left(server string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := r.share(server)
	if r.over || s == nil || s.left {
		return
	}
	switch {
	case !r.begun:
		s.left = true
	case !s.told && r.known:
		r.mute(s, errLeft)
	default: // one that is not known may not have been counted
		for s.owed > 0 {
			r.ack(s, func() { r.acks.Gone(errLeft) })
		}
	}
	r.finish()
}

// recount notes how many servers there are now. Those that are missing will not answer,
// if they have not yet.
func (r *request) recount(now int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if missing := min(r.counted-now, r.servers-r.told-r.silent); missing > 0 {
		r.silent += missing
		r.why = errLeft
	}
	r.counted = min(r.counted, now)
	r.finish()
}

// muteAll gives up the servers that have not said anything.
func (r *request) muteAll(why error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if missing := r.servers - r.told - r.silent; missing > 0 {
		r.silent += missing
		r.why = why
	}
	r.finish()
}

// recountEvery is how often it is looked whether servers that are only counted are
// still there.
const recountEvery = 250 * time.Millisecond

// wait waits until nothing is owed, or for the end of ctx or of the adapter, and says
// how many servers have not said anything. After patience, if it is not 0, silent servers
// are given up. It ends the request.
func (l *Link) wait(ctx context.Context, r *request, patience time.Duration) error {
	var recount <-chan time.Time
	if !r.known {
		ticker := time.NewTicker(recountEvery)
		defer ticker.Stop()
		recount = ticker.C
	}
	var silence <-chan time.Time
	if patience > 0 {
		timer := time.NewTimer(patience)
		defer timer.Stop()
		silence = timer.C
	}
	var err error
waiting:
	for {
		select {
		case <-r.done:
			break waiting
		case <-recount:
			if peers, err := l.peers(ctx); err == nil {
				r.recount(peers.Count)
			}
		case <-silence:
			silence = nil
			r.muteAll(fmt.Errorf("nothing was heard for Options.Timeout, %v: %w", patience, context.DeadlineExceeded))
		case <-ctx.Done():
			err = context.Cause(ctx)
			if !errors.Is(err, ctx.Err()) {
				err = errors.Join(ctx.Err(), err)
			}
			break waiting
		case <-l.life.Done():
			err = errClosed
			break waiting
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.over = true
	answered := min(r.told, r.servers)
	if r.servers-answered == 0 {
		return nil
	}
	return &adapter.PartialError{Answered: answered, Expected: r.servers, Err: errors.Join(err, r.why)}
}

// ask publishes a message that wants answers and waits for them. The request that it
// returns has ended; it is nil if nobody was asked.
func (l *Link) ask(ctx context.Context, m *Message, acks adapter.Acks) (*request, error) {
	if l.closed.Load() {
		return nil, errClosed
	}
	if _, ok := ctx.Deadline(); !ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, l.opts.Timeout)
		defer cancel()
	}
	r := newRequest(m.Kind, acks)
	l.mu.Lock()
	m.Request = l.newID()
	l.requests[m.Request] = r
	l.mu.Unlock()
	defer func() {
		l.mu.Lock()
		delete(l.requests, m.Request)
		l.mu.Unlock()
	}()
	peers, err := l.peers(ctx)
	if err != nil {
		if m.Kind == Broadcast { // the event need not be lost too
			err = errors.Join(err, l.publish(m))
		}
		return nil, &adapter.PartialError{Err: err}
	}
	r.begin(peers)
	if peers.Count == 0 && m.Kind != Broadcast {
		return r, nil
	}
	if err := l.publish(m); err != nil {
		r.unsent(err)
	}
	patience := l.opts.Timeout
	if m.Kind == ServerSide {
		patience = 0 // a handler may take its time
	}
	if err = l.wait(ctx, r, patience); err != nil {
		err = l.missing(r, err)
	}
	if err != nil || ctx.Err() != nil {
		_ = l.publish(&Message{Kind: Cancel, Request: m.Request})
	}
	return r, err
}

// peers returns who is there.
func (l *Link) peers(ctx context.Context) (Peers, error) {
	ctx, cancel := context.WithTimeout(ctx, l.opts.Timeout)
	defer cancel()
	defer context.AfterFunc(l.life, cancel)()
	return l.bus.Peers(ctx)
}

// The servers that are remembered, and for how long.
const (
	maxSeen = 1000
	seenFor = time.Minute
)

// saw remembers that a server has answered. The caller holds l.mu.
func (l *Link) saw(server string) {
	if server == "" {
		return
	}
	now := time.Now()
	if len(l.seen) >= maxSeen {
		for id, at := range l.seen {
			if now.Sub(at) > seenFor {
				delete(l.seen, id)
			}
		}
	}
	if len(l.seen) < maxSeen {
		l.seen[server] = now
	}
}

// missing adds to the error of a request who has answered an earlier one, but not this.
func (l *Link) missing(r *request, err error) error {
	var partial *adapter.PartialError
	if !errors.As(err, &partial) {
		return err
	}
	l.mu.Lock()
	r.mu.Lock()
	var ids []string
	for id, at := range l.seen {
		if s := r.shares[id]; time.Since(at) < seenFor && (s == nil || !s.told) {
			ids = append(ids, id)
		}
	}
	r.mu.Unlock()
	l.mu.Unlock()
	if len(ids) == 0 {
		return err
	}
	slices.Sort(ids)
	partial.Err = fmt.Errorf("%w (no answer of %s)", partial.Err, strings.Join(ids, ", "))
	return err
}
