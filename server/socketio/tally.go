package socketio

import (
	"fmt"
	"sync"

	"parley/server/adapter"
)

// A tally counts who is to acknowledge a broadcast and who has, and keeps the
// answers until they are taken.
type tally struct {
	changed chan struct{} // has something in it after a change

	mu       sync.Mutex // guards what follows
	expected int
	heard    int // of those expected, who has answered or is gone
	answers  []arguments
	open     int   // how many calls of other servers may still make it expect more
	silence  error // of other servers
	reason   error // why the first did not answer that did not
}

// change notes something and wakes the taker.
func (t *tally) change(f func()) {
	t.mu.Lock()
	f()
	t.mu.Unlock()
	select {
	case t.changed <- struct{}{}:
	default:
	}
}

func (t *tally) expect(receivers int) { t.change(func() { t.expected += receivers }) }

// hear keeps an answer. More than were asked cannot answer.
func (t *tally) hear(answer arguments) {
	t.change(func() {
		if t.heard < t.expected {
			t.heard++
			t.answers = append(t.answers, answer)
		}
	})
}

// gone notes that one does not answer; the first reason is kept.
func (t *tally) gone(why error) {
	t.change(func() {
		if t.heard < t.expected {
			t.heard++
		}
		if t.reason == nil {
			t.reason = why
		}
	})
}

// refuse notes that an answer that came is none.
func (t *tally) refuse(why error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.reason == nil {
		t.reason = why
	}
}

// begin notes that other servers are called.
func (t *tally) begin() { t.change(func() { t.open++ }) }

// asked notes the end of such a call. The first error is kept.
func (t *tally) asked(err error) {
	t.change(func() {
		t.open--
		if err != nil && t.silence == nil {
			t.silence = fmt.Errorf("other servers: %w", err)
		}
	})
}

// take returns an answer, if there is one, and whether none is to come.
func (t *tally) take() (answer arguments, ok, complete bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.answers) > 0 {
		answer = t.answers[0]
		t.answers = t.answers[1:]
		return answer, true, false
	}
	return arguments{}, false, t.open == 0 && t.heard >= t.expected
}

// localAcks take in the answers of this server's sockets.
type localAcks struct{ *tally }

func (a localAcks) Expect(receivers int)     { a.expect(receivers) }
func (a localAcks) Answer(p adapter.Payload) { a.hear(answerOf(p)) }
func (a localAcks) Gone(why error)           { a.gone(why) }

// foreignAcks take in the answers of other servers' sockets.
type foreignAcks struct {
	*tally
	ns *Namespace
}

func (a foreignAcks) Expect(receivers int) { a.expect(max(receivers, 0)) }

func (a foreignAcks) Answer(p adapter.Payload) {
	answer, err := a.ns.foreignAnswer(p)
	if err != nil {
		a.gone(err)
		return
	}
	a.hear(answer)
}

func (a foreignAcks) Gone(why error) { a.gone(why) }
