package documents_test

import (
	"testing"

	"parley/adapters/memory"
	"parley/namespaces/documents/documentstest"
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
