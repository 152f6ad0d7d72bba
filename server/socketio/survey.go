package socketio

import "parley/server/adapter"

// A survey is one broadcast whose local receivers are to acknowledge it: one packet
// with one id, which no call of theirs has. It is the waiter of each of them.
type survey struct {
	id    int64
	acks  adapter.Acks
	asker *Socket // whose handler waits; nil if none does

	asked []*Socket // set by send
}

// newSurvey begins the broadcast of a handler of asker, or of nobody's.
func (ns *Namespace) newSurvey(acks adapter.Acks, asker *Socket) *survey {
	id := firstSurveyID + ns.surveys.Add(1)&maxCallID
	return &survey{id: id, acks: acks, asker: asker}
}

func (v *survey) answered(answer adapter.Payload) { v.acks.Answer(answer) }

func (v *survey) failed(err error) { v.acks.Gone(err) }

func (v *survey) by(s *Socket) bool { return v.asker == s }

// send asks those of the sockets that are connected, but not except.
func (v *survey) send(question *packet, sockets []*Socket, except *Socket, f flags) {
	v.asked = make([]*Socket, 0, len(sockets))
	for _, s := range sockets {
		if s != except && s.Connected() {
			v.asked = append(v.asked, s)
		}
	}
	v.acks.Expect(len(v.asked))
	for _, s := range v.asked {
		if _, err := s.register(v, v.id); err != nil {
			v.acks.Gone(err)
			continue
		}
		if err := s.deliver(question, f); err != nil && s.withdraw(v.id) {
			v.acks.Gone(err)
		}
	}
}

// stop ends the waiting, once send has returned. Acks that are under way may still
// come.
func (v *survey) stop() {
	for _, s := range v.asked {
		s.withdraw(v.id)
	}
}
