// Package documents is the namespace /documents: texts that several people edit at
// once. Clients send operations with the version that their copy had; the server
// carries each over what came in between, gives it the next version and tells
// everybody, so that all copies become the server's.
package documents

import (
	"context"
	"errors"
	"log/slog"
	"sync"

	"parley/namespaces/documents/ot"
	"parley/namespaces/event"
	"parley/namespaces/identity"
	"parley/server/socketio"
)

// Documents is the namespace on one server.
type Documents struct {
	ns    *socketio.Namespace
	store Store
	opts  Options
}

// Mount adds /documents to srv, behind gate.
func Mount(srv *socketio.Server, gate *identity.Gate, opts *Options) *Documents {
	d := &Documents{ns: srv.Of("/documents"), opts: opts.WithDefaults()}
	d.store = d.opts.Store
	if d.store == nil {
		d.store = newMemory(d.opts)
	}
	if shared, ok := d.store.(Shared); ok {
		shared.Watch(Watch{Renew: d.publish, Changed: d.collaborators, Connected: event.SocketOf(d.ns)})
	}
	gate.Guard(d.ns)
	if d.opts.Recovery > 0 {
		d.ns.EnableRecovery(socketio.Recovery{Window: d.opts.Recovery, User: sessionUser})
	}
	d.ns.OnConnect(d.connected)
	d.ns.OnGone(d.gone)
	d.ns.OnMissed(d.renewAll)
	event.Handle(d.ns, "document-open", d.opts.EventBytes, d.open)
	event.Handle(d.ns, "document-close", d.opts.EventBytes, d.close)
	event.Handle(d.ns, "document-update", d.opts.EventBytes, d.update)
	event.Handle(d.ns, "cursor", d.opts.EventBytes, d.cursor)
	return d
}

// Room is the room of those who have a document open.
func Room(document string) string { return roomPrefix + document }

const roomPrefix = "document:"

var (
	errNotOpen = &socketio.Error{Code: "not_open", Message: "This document is not open."}
	errStale   = &socketio.Error{Code: "stale", Message: "This version is too old. The document follows anew."}
	errTooMany = &socketio.Error{Code: "limit", Message: "Too many open documents on this connection."}
)

type documentRequest struct {
	DocumentID string `json:"documentId"`
}

func (d *Documents) open(ctx context.Context, s *socketio.Socket, in documentRequest) (openReply, error) {
	if err := event.Name("documentId", in.DocumentID, d.opts.NameBytes); err != nil {
		return openReply{}, err
	}
	u, err := d.take(s, in.DocumentID)
	if err != nil {
		return openReply{}, err
	}
	var reply openReply
	var gone error
	err = d.store.Enter(ctx, in.DocumentID, s.ID(), u, func(snapshot Snapshot, news bool) {
		reply = openReply{true, snapshot}
		if gone = s.Join(Room(in.DocumentID)); gone != nil {
			return
		}
		event.Subscribed(ctx, d.ns, Room(in.DocumentID))
		_ = s.Emit("document-init", snapshot)
		d.welcome(s, snapshot, news)
	})
	if err != nil {
		d.put(s, in.DocumentID)
		return openReply{}, refusal(err)
	}
	if gone == nil {
		return reply, nil
	}
	// Nobody has been told that it came.
	if err := d.leave(context.WithoutCancel(ctx), s, in.DocumentID); err != nil {
		d.trouble(ctx, "document not closed", in.DocumentID, err)
	}
	if errors.Is(gone, socketio.ErrTooManyRooms) {
		gone = errTooMany
	}
	return openReply{}, gone
}

// welcome tells the others that a socket has come, if that makes the collaborators others.
func (d *Documents) welcome(s *socketio.Socket, snapshot Snapshot, news bool) {
	if news {
		_ = s.To(Room(snapshot.DocumentID)).Emit("collaborators-update", collaboratorsUpdate{snapshot.DocumentID, snapshot.Collaborators})
	}
}

// collaborators tells all who have a document open who they are.
func (d *Documents) collaborators(document string, now []identity.User) {
	_ = d.ns.In(Room(document)).Emit("collaborators-update", collaboratorsUpdate{document, now})
}

type openReply struct {
	OK bool `json:"ok"`
	Snapshot
}

type collaboratorsUpdate struct {
	DocumentID    string          `json:"documentId"`
	Collaborators []identity.User `json:"collaborators"`
}

func (d *Documents) close(ctx context.Context, s *socketio.Socket, in documentRequest) (event.Done, error) {
	if err := event.Name("documentId", in.DocumentID, d.opts.NameBytes); err != nil {
		return event.Done{}, err
	}
	if _, open := author(s, in.DocumentID); !open {
		return event.Done{}, errNotOpen
	}
	return event.Done{OK: true}, d.leave(ctx, s, in.DocumentID)
}

// leave closes a document on a socket. Who leaves hears nothing more of it.
func (d *Documents) leave(ctx context.Context, s *socketio.Socket, document string) error {
	d.put(s, document)
	s.Leave(Room(document))
	return d.store.Leave(ctx, document, s.ID(), func(left []identity.User) { d.collaborators(document, left) })
}

// gone runs when a client does not come back in time; until then its user stays a
// collaborator.
func (d *Documents) gone(ctx context.Context, s *socketio.Socket) {
	desk, ok := desks.Get(s)
	if !ok {
		return
	}
	ctx = context.WithoutCancel(ctx) // the others must hear of it, however the connection ended
	var all sync.WaitGroup           // a store that is away must not be waited for as often as there are documents
	for _, document := range desk.open() {
		all.Go(func() {
			if err := d.leave(ctx, s, document); err != nil {
				d.trouble(ctx, "document not closed", document, err)
			}
		})
	}
	all.Wait()
}

func (d *Documents) trouble(ctx context.Context, what, document string, err error) {
	d.opts.Logger.LogAttrs(ctx, slog.LevelError, what, slog.String("document", document), slog.Any("error", err))
}

// refusal turns what is refused into what the client hears.
func refusal(err error) error {
	var limit *LimitError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &limit):
		return &socketio.Error{Code: "limit", Message: limit.Error()}
	case errors.Is(err, ErrNoDocument):
		return errNotOpen
	case errors.Is(err, ot.ErrStale):
		return errStale
	case errors.Is(err, ot.ErrVersion):
		return event.Invalid("The document has not had this version.")
	case errors.Is(err, ot.ErrForm), errors.Is(err, ot.ErrRange), errors.Is(err, ot.ErrSurrogate):
		return event.Invalid("operation: " + err.Error() + ".")
	}
	return err
}
