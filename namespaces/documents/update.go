package documents

import (
	"context"
	"errors"

	"parley/namespaces/documents/ot"
	"parley/namespaces/event"
	"parley/server/socketio"
)

type updateRequest struct {
	DocumentID string       `json:"documentId"`
	Operation  ot.Operation `json:"operation"`
	Version    *int         `json:"version"`
}

type updateReply struct {
	OK bool `json:"ok"`
	Change
}

func (d *Documents) update(ctx context.Context, s *socketio.Socket, in updateRequest) (updateReply, error) {
	if err := event.Name("documentId", in.DocumentID, d.opts.NameBytes); err != nil {
		return updateReply{}, err
	}
	userID, open := author(s, in.DocumentID)
	if !open {
		return updateReply{}, errNotOpen
	}
	draft := Draft{in.Operation, in.Version, userID}
	change, err := d.store.Submit(ctx, in.DocumentID, draft, func(c Change) {
		_ = d.echo(ctx, s, Room(in.DocumentID)).Emit("document-update", c)
	})
	if errors.Is(err, ot.ErrStale) {
		socketio.AfterReply(ctx, func() { d.renew(ctx, s, in.DocumentID) })
	}
	return updateReply{true, change}, refusal(err)
}

// echo is where a broadcast of s goes: a client that waits for an acknowledgement
// has the change from there, any other gets it like everyone else.
func (d *Documents) echo(ctx context.Context, s *socketio.Socket, room string) socketio.Target {
	if socketio.HasAck(ctx) {
		return s.To(room)
	}
	return d.ns.In(room)
}

type cursorRequest struct {
	DocumentID string `json:"documentId"`
	Position   *int   `json:"position"`
}

type cursor struct {
	DocumentID string `json:"documentId"`
	UserID     string `json:"userId"`
	Position   int    `json:"position"`
}

func (d *Documents) cursor(_ context.Context, s *socketio.Socket, in cursorRequest) (event.Done, error) {
	if err := event.Name("documentId", in.DocumentID, d.opts.NameBytes); err != nil {
		return event.Done{}, err
	}
	if in.Position == nil || *in.Position < 0 {
		return event.Done{}, event.Invalid("position is missing or negative.")
	}
	userID, open := author(s, in.DocumentID)
	if !open {
		return event.Done{}, errNotOpen
	}
	err := s.To(Room(in.DocumentID)).Volatile().Emit("cursor", cursor{in.DocumentID, userID, *in.Position})
	return event.Done{OK: true}, err
}
