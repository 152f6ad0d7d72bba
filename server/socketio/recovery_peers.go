package socketio

import (
	"fmt"

	"parley/server/adapter"
	"parley/server/wire/sio"
)

// receive takes in an event of another server. If that server has not given it an
// offset, this one does.
func (r *recovery) receive(event adapter.Event, f flags) error {
	e, err := r.foreign(event.Payload)
	if err != nil {
		return err
	}
	deliver := func(offset string) (after func()) {
		p := e.endAt(offset, event.Uncompressed)
		return r.ns.gather(event.Rooms, event.Except).deliver(&p, "", f)
	}
	if f.volatile || r.shared {
		r.pass(deliver)
	} else {
		r.log.Append(event, deliver)
	}
	return nil
}

// receiveAt takes in an event that has its place in a log of all servers.
func (r *recovery) receiveAt(event adapter.Event, offset string) (after func(), err error) {
	e, err := r.foreign(event.Payload)
	if err != nil {
		return nil, err
	}
	p := e.endAt(offset, event.Uncompressed)
	return r.ns.gather(event.Rooms, event.Except).deliver(&p, "", flags{}), nil
}

// foreign begins the packet of an event of another server, of which it makes sure that
// clients understand it.
func (r *recovery) foreign(p adapter.Payload) (*encoder, error) {
	err := r.ns.checkPayload(sio.Event, p)
	if err == nil && p.Data[len(p.Data)-1] != ']' {
		err = errNoArray // but there is something behind one
	}
	var e *encoder
	if err == nil {
		e, err = r.encodeKept(p)
	}
	if err != nil {
		return nil, fmt.Errorf("socketio: event of another server: %w", err)
	}
	return e, nil
}
