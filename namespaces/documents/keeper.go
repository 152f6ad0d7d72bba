package documents

import (
	"errors"
	"unicode/utf16"

	"parley/namespaces/documents/ot"
)

// A Keeper keeps documents over a restart, for the Store in memory. Append returns
// when the edits are safe; the Store publishes them, and shows them to anybody, only
// then. Calls about one document come one at a time.
type Keeper interface {
	// Load returns a document, or nil if it is not kept.
	Load(document string) (*Kept, error)
	// Append adds to what is kept.
	Append(document string, a Addition) error
}

// Kept is a document as it is kept.
type Kept struct {
	Base  Base
	Edits []ot.Edit // the newest, also from before the base
	First int       // the version that the first of them made
}

// A Base is a whole text. The edits behind its version make the current one of it.
type Base struct {
	Content string `json:"content"`
	Version int    `json:"version"`
}

// An Addition is what follows in a document.
type Addition struct {
	Edits []ot.Edit
	First int   // the version that the first edit makes
	Base  *Base // takes the place of the last one; nil: that stays
	Drop  int   // edits that made this version or an earlier one are not needed any more
}

// baseEvery is after how many edits a whole text is written, if so many are kept.
const baseEvery = 100

var errKept = errors.New("documents: what is kept does not fit together")

// restore makes a document of what is kept.
func restore(k *Kept) (*document, error) {
	d := newDocument(k.Base.Content, k.Base.Version)
	d.base, d.kept = d.version, true
	if len(k.Edits) > 0 && k.First > k.Base.Version+1 {
		return nil, errKept
	}
	for i, e := range k.Edits {
		if k.First+i <= d.base {
			continue
		}
		if e.Before() != len(d.text) {
			return nil, errKept
		}
		d.text = e.Apply(d.text)
		d.version++
	}
	d.edits = k.Edits
	return d, nil
}

// keep makes safe what next has more than d.
func (m *memory) keep(id string, d, next *document) error {
	if m.opts.Keeper == nil || next.version == d.version {
		return nil
	}
	a := Addition{
		Edits: next.edits[len(next.edits)-(next.version-d.version):],
		First: d.version + 1,
		Drop:  next.version - m.opts.Operations,
	}
	if !d.kept || next.version-d.base >= min(baseEvery, m.opts.Operations) {
		a.Base = &Base{string(utf16.Decode(next.text)), next.version}
		next.base = next.version
	}
	next.kept = true
	return m.opts.Keeper.Append(id, a)
}
