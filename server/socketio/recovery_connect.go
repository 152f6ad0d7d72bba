package socketio

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"parley/server/adapter"
	"parley/server/engineio"
	"parley/server/wire/sio"
)

// maxCredential bounds the pid and the offset of a client, in bytes. No longer ones
// exist.
const maxCredential = 64

// A comeback is a client that brings the pid of a session.
type comeback struct {
	pid, offset string
	old         *Socket         // its socket, if this server has it
	elsewhere   adapter.Holding // its socket, if another server has it
	session     adapter.Session // once it is claimed
	claimed     bool
	arriving    bool // see arrival
}

// connect is Socket.connect: as there the middlewares decide, but on a client that
// comes back they do so under its old id.
func (r *recovery) connect(s *Socket) {
	chain := r.ns.chain()
	back := r.recognise(s)
	defer r.arrived(back)
	var err error
	if back == nil || !r.opts.SkipMiddlewares {
		err = s.admit(chain)
	}
	if err == nil {
		err = r.ask(s)
	}
	switch {
	case err != nil:
		r.putBack(back)
		s.refuse(err)
		r.ns.remove(s)
		return
	case back == nil:
		r.begin(s)
	case !r.resume(s, back):
		r.startOver(s)
		return
	}
	if !s.lease.begun {
		r.ns.remove(s)
		return
	}
	s.client.joined()
	r.release(s)
	s.run((*hooks).onConnect)
}

// ask asks the application whose session it is.
func (r *recovery) ask(s *Socket) (err error) {
	if r.opts.User == nil {
		return nil
	}
	defer s.recovered(&err)
	s.lease.user = r.opts.User(s)
	return nil
}

// recognise finds the session of a client that comes back, and gives s its id. A
// session whose socket is still there, on this server or another, because its end was
// not noticed, stays with it until the user is known; any other is claimed.
func (r *recovery) recognise(s *Socket) *comeback {
	l := s.lease
	if l.fresh || s.auth == nil {
		return nil
	}
	var in struct {
		PID    string `json:"pid"`
		Offset string `json:"offset"`
	}
	if json.Unmarshal(s.auth, &in) != nil || len(in.PID) > maxCredential || len(in.Offset) > maxCredential {
		return nil
	}
	l.came = in.Offset
	if in.PID == "" {
		return nil
	}
	back := &comeback{pid: in.PID, offset: in.Offset}
	r.ns.mu.RLock()
	old := r.owners[in.PID]
	there := old != nil && !old.lease.left
	r.ns.mu.RUnlock()
	if there {
		s.id, back.old = old.id, old
		return back
	}
	found, err := r.claim(s, back)
	if !found && err == nil && r.finder != nil {
		if r.find(s, back) {
			s.id = back.elsewhere.Socket
			return back
		}
		found, _ = r.claim(s, back) // its server may have saved it while that was asked
	}
	if !found {
		return nil
	}
	s.id = back.session.ID
	return back
}

// claim takes the session out of the store. Where its socket is on this server, whoever
// ends its waiting goes on with the session and nobody else.
func (r *recovery) claim(s *Socket, back *comeback) (found bool, err error) {
	if s.state.Load() == stateClosed {
		return false, nil // the client may be somewhere else by now
	}
	r.ns.mu.Lock()
	old := r.owners[back.pid]
	ours := old == nil || r.stopWaiting(old)
	if ours {
		r.arrive(back)
	}
	r.ns.mu.Unlock()
	if !ours {
		return false, nil
	}
	session, found, err := r.log.Claim(r.ns.server.life, back.pid)
	if err != nil {
		s.log().Error("cannot look for a session", "error", err)
	}
	if !found {
		if old != nil {
			r.finish(old, err != nil)
		}
		r.arrived(back)
		return false, err
	}
	if old != nil && session.Saved != old.lease.saved { // the client has been at another server since
		r.lose(old)
		old = nil
	}
	back.session, back.old, back.claimed = session, old, true
	if old != nil {
		r.ns.mu.RLock()
		defer r.ns.mu.RUnlock()
		back.session.Rooms = slices.Clone(old.lease.rooms) // others may have changed them
	}
	return true, nil
}

// putBack lets the client try again, for as long as its session lives.
func (r *recovery) putBack(back *comeback) {
	if back == nil || !back.claimed {
		return
	}
	back.claimed = false
	r.ns.mu.Lock()
	defer r.ns.mu.Unlock()
	switch {
	case back.old == nil:
		r.log.Save(back.session)
	case r.over():
		if r.shared {
			r.log.Save(back.session)
		}
		back.old.client.session.Run(departure{r, back.old})
	default:
		r.log.Save(back.session)
		r.wait(back.old, back.session.Until)
	}
}

// begin lets a new client in.
func (r *recovery) begin(s *Socket) {
	pid := newID()
	reply := r.reply(s, pid)
	queued := false
	r.log.Sync(func(newest string) { queued = r.enter(s, pid, newest, nil, reply) })
	if queued {
		s.client.session.Report(reply)
	}
}

// reply is the CONNECT packet.
func (r *recovery) reply(s *Socket, pid string) engineio.Message {
	return s.client.control(sio.Connect, r.ns.name, `{"sid":"`+s.id+`","pid":"`+pid+`"}`)
}

// enter makes s a socket of the namespace and sends its client the first messages,
// all under one lock, as Namespace.add does; it reports whether they are queued. A socket
// in the place of another gets its rooms, of which tellRooms is to tell.
func (r *recovery) enter(s *Socket, pid, since string, rooms []adapter.Stay, first ...engineio.Message) (queued bool) {
	ns, l := r.ns, s.lease
	ns.mu.Lock()
	var old *Socket
	defer func() {
		ns.changes.wanted = false
		ns.mu.Unlock()
		if old != nil {
			ns.release()
		}
	}()
	ns.changes.wanted = watched(ns.chain())
	if !s.state.CompareAndSwap(stateConnecting, stateConnected) {
		return false
	}
	l.pid, l.since, l.begun, l.gaps = pid, since, true, r.gaps.Load()
	if r.shared {
		l.saved = newID()
	}
	queued, _ = s.client.session.Enqueue(false, first...)
	ns.insert(s)
	if old = r.owners[pid]; old != nil {
		rooms = old.lease.rooms // others may have changed them
		old.lease.over = true
	}
	r.owners[pid] = s
	for _, stay := range rooms {
		if stay.To == "" && !s.in(stay.Room) {
			ns.enter(s, stay.Room)
		}
	}
	if old != nil {
		ns.unhold(old)
		old.lease.rooms = nil
	}
	return queued
}

// resume lets a client that comes back go on where it was. It reports false if that
// is impossible.
func (r *recovery) resume(s *Socket, back *comeback) bool {
	if !back.claimed {
		if !r.takeOver(s, back) {
			return s.state.Load() == stateClosed
		}
	}
	if back.session.ID != s.id || back.session.User != s.lease.user || time.Now().After(back.session.Until) {
		r.putBack(back)
		return false
	}
	if s.state.Load() == stateClosed {
		r.putBack(back)
		return true
	}
	return r.restore(s, back)
}

var errTooMuch = errors.New("more was missed than may be sent at a time")

// catchUp makes sure that a log in memory has what other servers have sent, or says that something is missing: a
// connection to them may have been lost, unnoticed so far.
func (r *recovery) catchUp(ctx context.Context, session adapter.Session) error {
	if r.shared || r.ns.peers == nil {
		return nil
	}
	others, ok := r.ns.peers.Adapter.(adapter.Syncer)
	if !ok {
		return nil
	}
	rooms := make([]string, 0, len(session.Rooms))
	for _, stay := range session.Rooms {
		rooms = append(rooms, stay.Room)
	}
	ctx, cancel := context.WithTimeout(ctx, r.opts.MaxWait)
	defer cancel()
	return others.Sync(ctx, rooms...)
}

// restore replays what was missed. Between that and the first event that s gets like
// all others none is lost and none comes twice.
func (r *recovery) restore(s *Socket, back *comeback) bool {
	l, session := s.lease, back.session
	offset := back.offset
	if offset == "" || offset == session.Came {
		offset = session.Since // it has received nothing since
	}
	r.inherit(s, back)
	l.recovered.Store(true)
	batch := []engineio.Message{r.reply(s, session.PID)}
	limits, bytes := &r.ns.server.opts, 0
	take := func(e adapter.Event, at string) error {
		p, err := r.packetOf(e, at)
		if err != nil {
			return err
		}
		messages, err := p.messagesFor(s)
		if err != nil {
			return err
		}
		batch = append(batch, messages...)
		if bytes += p.size(); bytes > limits.SendQueueBytes || len(batch) > limits.SendQueuePackets {
			return errTooMuch
		}
		return nil
	}
	queued := false
	err := r.catchUp(s.handlerContext(), session)
	if err == nil {
		err = r.log.Replay(s.handlerContext(), session, offset, take, func() {
			queued = r.enter(s, session.PID, offset, session.Rooms, batch...)
		})
		r.ns.tellRooms()
	}
	if queued {
		s.client.session.Report(batch...)
	}
	switch {
	case l.begun:
		return true
	case s.state.Load() == stateClosed:
		r.putBack(back)
		return true
	case back.old != nil:
		r.gone(back.old)
	default:
		r.log.Save(session) // for its server to find that nobody came back
	}
	s.log().Debug("a client cannot recover", "error", err)
	return false
}

// inherit gives s the data of the earlier connection: all of it where that was on this
// server, else what was shared.
func (r *recovery) inherit(s *Socket, back *comeback) {
	var data []datum
	if old := back.old; old != nil {
		old.mu.Lock()
		data = slices.Clone(old.data)
		old.mu.Unlock()
	} else {
		for name, raw := range back.session.Data {
			data = append(data, datum{value: &sharedValue{name: name, raw: jsontext.Value(raw)}})
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, d := range data {
		if !slices.ContainsFunc(s.data, d.sameKey) {
			s.data = append(s.data, d)
		}
	}
}

// startOver lets a client that cannot recover in as a new one.
func (r *recovery) startOver(s *Socket) {
	fresh := &Socket{ns: s.ns, client: s.client, id: newID(), auth: s.auth, lease: &lease{fresh: true, came: s.lease.came}}
	there := s.client.replace(s, fresh)
	if there {
		r.ns.retain()
	}
	s.end(nil, ReasonServerDisconnect)
	r.ns.remove(s)
	if there {
		fresh.receive(nil, &item{kind: itemConnect})
	}
}
