package documents

import (
	"context"
	"sync"

	"parley/namespaces/identity"
)

// memory is the Store of one server that keeps nothing over a restart.
type memory struct {
	opts Options

	mu        sync.Mutex // guards documents
	documents map[string]*locked
}

// locked is a document with a lock of its own, so that one does not wait for
// another.
type locked struct {
	mu sync.Mutex
	*document
}

var _ Store = (*memory)(nil)

// NewMemory returns a Store in memory with the limits of opts. It holds the
// document "doc-1" from the start.
func NewMemory(opts *Options) Store { return newMemory(opts.withDefaults()) }

func newMemory(opts Options) *memory {
	m := &memory{opts: opts, documents: make(map[string]*locked)}
	m.documents[firstDocument] = &locked{document: newDocument(firstContent, firstVersion)}
	return m
}

// find returns a document, which it makes if told to, or nil.
func (m *memory) find(id string, create bool) (*locked, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	d := m.documents[id]
	if d != nil || !create {
		return d, nil
	}
	if len(m.documents) >= m.opts.Documents {
		return nil, &LimitError{"Too many documents", m.opts.Documents}
	}
	d = &locked{document: newDocument("", 0)}
	m.documents[id] = d
	return d, nil
}

func (m *memory) Enter(_ context.Context, id, socket string, u identity.User, publish func(Snapshot, bool)) error {
	d, err := m.find(id, true)
	if err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	news := d.enter(socket, u)
	publish(d.snapshot(id), news)
	return nil
}

func (m *memory) Leave(_ context.Context, id, socket string, publish func([]identity.User)) error {
	d, _ := m.find(id, false)
	if d == nil {
		return nil
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.leave(socket) {
		publish(d.collaborators())
	}
	return nil
}

func (m *memory) Submit(_ context.Context, id string, draft Draft, publish func(Change)) (Change, error) {
	d, _ := m.find(id, false)
	if d == nil {
		return Change{}, ErrNoDocument
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	op, err := d.submit(draft, &m.opts)
	if err != nil {
		return Change{}, err
	}
	c := d.change(id, draft.UserID, op)
	publish(c)
	return c, nil
}

func (m *memory) Snapshot(_ context.Context, id string) (Snapshot, error) {
	d, _ := m.find(id, false)
	if d == nil {
		return Snapshot{}, ErrNoDocument
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.snapshot(id), nil
}
