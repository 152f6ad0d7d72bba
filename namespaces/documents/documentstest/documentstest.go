// Package documentstest is what a documents.Store must do, tried through the namespace,
// and a client to try it with.
package documentstest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"parley/namespaces/documents"
	"parley/namespaces/identity"
	"parley/server/socketio"
)

// A Maker makes an empty store with the limits of opts.
type Maker func(t *testing.T, opts *documents.Options) documents.Store

// Run tries the stores that a Maker makes.
func Run(t *testing.T, store Maker) {
	for name, test := range map[string]func(t *testing.T, store Maker){
		"opening and closing":                           openingAndClosing,
		"what is refused":                               whatIsRefused,
		"editors converge":                              editorsConverge,
		"who comes back has its documents open":         whoComesBack,
		"a stale answer comes before the document anew": staleAnswer,
		"what the store answers":                        answers,
	} {
		t.Run(name, func(t *testing.T) { test(t, store) })
	}
}

// Serve returns a server with the namespace.
func Serve(t *testing.T, server *socketio.Options, opts *documents.Options) *socketio.Server {
	t.Helper()
	srv := socketio.New(server)
	documents.Mount(srv, identity.NewGate(nil), opts)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := srv.Shutdown(ctx); err != nil {
			t.Errorf("shutdown: %v", err)
		}
	})
	return srv
}

// serve is Serve for one server that a store is for.
func serve(t *testing.T, store Maker, opts documents.Options) *socketio.Server {
	t.Helper()
	opts.Store = store(t, &opts)
	return Serve(t, nil, &opts)
}

func openingAndClosing(t *testing.T, store Maker) {
	srv := serve(t, store, documents.Options{})
	a := Edit(t, srv, "ann", "doc-1")
	if text := a.Text(); text != "Initial content" || a.Version != 1 {
		t.Fatalf("%q, version %d", text, a.Version)
	}
	b := Edit(t, srv, "bob", "doc-1")
	a.Collaborators("ann", "bob")
	tab := Edit(t, srv, "bob", "doc-1")
	b.Abort()
	if r := tab.Ask("document-close", Object{"documentId": "doc-1"}); !r.OK {
		t.Fatalf("%+v", r)
	}
	a.Collaborators("ann")
	if r := tab.Ask("document-update", Object{"documentId": "doc-1", "operation": Object{"type": "insert", "position": 0, "text": "x"}}); r.Error.Code != "not_open" {
		t.Errorf("an update of a closed document: %+v", r)
	}
}

func whatIsRefused(t *testing.T, store Maker) {
	srv := serve(t, store, documents.Options{Operations: 2, Length: 20})
	e := Edit(t, srv, "ann", "doc-1")
	insert := func(text string, more Object) Object {
		o := Object{"documentId": "doc-1", "operation": Object{"type": "insert", "position": 0, "text": text}}
		for k, v := range more {
			o[k] = v
		}
		return o
	}
	for _, c := range []struct {
		payload any
		code    string
	}{
		{nil, "invalid"},
		{"doc-1", "invalid"},
		{insert("x", Object{"documentId": 7}), "invalid"},
		{insert("x", Object{"version": 2}), "invalid"},
		{insert("x", Object{"version": -1}), "invalid"},
		{insert("x", Object{"version": 1.5}), "invalid"},
		{insert("x", Object{"operation": nil}), "invalid"},
		{insert("x", Object{"operation": Object{"type": "insert", "position": 16, "text": "x"}}), "invalid"},
		{insert("x", Object{"operation": Object{"type": "delete", "from": 2, "to": 1}}), "invalid"},
		{insert("too much", nil), "limit"},
		{insert("x", Object{"documentId": "doc-2"}), "not_open"},
		{insert("x", Object{"version": 0}), "stale"},
	} {
		if r := e.Ask("document-update", c.payload); r.OK || r.Error.Code != c.code {
			t.Errorf("%v: %+v, want %s", c.payload, r, c.code)
		}
	}
	for _, payload := range []any{Object{}, Object{"DocumentId": "doc-1"}} {
		if r := e.Ask("document-close", payload); r.OK || r.Error.Code != "invalid" {
			t.Errorf("document-close %v: %+v", payload, r)
		}
	}
	e.begin(e.Expect("document-init"))
	for range 3 {
		e.Ask("document-update", insert("y", nil))
	}
	if r := e.Ask("document-update", insert("x", Object{"version": 1})); r.Error.Code != "stale" {
		t.Errorf("%+v", r)
	}
	if e.begin(e.Expect("document-init")); e.Text() != "yyyInitial content" || e.Version != 4 {
		t.Errorf("%q, version %d", e.Text(), e.Version)
	}
}

// editorsConverge lets editors type blindly, each on whatever its copy is.
func editorsConverge(t *testing.T, store Maker) {
	const editors, each = 10, 40
	srv := serve(t, store, documents.Options{Operations: editors * each})
	var all sync.WaitGroup
	texts := make([]string, editors)
	list := make([]*Editor, editors)
	for i := range list {
		list[i] = Edit(t, srv, fmt.Sprint("user", i), "doc")
	}
	for i, e := range list {
		all.Go(func() {
			r := rand.New(rand.NewPCG(uint64(i), 7))
			for range each {
				if err := e.Emit("document-update", Object{"documentId": "doc", "version": e.Version, "operation": e.AnyOperation(r)}); err != nil {
					t.Error(err)
					return
				}
				for e.Version < editors*each && r.IntN(3) > 0 {
					e.Follow()
				}
			}
			for e.Version < editors*each {
				e.Follow()
			}
			texts[i] = e.Text()
		})
	}
	all.Wait()
	for i, text := range texts {
		if text != texts[0] {
			t.Errorf("editor %d has %q, editor 0 has %q", i, text, texts[0])
		}
	}
}

func whoComesBack(t *testing.T, store Maker) {
	srv := serve(t, store, documents.Options{Recovery: time.Minute})
	a, b := Edit(t, srv, "ann", "doc-1"), Edit(t, srv, "bob", "doc-1")
	a.Collaborators("ann", "bob")
	b.Abort()
	for deadline := time.Now().Add(patience); srv.Stats().Sockets > 1; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the client is still there")
		}
	}
	insert := Object{"documentId": "doc-1", "operation": Object{"type": "insert", "position": 0, "text": "x"}}
	a.Ask("document-update", insert)
	if !b.Return(srv) {
		t.Fatal("not recovered")
	}
	b.Follow()
	if r := b.Ask("document-update", insert); !r.OK || r.Version != b.Version+1 {
		t.Errorf("%+v", r)
	}
	a.Expect("document-update")
	b.Disconnect() // on purpose: nobody waits
	a.Collaborators("ann")
}

func staleAnswer(t *testing.T, store Maker) {
	e := Edit(t, serve(t, store, documents.Options{}), "ann", "doc-1")
	if err := e.Emit("document-update", Object{"documentId": "doc-1", "version": 0, "operation": Object{"type": "insert", "position": 0, "text": "x"}}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"error", "document-init"} {
		if got, err := e.Next(t.Context()); err != nil || got.Name != want {
			t.Errorf("%s instead of %s (%v)", got.Name, want, err)
		}
	}
}

// answers tries what clients do not get to see.
func answers(t *testing.T, maker Maker) {
	store := maker(t, &documents.Options{})
	ctx := t.Context()
	if _, err := store.Snapshot(ctx, "none"); !errors.Is(err, documents.ErrNoDocument) {
		t.Errorf("a document that is not there: %v", err)
	}
	if s, err := store.Snapshot(ctx, "doc-1"); err != nil || s.Content != "Initial content" || s.Version != 1 || s.Collaborators == nil {
		t.Errorf("%+v (%v)", s, err)
	}
	if err := store.Leave(ctx, "none", "socket", func([]identity.User) { t.Error("somebody left") }); err != nil {
		t.Error(err)
	}
	u := identity.User{UserID: "u", Username: "U"}
	for i, want := range []bool{true, false} {
		err := store.Enter(ctx, "empty", "socket", u, func(s documents.Snapshot, news bool) {
			if news != want || s.Version != 0 || s.Content != "" || !slices.Equal(s.Collaborators, []identity.User{u}) {
				t.Errorf("time %d: %+v, news %t", i, s, news)
			}
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	left := false
	if err := store.Leave(ctx, "empty", "socket", func(c []identity.User) { left = len(c) == 0 }); err != nil || !left {
		t.Errorf("not left: %v", err)
	}
	if _, err := store.Snapshot(ctx, "empty"); !errors.Is(err, documents.ErrNoDocument) {
		t.Errorf("a document without content that nobody has open: %v", err)
	}
}
