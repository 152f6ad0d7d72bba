package documents

import (
	"context"
	"log/slog"

	"parley/namespaces/event"
	"parley/server/socketio"
)

// renew sends a document anew to a socket that has it open, in its place between the
// updates.
func (d *Documents) renew(ctx context.Context, s *socketio.Socket, document string) {
	d.notSent(ctx, document, d.reenter(ctx, s, document, func(fresh Snapshot, _ bool) { _ = s.Emit("document-init", fresh) }))
}

// renewAll sends all documents anew to the sockets of this server that have them open,
// which may have missed updates of other servers. It tries until the store is there.
func (d *Documents) renewAll(ctx context.Context) {
	done := make(map[string]bool)
	event.Retry(ctx, func() error { return d.renewMissing(ctx, done) }, func(err error) {
		d.opts.Logger.LogAttrs(ctx, slog.LevelWarn, "documents not sent anew yet", slog.Any("error", err))
	})
}

// renewMissing sends the documents anew that are not done. It ends with an error if the store is not there.
func (d *Documents) renewMissing(ctx context.Context, done map[string]bool) error {
	for _, s := range d.ns.Sockets() {
		desk, ok := desks.Get(s)
		if !ok {
			continue
		}
		for _, document := range desk.open() {
			if done[document] || ctx.Err() != nil {
				continue
			}
			err := d.reenter(ctx, s, document, func(fresh Snapshot, _ bool) {
				_ = d.ns.Local().In(Room(document)).Emit("document-init", fresh)
			})
			if event.Unavailable(err) {
				return err
			}
			d.notSent(ctx, document, err)
			done[document] = true
		}
	}
	return nil
}

func (d *Documents) notSent(ctx context.Context, document string, err error) {
	if err != nil {
		d.trouble(ctx, "document not sent anew", document, err)
	}
}

// publish sends a document anew to all who have it open.
func (d *Documents) publish(fresh Snapshot) {
	_ = d.ns.In(Room(fresh.DocumentID)).Emit("document-init", fresh)
}

// rejoin notes, for the others, that a socket has its documents open: they may have
// thought that it is gone.
func (d *Documents) rejoin(ctx context.Context, s *socketio.Socket) {
	if desk, ok := desks.Get(s); ok {
		for _, document := range desk.open() {
			d.notSent(ctx, document, d.reenter(ctx, s, document, func(now Snapshot, news bool) { d.welcome(s, now, news) }))
		}
	}
}

// reenter is Enter for a socket that has the document open.
func (d *Documents) reenter(ctx context.Context, s *socketio.Socket, document string, publish func(Snapshot, bool)) error {
	desk, ok := desks.Get(s)
	if !ok {
		return nil
	}
	if err := d.store.Enter(ctx, document, s.ID(), desk.user, publish); err != nil {
		return err
	}
	if _, open := author(s, document); !open { // closed meanwhile
		if err := d.leave(context.WithoutCancel(ctx), s, document); err != nil {
			d.trouble(ctx, "document not closed", document, err)
		}
	}
	return nil
}
