package documents

import (
	"context"
	"errors"
	"fmt"

	"parley/namespaces/documents/ot"
	"parley/namespaces/identity"
)

// A Snapshot is a document at one version.
type Snapshot struct {
	DocumentID    string          `json:"documentId"`
	Content       string          `json:"content"`
	Version       int             `json:"version"`
	Collaborators []identity.User `json:"collaborators"` // in the order they came
}

// A Draft is an operation as a client sends it.
type Draft struct {
	Operation ot.Operation
	Version   *int // of the copy that the operation was made on; nil: the current one
	UserID    string
}

// A Change is an accepted operation, carried over those accepted before it.
type Change struct {
	DocumentID string       `json:"documentId"`
	Operation  ot.Operation `json:"operation"`
	Version    int          `json:"version"` // that it makes
	UserID     string       `json:"userId"`
	Timestamp  string       `json:"timestamp"`
}

// A Store keeps documents and who has them open. It alone decides the order of
// the operations of a document.
//
// A publish function tells clients about one change. The store calls it before it
// publishes any later change of the same document; it is called at most once, only
// on success, before the method returns. It must neither block nor call the store.
type Store interface {
	// Enter notes that a socket of u has the document open, and makes an empty
	// document if there is none. It publishes the document of this moment, and
	// whether the collaborators are others now.
	Enter(ctx context.Context, document, socket string, u identity.User, publish func(s Snapshot, news bool)) error
	// Leave undoes Enter. It publishes the collaborators when they are others now.
	Leave(ctx context.Context, document, socket string, publish func([]identity.User)) error
	// Submit accepts an operation. The error is one of ot's, ErrNoDocument or a
	// *LimitError.
	Submit(ctx context.Context, document string, d Draft, publish func(Change)) (Change, error)
	// Snapshot returns the document. ErrNoDocument.
	Snapshot(ctx context.Context, document string) (Snapshot, error)
}

// A Shared is a Store of several servers, which now and then has to tell clients
// something that none of them has caused.
type Shared interface {
	Store
	// Watch says what is to be called. It is called once, before the other methods.
	Watch(w Watch)
}

// A Watch is what a Shared store calls on its own account.
type Watch struct {
	// Renew publishes a document to all who have it open, on all servers, because the
	// operations before its version may not have reached them. It is called as publish
	// functions are.
	Renew func(Snapshot)
	// Changed publishes the collaborators of a document after a server that had it open
	// has ended, or has come back. It is called as publish functions are.
	Changed func(document string, now []identity.User)
	// Connected reports whether a socket is connected to this server.
	Connected func(socket string) bool
}

// ErrNoDocument is what a Store answers besides its own trouble.
var ErrNoDocument = errors.New("documents: no such document")

// A LimitError says which limit of a Store is reached. Its text is fit for clients.
type LimitError struct {
	What string
	Max  int
}

func (e *LimitError) Error() string { return fmt.Sprintf("%s. Maximum %d.", e.What, e.Max) }
