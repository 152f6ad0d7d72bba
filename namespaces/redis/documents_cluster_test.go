package redis

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"testing"

	"parley/adapters/redisconn/redistest"
	"parley/adapters/redispubsub"
	"parley/namespaces/documents"
	"parley/namespaces/documents/documentstest"
	"parley/server/socketio"
)

// A docNode is a server with the documents in Redis.
type docNode struct {
	*socketio.Server
	db    *DB
	store *documentStore
}

// docNodes returns servers that share a Redis.
func docNodes(t *testing.T, server *redistest.Server, n int, opts Options) []*docNode {
	t.Helper()
	nodes := make([]*docNode, n)
	opts.Logger = slog.New(slog.NewTextHandler(t.Output(), nil))
	for i := range nodes {
		client := connect(t, server)
		cluster, err := redispubsub.New(client, nil)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := cluster.Close(context.Background()); err != nil {
				t.Error(err)
			}
		})
		o := opts
		o.Node, o.Sync = fmt.Sprint("n", i), cluster.Sync
		db := open(t, client, &o)
		store := db.Documents(nil).(*documentStore)
		srv := documentstest.Serve(t, &socketio.Options{Adapter: cluster.Adapter}, &documents.Options{Store: store, Logger: o.Logger})
		nodes[i] = &docNode{srv, db, store}
	}
	return nodes
}

// TestEditorsOnSeveralNodesConverge lets editors type blindly, and come back on other nodes.
func TestEditorsOnSeveralNodesConverge(t *testing.T) {
	const editors, each = 10, 200
	nodes := docNodes(t, redistest.Start(t), 3, Options{})
	list := make([]*documentstest.Editor, editors)
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	var all sync.WaitGroup
	for i := range list {
		all.Go(func() {
			r := rand.New(rand.NewPCG(uint64(i), 3))
			e := documentstest.Edit(t, nodes[i%3].Server, fmt.Sprint("user", i), "shared")
			for n := range each {
				if err := e.Emit("document-update", documentstest.Object{"documentId": "shared", "version": e.Version, "operation": e.AnyOperation(r)}); err != nil {
					t.Error(err)
					return
				}
				for r.IntN(8) > 0 {
					if _, err := e.Step(gone); err != nil {
						break // nothing has come
					}
				}
				if n%8 == 0 {
					e.Ask("cursor", documentstest.Object{"documentId": "shared", "position": 0}) // what it has sent has been dealt with
				}
				if n%50 == 25 {
					e.Abort()
					e = documentstest.Edit(t, nodes[r.IntN(3)].Server, fmt.Sprint("user", i), "shared")
				}
			}
			e.Ask("cursor", documentstest.Object{"documentId": "shared", "position": 0})
			list[i] = e
		})
	}
	all.Wait()
	converged(t, nodes[0].store, "shared", list)
}

// converged checks that all have the text of the store.
func converged(t *testing.T, store documents.Store, id string, editors []*documentstest.Editor) {
	t.Helper()
	want, err := store.Snapshot(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for i, e := range editors {
		for e.Version < want.Version {
			if _, err := e.Step(ctx); err != nil {
				t.Fatalf("editor %d has version %d of %d: %v", i, e.Version, want.Version, err)
			}
		}
		if e.Version != want.Version || e.Text() != want.Content {
			t.Errorf("editor %d has version %d, %q; the store has %d, %q", i, e.Version, e.Text(), want.Version, want.Content)
		}
	}
	t.Logf("version %d", want.Version)
}
