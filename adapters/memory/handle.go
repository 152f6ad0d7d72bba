package memory

import (
	"sync"
	"time"

	"parley/server/adapter"
)

// handle acts on a message of another server.
func (l *link) handle(m message) {
	switch m.Kind {
	case kindBroadcast:
		if m.Request == 0 {
			_ = l.local.Deliver(m.Payload, m.Selection, m.Flags)
		} else {
			l.deliverAck(m)
		}
	case kindJoin:
		_ = l.local.Join(m.Selection, m.Rooms)
	case kindLeave:
		l.local.Leave(m.Selection, m.Rooms)
	case kindDisconnect:
		l.local.Disconnect(m.Selection, m.Transport)
	case kindFetch:
		l.reply(m, message{Kind: kindSockets, Sockets: l.local.Sockets(m.Selection)})
	case kindServerSide:
		l.serverSide(m)
	case kindCancel:
		l.stopAnswer(source{m.From, m.Request})
	case kindBye:
		l.left(m.From)
	default:
		l.mu.Lock()
		r := l.requests[m.Request]
		l.mu.Unlock()
		if r != nil {
			r.take(m)
		}
	}
}

// reply sends an answer to whoever sent the question.
func (l *link) reply(question, answer message) {
	answer.Request = question.Request
	_ = l.bus.publish(l, question.From, answer, nil)
}

func (l *link) serverSide(m message) {
	if m.Request == 0 {
		_ = l.local.ServerSide(m.Payload, nil)
		return
	}
	err := l.local.ServerSide(m.Payload, func(p adapter.Payload) { l.reply(m, message{Kind: kindReply, Payload: p}) })
	if err != nil {
		l.reply(m, message{Kind: kindGone, Reason: err.Error()})
	}
}

// left ends what a server that has left was part of.
func (l *link) left(server string) {
	l.mu.Lock()
	var waiting []*request
	for _, r := range l.requests {
		waiting = append(waiting, r)
	}
	l.mu.Unlock()
	for _, r := range waiting {
		r.left(server)
	}
	l.stopAnswering(server)
}

// A source is a request of another server.
type source struct {
	server  string
	request int64
}

// An answering passes the acknowledgements of local sockets on to the server that
// has asked for them.
type answering struct {
	link     *link
	question message
	timer    *time.Timer
	stop     func()

	mu   sync.Mutex // guards owed
	owed int
}

func (a *answering) Expect(receivers int) {
	a.mu.Lock()
	a.owed += receivers
	a.mu.Unlock()
	a.link.reply(a.question, message{Kind: kindExpect, Count: receivers})
}

func (a *answering) Answer(p adapter.Payload) {
	a.link.reply(a.question, message{Kind: kindAnswer, Payload: p})
	a.settle()
}

func (a *answering) Gone(why error) {
	a.link.reply(a.question, message{Kind: kindGone, Reason: why.Error()})
	a.settle()
}

// settle notes that one receiver owes nothing more.
func (a *answering) settle() {
	a.mu.Lock()
	a.owed--
	over := a.owed == 0
	a.mu.Unlock()
	if over {
		a.link.forget(source{a.question.From, a.question.Request})
	}
}

// deliverAck broadcasts and answers until all receivers have, or until the time that
// the asking server gives is over.
func (l *link) deliverAck(m message) {
	a := &answering{link: l, question: m}
	key := source{m.From, m.Request}
	timeout := m.Flags.Timeout
	if timeout <= 0 {
		timeout = l.bus.opts.Timeout
	}
	stop, err := l.local.DeliverAck(m.Payload, m.Selection, m.Flags, a)
	if err != nil {
		return
	}
	// Under l.mu: whoever settles the last debt after this look finds the entry.
	l.mu.Lock()
	defer l.mu.Unlock()
	a.mu.Lock()
	over := a.owed == 0
	a.mu.Unlock()
	if over {
		return
	}
	a.stop = stop
	a.timer = time.AfterFunc(timeout, func() { l.stopAnswer(key) })
	l.answers[key] = a
}

// forget removes what is over.
func (l *link) forget(key source) (a *answering) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if a = l.answers[key]; a != nil {
		delete(l.answers, key)
		a.timer.Stop()
	}
	return a
}

// stopAnswer ends the answers to a request.
func (l *link) stopAnswer(key source) {
	if a := l.forget(key); a != nil {
		a.stop()
	}
}

// stopAnswering ends the answers to a server, or to all for "".
func (l *link) stopAnswering(server string) {
	l.mu.Lock()
	var keys []source
	for key := range l.answers {
		if server == "" || key.server == server {
			keys = append(keys, key)
		}
	}
	l.mu.Unlock()
	for _, key := range keys {
		l.stopAnswer(key)
	}
}
