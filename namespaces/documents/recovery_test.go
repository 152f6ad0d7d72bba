package documents

import (
	"testing"
	"time"

	"parley/server/socketiotest"
)

func TestWhoComesBackHasItsDocumentsOpen(t *testing.T) {
	srv := open(t, &Options{Recovery: time.Minute})
	a, b := edit(t, srv, "ann", "doc-1"), edit(t, srv, "bob", "doc-1")
	collaborators(a, "ann", "bob")
	state, id := b.State(), b.ID()
	b.Abort()
	for deadline := time.Now().Add(patience); srv.Stats().Sockets > 1; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the client is still there")
		}
	}
	insert := object{"documentId": "doc-1", "operation": object{"type": "insert", "position": 0, "text": "x"}}
	a.ask("document-update", insert)
	back := struct {
		UserID   string `json:"userId"`
		Username string `json:"username"`
		socketiotest.State
	}{"bob", "bob", state}
	b.Client = socketiotest.Connect(t, srv, "/documents", &socketiotest.Options{Auth: back})
	if b.ID() != id {
		t.Fatal("not recovered")
	}
	b.follow()
	if r := b.ask("document-update", insert); !r.OK || r.Version != b.version+1 {
		t.Errorf("%+v", r)
	}
	a.Expect("document-update")
	b.Disconnect() // on purpose: nobody waits
	collaborators(a, "ann")
}

func TestStaleAnswerComesBeforeTheDocument(t *testing.T) {
	e := edit(t, open(t, nil), "ann", "doc-1")
	if err := e.Emit("document-update", object{"documentId": "doc-1", "version": 0, "operation": object{"type": "insert", "position": 0, "text": "x"}}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"error", "document-init"} {
		if got, err := e.Next(t.Context()); err != nil || got.Name != want {
			t.Errorf("%s instead of %s (%v)", got.Name, want, err)
		}
	}
}
