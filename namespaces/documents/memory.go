package documents

import (
	"context"
	"sync"

	"parley/namespaces/documents/ot"
	"parley/namespaces/identity"
)

// memory is the Store of one server. Without a Keeper it keeps nothing over a restart.
type memory struct {
	opts Options

	mu        sync.Mutex // guards documents; a document's lock may be held when taking it
	documents map[string]*locked
}

// locked is a document with a lock of its own, so that one does not wait for
// another.
type locked struct {
	drafts drafts // that wait for mu

	mu   sync.Mutex
	gone bool // out of the store: whoever still holds it must look the document up again
	*document
}

var _ Store = (*memory)(nil)

// NewMemory returns a Store in memory with the limits of opts. It holds the
// document "doc-1" from the start.
func NewMemory(opts *Options) Store { return newMemory(opts.WithDefaults()) }

func newMemory(opts Options) *memory {
	return &memory{opts: opts, documents: make(map[string]*locked)}
}

// lock returns a document, locked. If it is nowhere it is made, if told to, or the
// error is ErrNoDocument.
func (m *memory) lock(id string, create bool) (*locked, error) {
	for {
		m.mu.Lock()
		d := m.documents[id]
		if d != nil {
			m.mu.Unlock()
			if d.mu.Lock(); !d.gone {
				return d, nil
			}
			d.mu.Unlock()
			continue
		}
		d = new(locked)
		d.mu.Lock() // nobody sees it before it is complete
		err := m.add(id, d)
		m.mu.Unlock()
		if err == nil {
			if d.document, err = m.load(id, create); err != nil {
				m.forget(id, d)
			}
		}
		if err != nil {
			d.mu.Unlock()
			return nil, err
		}
		return d, nil
	}
}

// load returns a document that is not in memory.
func (m *memory) load(id string, create bool) (*document, error) {
	if m.opts.Keeper != nil {
		kept, err := m.opts.Keeper.Load(id)
		if err != nil {
			return nil, err
		}
		if kept != nil {
			return restore(kept)
		}
	}
	if !create && id != firstDocument {
		return nil, ErrNoDocument
	}
	return &document{History: ot.NewHistory(Initial(id))}, nil
}

// add puts a document into memory. m.mu is held.
func (m *memory) add(id string, d *locked) error {
	if len(m.documents) >= m.opts.Documents && !m.evict() {
		return &LimitError{"Too many documents", m.opts.Documents}
	}
	m.documents[id] = d
	return nil
}

// evict takes a document out of memory that can be had again and that nobody has
// open, and reports whether there is one. m.mu is held.
func (m *memory) evict() bool {
	for id, d := range m.documents {
		if !d.mu.TryLock() { // whoever has it may be waiting for m.mu
			continue
		}
		if len(d.tabs) == 0 && (d.kept || d.Version() <= firstVersion && d.Kept() == 0) {
			d.gone = true
			delete(m.documents, id)
		}
		d.mu.Unlock()
		if d.gone {
			return true
		}
	}
	return false
}

// forget takes a document out of memory. Its lock is held.
func (m *memory) forget(id string, d *locked) {
	d.gone = true
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.documents, id)
}

func (m *memory) Enter(_ context.Context, id, socket string, u identity.User, publish func(Snapshot, bool)) error {
	d, err := m.lock(id, true)
	if err != nil {
		return err
	}
	defer d.mu.Unlock()
	news := d.enter(socket, u)
	publish(d.snapshot(id), news)
	return nil
}

func (m *memory) Leave(_ context.Context, id, socket string, publish func([]identity.User)) error {
	d, err := m.lock(id, false)
	if err == ErrNoDocument {
		return nil
	}
	if err != nil {
		return err
	}
	defer d.mu.Unlock()
	if d.leave(socket) {
		publish(d.collaborators())
	}
	if d.idle() {
		m.forget(id, d)
	}
	return nil
}

func (m *memory) Snapshot(_ context.Context, id string) (Snapshot, error) {
	d, err := m.lock(id, false)
	if err != nil {
		return Snapshot{}, err
	}
	defer d.mu.Unlock()
	return d.snapshot(id), nil
}
