package documents

import (
	"testing"

	membus "parley/adapters/memory"
	"parley/namespaces/identity"
	"parley/server/adapter"
	"parley/server/socketio"
)

func TestDocumentsAreSentAnewAfterALoss(t *testing.T) {
	locals := make(map[string]adapter.Local)
	srv := socketio.New(&socketio.Options{Adapter: func(local adapter.Local) (adapter.Adapter, error) {
		locals[local.Namespace()] = local
		return membus.NewBus(nil).Adapter(local)
	}})
	defer func() {
		if err := srv.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
	}()
	Mount(srv, identity.NewGate(nil), nil)
	a, b := edit(t, srv, "ann", "doc-1"), edit(t, srv, "bob", "doc-2")
	locals["/documents"].Missed()
	for _, e := range []*editor{a, b} {
		version := e.version
		if e.begin(e.Expect("document-init")); e.version != version {
			t.Errorf("version %d, want %d", e.version, version)
		}
	}
}
