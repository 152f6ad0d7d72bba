package memory

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"

	"parley/server/adapter"
)

// errLeft is why a server does not answer that has left.
var errLeft = fmt.Errorf("memory: server has left: %w", net.ErrClosed)

// unknown is the number of answers that a server owes before it has told it.
const unknown = -1

// A request waits for the answers of other servers.
type request struct {
	acks adapter.Acks // of a broadcast; nil for what each server answers once

	mu       sync.Mutex     // guards what follows
	owed     map[string]int // answers that are still to come, by server
	servers  int            // that were asked
	silent   int            // of them, those that will not say anything
	why      error          // they do not
	payloads []adapter.Payload
	sockets  []adapter.Socket
	done     chan struct{} // closed when nothing is owed
}

func newRequest(acks adapter.Acks) *request {
	return &request{acks: acks, owed: make(map[string]int), done: make(chan struct{})}
}

// begin notes who was asked, and how many could not be.
func (r *request) begin(servers []string, full int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.servers = len(servers) + full
	if full > 0 {
		r.silent, r.why = full, ErrQueueFull
	}
	for _, id := range servers {
		r.owed[id] = unknown
	}
	r.finish()
}

func (r *request) finish() {
	if len(r.owed) == 0 {
		close(r.done)
	}
}

// settle notes that a server owes nothing more.
func (r *request) settle(server string) {
	delete(r.owed, server)
	r.finish()
}

// take takes in one answer. Servers that owe none are ignored.
func (r *request) take(m message) {
	r.mu.Lock()
	defer r.mu.Unlock()
	owed, waited := r.owed[m.From]
	if !waited {
		return
	}
	if m.Kind == kindGone && owed == unknown {
		r.mute(m.From, errors.New(m.Reason))
		return
	}
	if r.acks == nil {
		r.payloads = append(r.payloads, m.Payload)
		r.sockets = append(r.sockets, m.Sockets...)
		r.settle(m.From)
		return
	}
	switch {
	case m.Kind == kindExpect && owed == unknown:
		r.acks.Expect(m.Count)
		owed = m.Count
	case m.Kind == kindAnswer && owed > 0:
		r.acks.Answer(m.Payload)
		owed--
	case m.Kind == kindGone && owed > 0:
		r.acks.Gone(fmt.Errorf("%s: %w", m.Reason, net.ErrClosed))
		owed--
	}
	r.owed[m.From] = owed
	if owed == 0 {
		r.settle(m.From)
	}
}

// left notes that a server has left.
func (r *request) left(server string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	owed, waited := r.owed[server]
	if !waited {
		return
	}
	if owed == unknown {
		r.mute(server, errLeft)
		return
	}
	for ; owed > 0; owed-- {
		r.acks.Gone(errLeft)
	}
	r.settle(server)
}

// mute notes that a server will not say anything, and why.
func (r *request) mute(server string, why error) {
	r.silent++
	r.why = why
	r.settle(server)
}

// wait waits until nothing is owed, or for the end of ctx or of the adapter, and says
// how many servers have not said anything. It ends the request.
func (r *request) wait(ctx context.Context, closed <-chan struct{}) error {
	var err error
	select {
	case <-r.done:
	case <-ctx.Done():
		err = context.Cause(ctx)
		if !errors.Is(err, ctx.Err()) {
			err = errors.Join(ctx.Err(), err)
		}
	case <-closed:
		err = errClosed
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	silent := r.silent
	for _, owed := range r.owed {
		if owed == unknown {
			silent++
		}
	}
	clear(r.owed) // what comes later is too late
	if silent == 0 {
		return nil
	}
	return &adapter.PartialError{Answered: r.servers - silent, Expected: r.servers, Err: errors.Join(err, r.why)}
}
