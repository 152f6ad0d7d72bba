package documents

import (
	"slices"

	"parley/namespaces/documents/ot"
	"parley/namespaces/event"
	"parley/namespaces/identity"
)

// A document is one text with its newest edits, and who has it open.
type document struct {
	*ot.History
	tabs []tab // in the order they came

	kept bool // by the store's Keeper
	base int  // the version of the last whole text that is kept
}

// A tab is a socket that has the document open.
type tab struct {
	socket string
	user   identity.User
}

// fork returns a document whose text changes without d's.
func (d *document) fork() *document {
	next := *d
	next.History = d.Fork()
	return &next
}

// idle reports whether nothing would be lost with the document.
func (d *document) idle() bool { return len(d.tabs) == 0 && d.Version() == 0 }

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

func (d *document) collaborators() []identity.User {
	users := make([]identity.User, len(d.tabs))
	for i, t := range d.tabs {
		users[i] = t.user
	}
	return Collaborators(users)
}

// Collaborators are the users behind tabs, which are given in the order they came:
// each once, under the name of their newest tab. It changes its argument.
func Collaborators(tabs []identity.User) []identity.User {
	users := tabs[:0]
	for _, u := range tabs {
		i := slices.IndexFunc(users, func(known identity.User) bool { return known.UserID == u.UserID })
		if i < 0 {
			users = append(users, u)
		} else {
			users[i] = u
		}
	}
	return users
}

func (d *document) snapshot(id string) Snapshot {
	return Snapshot{id, d.Content(), d.Version(), d.collaborators()}
}

// Initial returns a document that nobody has changed: "doc-1" has a content from the
// start, all others are empty.
func Initial(document string) (content string, version int) {
	if document == firstDocument {
		return firstContent, firstVersion
	}
	return "", 0
}

// Accept puts the draft into the text of a document, which a Store allows so many code
// units, for this Store to keep. The error is one that Submit may return.
func (d Draft) Accept(document string, text *ot.History, length int) (Change, error) {
	since := text.Version()
	if d.Version != nil {
		since = *d.Version
	}
	applied, err := text.Submit(d.Operation, since, length)
	if err == ot.ErrLength {
		err = &LimitError{"Document too long in characters", length}
	}
	if err != nil {
		return Change{}, err
	}
	return Change{document, applied, text.Version(), d.UserID, event.Now()}, nil
}
