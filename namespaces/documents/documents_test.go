package documents

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"
	"unicode/utf16"

	"parley/namespaces/documents/ot"
	"parley/namespaces/identity"
	"parley/server/socketio"
	"parley/server/socketiotest"
)

// patience is how long a test waits for what should come at once.
const patience = 20 * time.Second

func open(t *testing.T, opts *Options) *socketio.Server {
	t.Helper()
	srv := socketio.New(nil)
	Mount(srv, identity.NewGate(nil), opts)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := srv.Shutdown(ctx); err != nil {
			t.Errorf("shutdown: %v", err)
		}
	})
	return srv
}

// An editor is a client of /documents with a copy of one document.
type editor struct {
	*socketiotest.Client
	t       *testing.T
	copy    []uint16
	version int
}

type object = map[string]any

func edit(t *testing.T, srv *socketio.Server, name, document string) *editor {
	t.Helper()
	c := socketiotest.Connect(t, srv, "/documents", &socketiotest.Options{Auth: object{"userId": name, "username": name}})
	e := &editor{Client: c, t: t}
	e.reopen(document)
	return e
}

func (e *editor) reopen(document string) {
	e.t.Helper()
	if err := e.Emit("document-open", object{"documentId": document}); err != nil {
		e.t.Fatal(err)
	}
	e.begin(e.Expect("document-init"))
}

func (e *editor) begin(ev socketiotest.Event) {
	e.t.Helper()
	var s Snapshot
	if err := json.Unmarshal(ev.Args[0], &s); err != nil { // with recovery there is an offset behind
		e.t.Fatal(err)
	}
	e.copy, e.version = utf16.Encode([]rune(s.Content)), s.Version
}

// follow takes the next change in.
func (e *editor) follow() {
	e.t.Helper()
	var c Change
	if err := json.Unmarshal(e.Expect("document-update").Args[0], &c); err != nil {
		e.t.Fatal(err)
	}
	if c.Version != e.version+1 {
		e.t.Fatalf("version %d after %d", c.Version, e.version)
	}
	e.copy, e.version = splice(e.copy, c.Operation), c.Version
}

// splice is what a JavaScript client does with an operation.
func splice(doc []uint16, o ot.Operation) []uint16 {
	from, to, s := 0, 0, ""
	if o.Position != nil {
		from, to = *o.Position, *o.Position
	} else {
		from, to = *o.From, *o.To
	}
	if o.Text != nil {
		s = *o.Text
	}
	return slices.Concat(doc[:from], utf16.Encode([]rune(s)), doc[to:])
}

// ask emits an event and returns its acknowledgement.
func (e *editor) ask(event string, payload any) (reply struct {
	OK      bool
	Version int
	Error   struct{ Code, Message string }
}) {
	e.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	r, err := e.EmitAck(ctx, event, payload)
	if err != nil {
		e.t.Fatal(err)
	}
	if err := r.Decode(&reply); err != nil {
		e.t.Fatal(err)
	}
	return reply
}

func TestOpeningAndClosing(t *testing.T) {
	srv := open(t, nil)
	a := edit(t, srv, "ann", "doc-1")
	if text := string(utf16.Decode(a.copy)); text != "Initial content" || a.version != 1 {
		t.Fatalf("%q, version %d", text, a.version)
	}
	b := edit(t, srv, "bob", "doc-1")
	collaborators(a, "ann", "bob")
	tab := edit(t, srv, "bob", "doc-1")
	b.Abort()
	if r := tab.ask("document-close", object{"documentId": "doc-1"}); !r.OK {
		t.Fatalf("%+v", r)
	}
	collaborators(a, "ann")
	if r := tab.ask("document-update", object{"documentId": "doc-1", "operation": object{"type": "insert", "position": 0, "text": "x"}}); r.Error.Code != "not_open" {
		t.Errorf("an update of a closed document: %+v", r)
	}
}

func collaborators(e *editor, want ...string) {
	e.t.Helper()
	var u collaboratorsUpdate
	if err := json.Unmarshal(e.Expect("collaborators-update").Args[0], &u); err != nil {
		e.t.Fatal(err)
	}
	var got []string
	for _, c := range u.Collaborators {
		got = append(got, c.UserID)
	}
	if !slices.Equal(got, want) {
		e.t.Errorf("collaborators %v, want %v", got, want)
	}
}

func TestWhatIsRefused(t *testing.T) {
	srv := open(t, &Options{Operations: 2, Length: 20})
	e := edit(t, srv, "ann", "doc-1")
	insert := func(text string, more object) object {
		o := object{"documentId": "doc-1", "operation": object{"type": "insert", "position": 0, "text": text}}
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
		{insert("x", object{"documentId": 7}), "invalid"},
		{insert("x", object{"version": 2}), "invalid"},
		{insert("x", object{"version": -1}), "invalid"},
		{insert("x", object{"version": 1.5}), "invalid"},
		{insert("x", object{"operation": nil}), "invalid"},
		{insert("x", object{"operation": object{"type": "insert", "position": 16, "text": "x"}}), "invalid"},
		{insert("x", object{"operation": object{"type": "delete", "from": 2, "to": 1}}), "invalid"},
		{insert("too much", nil), "limit"},
		{insert("x", object{"documentId": "doc-2"}), "not_open"},
		{insert("x", object{"version": 0}), "stale"},
	} {
		if r := e.ask("document-update", c.payload); r.OK || r.Error.Code != c.code {
			t.Errorf("%v: %+v, want %s", c.payload, r, c.code)
		}
	}
	for _, payload := range []any{object{}, object{"DocumentId": "doc-1"}} {
		if r := e.ask("document-close", payload); r.OK || r.Error.Code != "invalid" {
			t.Errorf("document-close %v: %+v", payload, r)
		}
	}
	e.begin(e.Expect("document-init"))
	for range 3 {
		e.ask("document-update", insert("y", nil))
	}
	if r := e.ask("document-update", insert("x", object{"version": 1})); r.Error.Code != "stale" {
		t.Errorf("%+v", r)
	}
	if e.begin(e.Expect("document-init")); string(utf16.Decode(e.copy)) != "yyyInitial content" || e.version != 4 {
		t.Errorf("%q, version %d", string(utf16.Decode(e.copy)), e.version)
	}
}

// TestEditorsConverge lets editors type blindly, each on whatever its copy is.
func TestEditorsConverge(t *testing.T) {
	const editors, each = 10, 60
	srv := open(t, &Options{Operations: editors * each})
	var all sync.WaitGroup
	texts := make([]string, editors)
	list := make([]*editor, editors)
	for i := range list {
		list[i] = edit(t, srv, fmt.Sprint("user", i), "doc")
	}
	for i, e := range list {
		all.Go(func() {
			r := rand.New(rand.NewPCG(uint64(i), 7))
			for range each {
				if err := e.Emit("document-update", object{"documentId": "doc", "version": e.version, "operation": anyOperation(r, len(e.copy))}); err != nil {
					t.Error(err)
					return
				}
				for e.version < editors*each && r.IntN(3) > 0 {
					e.follow()
				}
			}
			for e.version < editors*each {
				e.follow()
			}
			texts[i] = string(utf16.Decode(e.copy))
		})
	}
	all.Wait()
	for i, text := range texts {
		if text != texts[0] {
			t.Errorf("editor %d has %q, editor 0 has %q", i, text, texts[0])
		}
	}
}

func anyOperation(r *rand.Rand, length int) json.RawMessage {
	at := r.IntN(length + 1)
	to := min(length, at+r.IntN(4))
	switch r.IntN(4) {
	case 0:
		return json.RawMessage(fmt.Sprintf(`{"type":"delete","from":%d,"to":%d}`, at, to))
	case 1:
		return json.RawMessage(fmt.Sprintf(`{"type":"replace","from":%d,"to":%d,"text":"r"}`, at, to))
	default:
		return json.RawMessage(fmt.Sprintf(`{"type":"insert","position":%d,"text":"ab"}`, at))
	}
}
