package documentstest

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
	"unicode/utf16"

	"parley/namespaces/documents"
	"parley/namespaces/documents/ot"
	"parley/namespaces/identity"
	"parley/server/socketio"
	"parley/server/socketiotest"
)

// patience is how long a test waits for what should come at once.
const patience = 20 * time.Second

// An Editor is a client of /documents with a copy of one document.
type Editor struct {
	*socketiotest.Client
	t       *testing.T
	name    string
	id      string // of the document
	text    []uint16
	later   map[int]ot.Operation // by version: changes that have come before their turn
	Version int                  // of the copy
	Gaps    int                  // changes that have come out of order
}

// An Object is a payload.
type Object = map[string]any

// Edit connects a user who opens a document.
func Edit(t *testing.T, srv *socketio.Server, name, document string) *Editor {
	t.Helper()
	c := socketiotest.Connect(t, srv, "/documents", &socketiotest.Options{Auth: Object{"userId": name, "username": name}})
	e := &Editor{Client: c, t: t, name: name, id: document}
	e.reopen()
	return e
}

// Return loses the connection and connects again. It reports whether the server takes it
// for the same client; if not the document is opened anew.
func (e *Editor) Return(srv *socketio.Server) (recovered bool) {
	e.t.Helper()
	e.Abort()
	for gone := error(nil); gone == nil; {
		_, gone = e.Step(context.Background()) // what has come before
	}
	id := e.ID()
	auth := struct {
		UserID   string `json:"userId"`
		Username string `json:"username"`
		socketiotest.State
	}{e.name, e.name, e.State()}
	e.Client = socketiotest.Connect(e.t, srv, "/documents", &socketiotest.Options{Auth: auth})
	if recovered = e.ID() == id; !recovered {
		e.reopen()
	}
	return recovered
}

func (e *Editor) reopen() {
	e.t.Helper()
	deadline := time.Now().Add(patience)
	for {
		r := e.Ask("document-open", Object{"documentId": e.id})
		if r.OK {
			break
		}
		if r.Error.Code != "unavailable" || time.Now().After(deadline) {
			e.t.Fatalf("not opened: %+v", r)
		}
	}
	e.begin(e.Expect("document-init"))
}

// begin takes the document in.
func (e *Editor) begin(ev socketiotest.Event) {
	e.t.Helper()
	var s documents.Snapshot
	if err := json.Unmarshal(ev.Args[0], &s); err != nil { // with recovery there is an offset behind
		e.t.Fatal(err)
	}
	e.text, e.Version = utf16.Encode([]rune(s.Content)), s.Version
	e.catchUp()
}

// Text returns the copy.
func (e *Editor) Text() string { return string(utf16.Decode(e.text)) }

// Follow takes the next change in, which must be the one that follows on the copy.
func (e *Editor) Follow() {
	e.t.Helper()
	if e.apply(e.Expect("document-update")); e.Gaps > 0 {
		e.t.Fatalf("a change has come out of order, after version %d", e.Version)
	}
}

// Step takes the next change in, or the document anew, and reports which.
func (e *Editor) Step(ctx context.Context) (anew bool, err error) {
	e.t.Helper()
	for {
		ev, err := e.Next(ctx)
		if err != nil {
			return false, err
		}
		switch ev.Name {
		case "document-update":
			e.apply(ev)
			return false, nil
		case "document-init":
			e.begin(ev)
			return true, nil
		}
	}
}

func (e *Editor) apply(ev socketiotest.Event) {
	e.t.Helper()
	var c documents.Change
	if err := json.Unmarshal(ev.Args[0], &c); err != nil {
		e.t.Fatal(err)
	}
	if c.Version != e.Version+1 {
		e.Gaps++
	}
	if e.later == nil {
		e.later = make(map[int]ot.Operation)
	}
	e.later[c.Version] = c.Operation
	e.catchUp()
}

// catchUp makes the changes whose turn it is.
func (e *Editor) catchUp() {
	for version := range e.later {
		if version <= e.Version {
			delete(e.later, version)
		}
	}
	for {
		o, there := e.later[e.Version+1]
		if !there {
			return
		}
		e.text, e.Version = splice(e.text, o), e.Version+1
		delete(e.later, e.Version)
	}
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

// Ask emits an event and returns its acknowledgement.
func (e *Editor) Ask(event string, payload any) (reply struct {
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

// Collaborators expects the users who have the document open next.
func (e *Editor) Collaborators(want ...string) {
	e.t.Helper()
	var u struct{ Collaborators []identity.User }
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

// AnyOperation makes up an operation on the copy.
func (e *Editor) AnyOperation(r *rand.Rand) json.RawMessage {
	length := len(e.text)
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
