package documents

import (
	"context"
	"errors"
	"log/slog"

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
		_ = d.echo(ctx, s, room(in.DocumentID)).Emit("document-update", c)
	})
	if errors.Is(err, ErrStale) {
		socketio.AfterReply(ctx, func() { d.renew(ctx, s, in.DocumentID) })
	}
	return updateReply{true, change}, refusal(err)
}

// renew sends a document anew to a socket that has it open, in its place between the
// updates.
func (d *Documents) renew(ctx context.Context, s *socketio.Socket, document string) {
	desk, ok := desks.Get(s)
	if !ok {
		return
	}
	err := d.store.Enter(ctx, document, s.ID(), desk.user, func(fresh Snapshot, _ bool) {
		_ = s.Emit("document-init", fresh)
	})
	if err != nil {
		d.opts.Logger.LogAttrs(ctx, slog.LevelError, "document not sent anew", slog.String("document", document), slog.Any("error", err))
	}
}

// renewAll sends the open documents of this server's sockets anew: changes that others
// have made may not have arrived.
func (d *Documents) renewAll(ctx context.Context) {
	for _, s := range d.ns.Sockets() {
		for _, document := range opened(s) {
			if ctx.Err() != nil {
				return
			}
			d.renew(ctx, s, document)
			if _, open := author(s, document); open {
				continue
			}
			// It was closed meanwhile, perhaps before it was entered again.
			if err := d.leave(ctx, s, document); err != nil && !errors.Is(err, ErrNoDocument) {
				d.opts.Logger.LogAttrs(ctx, slog.LevelError, "document not closed", slog.String("document", document), slog.Any("error", err))
			}
		}
	}
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
	err := s.To(room(in.DocumentID)).Volatile().Emit("cursor", cursor{in.DocumentID, userID, *in.Position})
	return event.Done{OK: true}, err
}
