package documents

import (
	"slices"
	"unicode/utf16"

	"parley/namespaces/documents/ot"
	"parley/namespaces/event"
	"parley/namespaces/identity"
)

// A document is one text with its newest edits, and who has it open.
type document struct {
	text    []uint16
	version int
	edits   []ot.Edit // the newest; the last one made version
	tabs    []tab     // in the order they came

	kept bool // by the store's Keeper
	base int  // the version of the last whole text that is kept
}

// A tab is a socket that has the document open.
type tab struct {
	socket string
	user   identity.User
}

func newDocument(content string, version int) *document {
	return &document{text: utf16.Encode([]rune(content)), version: version}
}

// fork returns a document that submit changes without changing d.
func (d *document) fork() *document {
	next := *d
	next.edits = slices.Clip(next.edits)
	return &next
}

// idle reports whether nothing would be lost with the document.
func (d *document) idle() bool { return len(d.tabs) == 0 && d.version == 0 }

// submit accepts an operation and returns it as it is applied. trim is to be called
// some time afterwards.
func (d *document) submit(draft Draft, opts *Options) (ot.Operation, error) {
	since := d.version
	if draft.Version != nil {
		since = *draft.Version
	}
	oldest := d.version - len(d.edits)
	switch {
	case since > d.version || since < 0:
		return ot.Operation{}, ErrVersion
	case since < oldest:
		return ot.Operation{}, ErrStale
	}
	missed := d.edits[since-oldest:]
	length := len(d.text)
	if len(missed) > 0 {
		length = missed[0].Before()
	}
	e, err := draft.Operation.Edit(length)
	if err != nil {
		return ot.Operation{}, err
	}
	for _, accepted := range missed {
		e = e.Over(accepted)
	}
	if err := e.Check(d.text); err != nil {
		return ot.Operation{}, err
	}
	if e.After() > opts.Length && e.After() > len(d.text) {
		return ot.Operation{}, &LimitError{"Document too long in characters", opts.Length}
	}
	applied := e.Operation(d.text)
	d.text = e.Apply(d.text)
	d.version++
	d.edits = append(d.edits, e)
	return applied, nil
}

// trim keeps the newest edits.
func (d *document) trim(limit int) {
	if over := len(d.edits) - limit; over > 0 {
		d.edits = slices.Delete(d.edits, 0, over)
	}
}

// enter adds a socket and reports whether the collaborators are others now.
func (d *document) enter(socket string, u identity.User) bool {
	before := d.collaborators()
	if i := slices.IndexFunc(d.tabs, func(t tab) bool { return t.socket == socket }); i >= 0 {
		d.tabs[i].user = u
	} else {
		d.tabs = append(d.tabs, tab{socket, u})
	}
	return !slices.Equal(before, d.collaborators())
}

// leave takes a socket out and reports whether the collaborators are others now.
func (d *document) leave(socket string) bool {
	before := d.collaborators()
	d.tabs = slices.DeleteFunc(d.tabs, func(t tab) bool { return t.socket == socket })
	return !slices.Equal(before, d.collaborators())
}

// collaborators are the users behind the tabs, each once, under the name of their
// newest tab.
func (d *document) collaborators() []identity.User {
	users := make([]identity.User, 0, len(d.tabs))
	for _, t := range d.tabs {
		i := slices.IndexFunc(users, func(u identity.User) bool { return u.UserID == t.user.UserID })
		if i < 0 {
			users = append(users, t.user)
		} else {
			users[i] = t.user
		}
	}
	return users
}

func (d *document) snapshot(id string) Snapshot {
	return Snapshot{id, string(utf16.Decode(d.text)), d.version, d.collaborators()}
}

// change is an applied operation for those who have the document open.
func (d *document) change(id, userID string, op ot.Operation) Change {
	return Change{id, op, d.version, userID, event.Now()}
}
