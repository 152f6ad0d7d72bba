package socketio

import "parley/server/adapter"

// A poll is one broadcast whose local receivers are to acknowledge it: one packet
// with one id, which no call of theirs has. It is the waiter of each of them.
type poll struct {
	ns    *Namespace
	id    int64
	acks  adapter.Acks
	asker *Socket // whose handler waits; nil if none does

	asked []*Socket // set by send
}

// newPoll begins the broadcast of a handler of asker, or of nobody's.
func (ns *Namespace) newPoll(acks adapter.Acks, asker *Socket) *poll {
	id := firstPollID + ns.polls.Add(1)&maxCallID
	return &poll{ns: ns, id: id, acks: acks, asker: asker}
}

func (p *poll) answered(answer adapter.Payload) { p.acks.Answer(answer) }

func (p *poll) failed(err error) { p.acks.Gone(err) }

func (p *poll) by(s *Socket) bool { return p.asker == s }

// send asks those of the sockets that are connected, but not except.
func (p *poll) send(question *packet, sockets []*Socket, except *Socket, f flags) {
	p.asked = make([]*Socket, 0, len(sockets))
	for _, s := range sockets {
		if s != except && s.Connected() {
			p.asked = append(p.asked, s)
		}
	}
	p.acks.Expect(len(p.asked))
	for _, s := range p.asked {
		if _, err := s.register(p, p.id); err != nil {
			p.acks.Gone(err)
			continue
		}
		if err := s.deliver(question, f); err != nil && s.withdraw(p.id) {
			p.acks.Gone(err)
		}
	}
}

// stop ends the waiting, once send has returned. Acks that are under way may still
// come.
func (p *poll) stop() {
	for _, s := range p.asked {
		s.withdraw(p.id)
	}
}
