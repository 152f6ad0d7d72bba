package documents

import (
	"fmt"

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

// restore makes a document of what is kept.
func restore(k *Kept) (*document, error) {
	h, err := ot.Restore(k.Base.Content, k.Base.Version, k.Edits, k.First)
	if err != nil {
		return nil, fmt.Errorf("documents: what is kept does not fit together: %w", err)
	}
	return &document{History: h, kept: true, base: k.Base.Version}, nil
}

// keep makes safe what next has more than d.
func (m *memory) keep(id string, d, next *document) error {
	added := next.Version() - d.Version()
	if m.opts.Keeper == nil || added == 0 {
		return nil
	}
	a := Addition{
		Edits: next.Newest(added),
		First: d.Version() + 1,
		Drop:  next.Version() - m.opts.Operations,
	}
	if !d.kept || next.Version()-d.base >= min(baseEvery, m.opts.Operations) {
		a.Base = &Base{next.Content(), next.Version()}
		next.base = next.Version()
	}
	next.kept = true
	return m.opts.Keeper.Append(id, a)
}
