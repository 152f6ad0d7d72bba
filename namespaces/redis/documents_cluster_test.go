package redis

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"parley/adapters/redisconn/redistest"
	"parley/adapters/redispubsub"
	"parley/adapters/redisstreams"
	"parley/namespaces/documents"
	"parley/namespaces/documents/documentstest"
	"parley/namespaces/documents/ot"
	"parley/server/adapter"
	"parley/server/socketio"
)

// A docNode is a server with the documents in Redis.
type docNode struct {
	*socketio.Server
	db    *DB
	store *documentStore
}

// A carrier is an adapter of adapters.
type carrier interface {
	Adapter(adapter.Local) (adapter.Adapter, error)
	Sync(ctx context.Context, namespace string, rooms ...string) error
	Close(ctx context.Context) error
}

func pubSub(client redis.UniversalClient) (carrier, error)  { return redispubsub.New(client, nil) }
func streams(client redis.UniversalClient) (carrier, error) { return redisstreams.New(client, nil) }

// docNodes returns servers that share a Redis.
func docNodes(t *testing.T, server *redistest.Server, n int, opts Options) []*docNode {
	return docNodesOn(t, server, pubSub, n, opts, documents.Options{})
}

func docNodesOn(t *testing.T, server *redistest.Server, connected func(redis.UniversalClient) (carrier, error), n int, opts Options, docs documents.Options) []*docNode {
	t.Helper()
	nodes := make([]*docNode, n)
	opts.Logger = slog.New(slog.NewTextHandler(t.Output(), nil))
	for i := range nodes {
		client := connect(t, server)
		cluster, err := connected(client)
		if err != nil {
			t.Fatal(err)
		}
		o := opts
		o.Node, o.Sync = fmt.Sprint("n", i), cluster.Sync
		db := open(t, client, &o)
		t.Cleanup(func() {
			if err := cluster.Close(context.Background()); err != nil {
				t.Error(err)
			}
		})
		d := docs
		d.Logger = opts.Logger
		store := db.Documents(&d).(*documentStore)
		d.Store = store
		nodes[i] = &docNode{documentstest.Serve(t, &socketio.Options{Adapter: cluster.Adapter}, &d), db, store}
	}
	return nodes
}

// Editors on several nodes type blindly and come back on other nodes; with streams as if they had never been away.
func TestEditorsOnSeveralNodesConverge(t *testing.T) {
	t.Parallel()
	t.Run("pub/sub", func(t *testing.T) {
		typeOn(t, docNodes(t, redistest.Start(t), 3, Options{}))
	})
	t.Run("streams", func(t *testing.T) {
		nodes := docNodesOn(t, redistest.Start(t), streams, 3, Options{}, documents.Options{Recovery: time.Minute})
		if n := typeOn(t, nodes); n == 0 {
			t.Error("nobody has recovered")
		}
	})
}

// typeOn lets ten editors type on nodes, who end with the text of the store, and counts those who come back as the same.
func typeOn(t *testing.T, nodes []*docNode) (recovered int32) {
	recovered, gaps := typeInto(t, nodes, 60)
	if gaps > 0 {
		t.Errorf("%d changes have come out of order", gaps)
	}
	return recovered
}

func typeInto(t *testing.T, nodes []*docNode, each int) (recovered int32, gaps int) {
	const editors = 10
	list := make([]*documentstest.Editor, editors)
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	var all sync.WaitGroup
	var back atomic.Int32
	for i := range list {
		all.Go(func() {
			r := rand.New(rand.NewPCG(uint64(i), 3))
			e := documentstest.Edit(t, nodes[i%len(nodes)].Server, fmt.Sprint("user", i), "shared")
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
				if n%25 == 20 && e.Return(nodes[r.IntN(len(nodes))].Server) {
					back.Add(1)
				}
			}
			e.Ask("cursor", documentstest.Object{"documentId": "shared", "position": 0})
			list[i] = e
		})
	}
	all.Wait()
	converged(t, nodes[0].store, "shared", list)
	for _, e := range list {
		gaps += e.Gaps
	}
	return back.Load(), gaps
}

// Redis is killed while people type.
func TestEditorsConvergeThoughRedisIsKilled(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t, "--appendonly", "yes", "--appendfsync", "always")
	nodes := docNodes(t, server, 3, Options{Timeout: time.Second})
	done := make(chan struct{})
	go func() {
		defer close(done)
		for range 2 {
			time.Sleep(300 * time.Millisecond)
			server.Restart()
		}
	}()
	typeInto(t, nodes, 40)
	<-done
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

// die ends the part of a node as if its process had been killed.
func (n *docNode) die() {
	n.db.end()
	n.db.running.Wait()
}

// change puts an edit into Redis and does not publish it.
func (n *docNode) change(t *testing.T, id, text string) {
	t.Helper()
	c := n.store.hold(id)
	defer n.store.release(c)
	zero := 0
	err := n.store.do(t.Context(), c, false, func(ctx context.Context, _ *hold) error {
		next := c.text.fork()
		if _, err := (documents.Draft{Operation: ot.Operation{Type: ot.Insert, Position: &zero, Text: &text}}).Accept(id, next.History, 100); err != nil {
			return err
		}
		added, err := n.store.append(ctx, c, &next)
		if !added {
			t.Error("not added")
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func insert(text string) documentstest.Object {
	return documentstest.Object{"documentId": "doc-1", "operation": documentstest.Object{"type": "insert", "position": 0, "text": text}}
}

// steps takes in what comes until the copy has a version, and reports whether the whole text was among it.
func steps(t *testing.T, e *documentstest.Editor, version int) (anew bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for e.Version < version {
		whole, err := e.Step(ctx)
		if err != nil {
			t.Fatalf("version %d, want %d: %v", e.Version, version, err)
		}
		anew = anew || whole
	}
	return anew
}

func TestWhoComesBackOnAnotherNodeGoesOn(t *testing.T) {
	t.Parallel()
	nodes := docNodesOn(t, redistest.Start(t), streams, 2, Options{}, documents.Options{Recovery: time.Minute})
	a, b := documentstest.Edit(t, nodes[0].Server, "ann", "doc-1"), documentstest.Edit(t, nodes[1].Server, "bob", "doc-1")
	socket := a.ID()
	away := nodes[0].store.sweepAway(t.Context(), time.Now(), nil)
	a.Abort()
	until(t, "the node has noticed", func() bool { return nodes[0].Stats().Sockets == 0 })
	if err := nodes[0].db.opts.Sync(t.Context(), documentsName); err != nil {
		t.Fatal(err)
	}
	if !a.Return(nodes[1].Server) {
		t.Fatal("not recovered")
	}
	if r := a.Ask("document-update", insert("x")); !r.OK || r.Version != 2 {
		t.Fatalf("%+v", r)
	}
	b.Follow()
	away = nodes[0].store.sweepAway(t.Context(), time.Now(), away)
	if away = nodes[0].store.sweepAway(t.Context(), time.Now().Add(time.Hour), away); len(away) > 0 {
		t.Error(away)
	}
	if _, there := nodes[0].store.tabs.mark("doc-1", socket); there {
		t.Error("the node that ann has left still knows her")
	}
	if s, err := nodes[0].store.Snapshot(t.Context(), "doc-1"); err != nil || len(s.Collaborators) != 2 {
		t.Errorf("%+v (%v)", s, err)
	}
	a.Disconnect()
	b.Collaborators("bob")
}

func TestWhatADeadNodeHasNotPublishedIsSentAnew(t *testing.T) {
	t.Parallel()
	nodes := docNodes(t, redistest.Start(t), 2, Options{Lease: 200 * time.Millisecond})
	a, b := documentstest.Edit(t, nodes[0].Server, "ann", "doc-1"), documentstest.Edit(t, nodes[1].Server, "bob", "doc-1")
	if err := a.Emit("document-update", insert("a")); err != nil {
		t.Fatal(err)
	}
	steps(t, a, 2)
	steps(t, b, 2)
	nodes[0].change(t, "doc-1", "lost ")
	nodes[0].die()
	if err := b.Emit("document-update", insert("b")); err != nil {
		t.Fatal(err)
	}
	if !steps(t, b, 4) || !steps(t, a, 4) {
		t.Error("not sent anew")
	}
	converged(t, nodes[1].store, "doc-1", []*documentstest.Editor{a, b})
}

func TestPausesDoNotSendDocumentsAnew(t *testing.T) {
	t.Parallel()
	const lease = time.Second
	nodes := docNodes(t, redistest.Start(t), 2, Options{Lease: lease})
	a, b := documentstest.Edit(t, nodes[0].Server, "ann", "doc-1"), documentstest.Edit(t, nodes[1].Server, "bob", "doc-1")
	for i, e := range []*documentstest.Editor{a, b} {
		if err := e.Emit("document-update", insert("a")); err != nil {
			t.Fatal(err)
		}
		if version := 2 + i; steps(t, a, version) || steps(t, b, version) {
			t.Error("sent anew")
		}
		told := func() string {
			return nodes[0].db.client.HGet(t.Context(), nodes[0].store.keys("doc-1")[0], "told").Val()
		}
		until(t, "that is noted", func() bool { return told() == fmt.Sprint(a.Version) })
		time.Sleep(lease)
	}
}

func TestTabsOfADeadNodeAreClosed(t *testing.T) {
	t.Parallel()
	nodes := docNodes(t, redistest.Start(t), 2, Options{Lease: 200 * time.Millisecond, Alive: 600 * time.Millisecond})
	a, b := documentstest.Edit(t, nodes[0].Server, "ann", "doc-1"), documentstest.Edit(t, nodes[1].Server, "bob", "doc-1")
	a.Collaborators("ann", "bob")
	nodes[0].change(t, "doc-1", "lost ")
	nodes[0].die()
	b.Collaborators("bob")
	if b.Version == 1 { // nobody else has done anything
		steps(t, b, 2)
	}
	converged(t, nodes[1].store, "doc-1", []*documentstest.Editor{b})
}

func TestRedisAwayIsSaidAndNothingIsTornApart(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	nodes := docNodes(t, server, 2, Options{Timeout: 300 * time.Millisecond, Lease: 200 * time.Millisecond})
	a, b := documentstest.Edit(t, nodes[0].Server, "ann", "doc-1"), documentstest.Edit(t, nodes[1].Server, "bob", "doc-1")
	steps(t, a, 1)
	server.Pause()
	for range 2 {
		if r := a.Ask("document-update", insert("x")); r.Error.Code != "unavailable" {
			t.Errorf("%+v", r)
		}
	}
	server.Resume()
	var last int
	for deadline := time.Now().Add(patience); last == 0 && time.Now().Before(deadline); {
		if r := b.Ask("document-update", insert("y")); r.OK {
			last = r.Version
		}
	}
	b.Ask("document-open", documentstest.Object{"documentId": "doc-1"})
	steps(t, a, last)
	steps(t, b, last)
	converged(t, nodes[1].store, "doc-1", []*documentstest.Editor{a, b})
}

func TestWhatRedisHasLostClientsLoseToo(t *testing.T) {
	t.Parallel()
	nodes := docNodes(t, redistest.Start(t), 2, Options{})
	a, b := documentstest.Edit(t, nodes[0].Server, "ann", "doc-1"), documentstest.Edit(t, nodes[1].Server, "bob", "doc-1")
	for version := range 3 {
		if err := a.Emit("document-update", insert("x")); err != nil {
			t.Fatal(err)
		}
		steps(t, a, version+2)
		steps(t, b, version+2)
	}
	if err := nodes[0].db.client.Del(t.Context(), nodes[0].store.keys("doc-1")...).Err(); err != nil {
		t.Fatal(err)
	}
	if r := a.Ask("document-update", insert("new ")); !r.OK || r.Version != 2 {
		t.Errorf("%+v", r)
	}
	for b.Version != 1 {
		if _, err := b.Step(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	converged(t, nodes[0].store, "doc-1", []*documentstest.Editor{b})
}
