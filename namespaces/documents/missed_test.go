package documents_test

import (
	"context"
	"sync/atomic"
	"testing"

	"parley/adapters/memory"
	"parley/namespaces/documents"
	"parley/namespaces/documents/documentstest"
	"parley/namespaces/identity"
	"parley/server/adapter"
	"parley/server/socketio"
)

func TestDocumentsAreSentAnewAfterALoss(t *testing.T) {
	locals := make(map[string]adapter.Local)
	srv := documentstest.Serve(t, &socketio.Options{Adapter: func(local adapter.Local) (adapter.Adapter, error) {
		locals[local.Namespace()] = local
		return memory.NewBus(nil).Adapter(local)
	}}, nil)
	a, b := documentstest.Edit(t, srv, "ann", "doc-1"), documentstest.Edit(t, srv, "bob", "doc-2")
	locals["/documents"].Missed()
	for _, e := range []*documentstest.Editor{a, b} {
		version := e.Version
		if anew, err := e.Step(t.Context()); err != nil || !anew || e.Version != version {
			t.Errorf("version %d, want %d; anew: %t (%v)", e.Version, version, anew, err)
		}
	}
}

// A shaky store is not available some times.
type shaky struct {
	documents.Store
	failures atomic.Int32 // that are to come
}

func (s *shaky) Enter(ctx context.Context, document, socket string, u identity.User, publish func(documents.Snapshot, bool)) error {
	if s.failures.Add(-1) >= 0 {
		return &socketio.Error{Code: "unavailable", Message: "Not now."}
	}
	return s.Store.Enter(ctx, document, socket, u, publish)
}

func TestDocumentsAreSentAnewWhenTheStoreIsThereAgain(t *testing.T) {
	locals := make(map[string]adapter.Local)
	store := &shaky{Store: documents.NewMemory(nil)}
	srv := documentstest.Serve(t, &socketio.Options{Adapter: func(local adapter.Local) (adapter.Adapter, error) {
		locals[local.Namespace()] = local
		return memory.NewBus(nil).Adapter(local)
	}}, &documents.Options{Store: store})
	a, b := documentstest.Edit(t, srv, "ann", "doc-1"), documentstest.Edit(t, srv, "bob", "doc-2")
	store.failures.Store(2)
	locals["/documents"].Missed()
	for _, e := range []*documentstest.Editor{a, b} {
		if anew, err := e.Step(t.Context()); err != nil || !anew {
			t.Errorf("anew: %t (%v)", anew, err)
		}
	}
}
