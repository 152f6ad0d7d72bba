// Package documents is the namespace /documents: texts that several people edit at
// once. Clients send operations with the version that their copy had; the server
// carries each over what came in between, gives it the next version and tells
// everybody, so that all copies become the server's.
package documents

import (
	"context"
	"errors"
	"log/slog"
	"slices"
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
	d := &Documents{ns: srv.Of("/documents"), opts: opts.withDefaults()}
	d.store = d.opts.Store
	if d.store == nil {
		d.store = newMemory(d.opts)
	}
	gate.Guard(d.ns)
	if d.opts.Recovery > 0 {
		d.ns.EnableRecovery(socketio.Recovery{Window: d.opts.Recovery, User: sessionUser})
	}
	d.ns.OnConnect(connected)
	d.ns.OnGone(d.gone)
	d.ns.OnMissed(d.renewAll)
	event.Handle(d.ns, "document-open", d.opts.EventBytes, d.open)
	event.Handle(d.ns, "document-close", d.opts.EventBytes, d.close)
	event.Handle(d.ns, "document-update", d.opts.EventBytes, d.update)
	event.Handle(d.ns, "cursor", d.opts.EventBytes, d.cursor)
	return d
}

// A desk is who is behind a socket, and the documents that they have open.
type desk struct {
	user identity.User

	mu        sync.Mutex // guards documents
	documents []string
}

var desks = socketio.NewKey[*desk]("open documents")

// room is the room of those who have a document open.
func room(document string) string { return "document:" + document }

var (
	errNotOpen = &socketio.Error{Code: "not_open", Message: "This document is not open."}
	errStale   = &socketio.Error{Code: "stale", Message: "This version is too old. The document follows anew."}
	errTooMany = &socketio.Error{Code: "limit", Message: "Too many open documents on this connection."}
)

// connected gives a socket its desk. In open mode a client need not say who it is:
// it is somebody without a name then. Who comes back has one.
func connected(_ context.Context, s *socketio.Socket) {
	if _, back := desks.Get(s); back {
		return
	}
	user := identity.User{UserID: s.ID(), Username: "Anonymous"}
	if p, ok := identity.Of(s); ok {
		user = p.User
	}
	desks.Set(s, &desk{user: user})
}

// sessionUser binds what a client leaves behind to its user, or to nobody.
func sessionUser(s *socketio.Socket) string {
	p, _ := identity.Of(s)
	return p.UserID
}

// author returns the id of the user behind a socket that has the document open.
func author(s *socketio.Socket, document string) (userID string, open bool) {
	d, ok := desks.Get(s)
	if !ok {
		return "", false
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.user.UserID, slices.Contains(d.documents, document)
}

// opened returns the documents that a socket has open.
func opened(s *socketio.Socket) []string {
	d, ok := desks.Get(s)
	if !ok {
		return nil
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.documents)
}

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
	err = d.store.Enter(ctx, in.DocumentID, s.ID(), u, func(snapshot Snapshot, news bool) {
		reply = openReply{true, snapshot}
		if s.Join(room(in.DocumentID)) != nil {
			return // gone meanwhile: the hook for that takes it out again
		}
		_ = s.Emit("document-init", snapshot)
		if news {
			_ = s.To(room(in.DocumentID)).Emit("collaborators-update", collaboratorsUpdate{in.DocumentID, snapshot.Collaborators})
		}
	})
	if err != nil {
		d.put(s, in.DocumentID)
	}
	return reply, refusal(err)
}

type openReply struct {
	OK bool `json:"ok"`
	Snapshot
}

type collaboratorsUpdate struct {
	DocumentID    string          `json:"documentId"`
	Collaborators []identity.User `json:"collaborators"`
}

// take notes a document as open on a socket, and returns who opens it.
func (d *Documents) take(s *socketio.Socket, document string) (identity.User, error) {
	desk, ok := desks.Get(s)
	if !ok {
		return identity.User{}, socketio.ErrClosed
	}
	desk.mu.Lock()
	defer desk.mu.Unlock()
	if slices.Contains(desk.documents, document) {
		return desk.user, nil
	}
	if len(desk.documents) >= d.opts.PerSocket {
		return identity.User{}, errTooMany
	}
	desk.documents = append(desk.documents, document)
	return desk.user, nil
}

// put undoes take.
func (d *Documents) put(s *socketio.Socket, document string) {
	if desk, ok := desks.Get(s); ok {
		desk.mu.Lock()
		defer desk.mu.Unlock()
		desk.documents = slices.DeleteFunc(desk.documents, func(id string) bool { return id == document })
	}
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
	s.Leave(room(document))
	return d.store.Leave(ctx, document, s.ID(), func(left []identity.User) {
		_ = d.ns.In(room(document)).Emit("collaborators-update", collaboratorsUpdate{document, left})
	})
}

// gone runs when a client does not come back in time; until then its user stays a
// collaborator.
func (d *Documents) gone(ctx context.Context, s *socketio.Socket) {
	ctx = context.WithoutCancel(ctx) // the others must hear of it, however the connection ended
	for _, document := range opened(s) {
		if err := d.leave(ctx, s, document); err != nil {
			d.opts.Logger.LogAttrs(ctx, slog.LevelError, "document not closed", slog.String("document", document), slog.Any("error", err))
		}
	}
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
	case errors.Is(err, ErrStale):
		return errStale
	case errors.Is(err, ErrVersion):
		return event.Invalid("The document has not had this version.")
	case errors.Is(err, ot.ErrForm), errors.Is(err, ot.ErrRange), errors.Is(err, ot.ErrSurrogate):
		return event.Invalid("operation: " + err.Error() + ".")
	}
	return err
}
