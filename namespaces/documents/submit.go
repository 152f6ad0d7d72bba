package documents

import (
	"context"
	"sync"
)

// A submission is an operation on its way into a document.
type submission struct {
	draft   Draft
	publish func(Change)

	// Guarded by the document's mu.
	done   bool
	change Change
	err    error
}

// drafts are the submissions that wait for their document. The first to get the
// document's lock takes all of them along, so that they wait for the disk together.
type drafts struct {
	mu   sync.Mutex
	list []*submission
}

func (w *drafts) add(s *submission) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.list = append(w.list, s)
}

func (w *drafts) take() []*submission {
	w.mu.Lock()
	defer w.mu.Unlock()
	list := w.list
	w.list = nil
	return list
}

func (m *memory) Submit(_ context.Context, id string, draft Draft, publish func(Change)) (Change, error) {
	m.mu.Lock()
	d := m.documents[id] // who submits has it open, which keeps it in memory
	m.mu.Unlock()
	if d == nil {
		return Change{}, ErrNoDocument
	}
	s := &submission{draft: draft, publish: publish}
	d.drafts.add(s)
	d.mu.Lock()
	defer d.mu.Unlock()
	if !s.done {
		m.submit(id, d, d.drafts.take())
	}
	return s.change, s.err
}

// submit accepts operations in their order and publishes them. The document is locked.
func (m *memory) submit(id string, d *locked, list []*submission) {
	if d.gone {
		for _, s := range list {
			s.done, s.err = true, ErrNoDocument
		}
		return
	}
	next := d.document
	if m.opts.Keeper != nil {
		next = d.fork()
	}
	for _, s := range list {
		s.done = true
		s.change, s.err = s.draft.Accept(id, next.History, m.opts.Length)
	}
	if err := m.keep(id, d.document, next); err != nil {
		for _, s := range list {
			s.change, s.err = Change{}, err
		}
		return
	}
	next.Trim(m.opts.Operations)
	d.document = next
	for _, s := range list {
		if s.err == nil {
			s.publish(s.change)
		}
	}
}
