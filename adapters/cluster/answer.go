package cluster

import (
	"fmt"
	"slices"
	"sync"
	"time"

	"parley/server/adapter"
)

// Receive acts on a message of another server. Those that this server has sent itself,
// answers to others, and answers that nobody waits for are ignored. The error says that
// the message was not for this namespace, or why Local has refused it. The Bus calls
// Receive from one goroutine at a time.
func (l *Link) Receive(m *Message) error {
	if l.closed.Load() {
		return nil
	}
	if m.Namespace != l.local.Namespace() {
		return fmt.Errorf("cluster: message for namespace %q", m.Namespace)
	}
	if m.Kind.IsAnswer() {
		l.receiveAnswer(m)
		return nil
	}
	if m.From == l.bus.ID() {
		return nil
	}
	switch m.Kind {
	case Broadcast:
		return l.broadcast(m)
	case Join:
		l.done(m)
		return l.local.Join(m.Selection, m.Rooms)
	case Leave:
		l.done(m)
		l.local.Leave(m.Selection, m.Rooms)
	case Disconnect:
		l.done(m)
		l.local.Disconnect(m.Selection, m.Transport)
	case Fetch:
		l.reply(m, Message{Kind: SocketList, Sockets: l.local.Sockets(m.Selection)})
	case ServerSide:
		return l.serverSide(m)
	case ListRooms:
		l.reply(m, Message{Kind: RoomList, Rooms: l.local.Rooms()})
	case ListIDs:
		l.listIDs(m)
	case Cancel:
		l.stopAnswer(source{m.From, m.Request})
	case Bye:
		l.left(m.From)
	default:
		return fmt.Errorf("cluster: message of unknown kind %d", m.Kind)
	}
	return nil
}

func (l *Link) receiveAnswer(m *Message) {
	if m.To != "" && m.To != l.bus.ID() {
		return
	}
	l.mu.Lock()
	r := l.requests[m.Request]
	if r != nil {
		l.saw(m.From)
	}
	l.mu.Unlock()
	if r != nil {
		r.take(m)
	}
}

// reply sends an answer to whoever sent the question.
func (l *Link) reply(question *Message, answer Message) {
	if question.Request == "" {
		return
	}
	answer.To, answer.Request = question.From, question.Request
	err := l.bus.Reply(question.From, l.signed(&answer))
	if err != nil && (answer.Kind == Answer || answer.Kind == Reply) {
		// A value that the wire cannot carry must not keep the server waiting.
		answer.Payload = adapter.Payload{Data: []byte("[]")}
		_ = l.bus.Reply(question.From, &answer)
	}
}

// done answers the old form of a request, which is about one socket, before the socket
// may be gone.
func (l *Link) done(m *Message) {
	if m.Request != "" && len(m.Selection.Rooms) == 1 && l.local.HasRoom(m.Selection.Rooms[0]) {
		l.reply(m, Message{Kind: Done})
	}
}

func (l *Link) broadcast(m *Message) error {
	switch {
	case m.Request != "":
		return l.deliverAck(m)
	case m.Offset == "":
		if len(m.Selection.Rooms) > 0 && !slices.ContainsFunc(m.Selection.Rooms, l.local.HasRoom) {
			return nil // for others only
		}
		return l.local.Deliver(m.Payload, m.Selection, m.Flags)
	}
	event := adapter.Event{Payload: m.Payload, Selection: m.Selection, Uncompressed: m.Flags.Uncompressed}
	after, err := l.local.DeliverAt(event, m.Offset)
	if after != nil {
		after()
	}
	return err
}

func (l *Link) listIDs(m *Message) {
	var ids []string
	for _, s := range l.local.Sockets(m.Selection) {
		ids = append(ids, s.ID)
	}
	l.reply(m, Message{Kind: IDList, Rooms: ids})
}

func (l *Link) serverSide(m *Message) error {
	if m.Request == "" {
		return l.local.ServerSide(m.Payload, nil)
	}
	question := &Message{From: m.From, Request: m.Request}
	err := l.local.ServerSide(m.Payload, func(p adapter.Payload) { l.reply(question, Message{Kind: Reply, Payload: p}) })
	if err != nil {
		l.reply(m, Message{Kind: Gone, Reason: err.Error()})
	}
	return err
}

// left ends what a server that has left was part of.
func (l *Link) left(server string) {
	l.mu.Lock()
	waiting := make([]*request, 0, len(l.requests))
	for _, r := range l.requests {
		waiting = append(waiting, r)
	}
	delete(l.seen, server)
	l.mu.Unlock()
	for _, r := range waiting {
		r.left(server)
	}
	l.stopAnswering(server)
}

// A source is a request of another server.
type source struct{ server, request string }

// An answering passes the acknowledgements of local sockets on to the server that
// has asked for them.
type answering struct {
	link  *Link
	key   source
	timer *time.Timer
	stop  func()

	mu   sync.Mutex // guards owed
	owed int
}

func (a *answering) reply(answer Message) {
	a.link.reply(&Message{From: a.key.server, Request: a.key.request}, answer)
}

func (a *answering) Expect(receivers int) {
	a.mu.Lock()
	a.owed += receivers
	a.mu.Unlock()
	a.reply(Message{Kind: Expect, Count: receivers})
}

func (a *answering) Answer(p adapter.Payload) {
	a.reply(Message{Kind: Answer, Payload: p})
	a.settle()
}

func (a *answering) Gone(why error) {
	a.reply(Message{Kind: Gone, Reason: why.Error()})
	a.settle()
}

// settle notes that one receiver owes nothing more.
func (a *answering) settle() {
	a.mu.Lock()
	a.owed--
	over := a.owed == 0
	a.mu.Unlock()
	if over {
		a.link.forget(a.key, a)
	}
}

// deliverAck broadcasts and answers until all receivers have, or until the time that
// the asking server gives is over.
func (l *Link) deliverAck(m *Message) error {
	a := &answering{link: l, key: source{m.From, m.Request}}
	l.mu.Lock()
	again, full := l.answers[a.key] != nil, len(l.answers) >= l.opts.MaxAnswering
	l.mu.Unlock()
	switch {
	case again:
		return fmt.Errorf("cluster: server %s repeats request %s", m.From, m.Request)
	case full:
		a.Expect(0)
		return fmt.Errorf("cluster: too many requests wait for clients: Options.MaxAnswering is %d", l.opts.MaxAnswering)
	}
	timeout := m.Flags.Timeout
	if timeout <= 0 {
		timeout = l.opts.Timeout
	}
	stop, err := l.local.DeliverAck(m.Payload, m.Selection, m.Flags, a)
	if err != nil {
		return err
	}
	// Under l.mu: whoever settles the last debt after this look finds the entry.
	l.mu.Lock()
	defer l.mu.Unlock()
	a.mu.Lock()
	over := a.owed <= 0
	a.mu.Unlock()
	if over {
		return nil
	}
	a.stop = stop
	a.timer = time.AfterFunc(min(timeout, l.opts.MaxAckTimeout), func() { l.stopAnswer(a.key) })
	l.answers[a.key] = a
	return nil
}

// forget removes what is over: whatever has the key, or only a certain one.
func (l *Link) forget(key source, only *answering) *answering {
	l.mu.Lock()
	defer l.mu.Unlock()
	a := l.answers[key]
	if a == nil || only != nil && a != only {
		return nil
	}
	delete(l.answers, key)
	a.timer.Stop()
	return a
}

// stopAnswer ends the answers to a request.
func (l *Link) stopAnswer(key source) {
	if a := l.forget(key, nil); a != nil {
		a.stop()
	}
}

// stopAnswering ends the answers to a server, or to all for "".
func (l *Link) stopAnswering(server string) {
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
