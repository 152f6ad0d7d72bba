package notifications

import "sync"

// A turn is one use of the memory.
type turn struct {
	apply  func() // changes the memory; called again if what it shared a commit with has failed
	finish func() // when the change is safe

	// Guarded by the memory's mu.
	done bool
	err  error
}

// turns are those that wait for the memory. The first to get its lock takes all of them along, so that they wait for
// the disk together.
type turns struct {
	mu   sync.Mutex
	list []*turn // no longer than there are callers
}

func (w *turns) add(t *turn) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.list = append(w.list, t)
}

func (w *turns) take() []*turn {
	w.mu.Lock()
	defer w.mu.Unlock()
	list := w.list
	w.list = nil
	return list
}

// do takes a turn.
func (m *memory) do(apply, finish func()) error {
	t := &turn{apply: apply, finish: finish}
	m.turns.add(t)
	m.mu.Lock()
	defer m.mu.Unlock()
	if !t.done {
		m.run(m.turns.take())
	}
	return t.err
}

func (m *memory) run(list []*turn) {
	err := m.load()
	if err == nil {
		for _, t := range list {
			t.apply()
		}
		err = m.keep()
	}
	if err != nil && len(list) > 1 { // those that change nothing need no disk
		for i := range list {
			m.run(list[i : i+1])
		}
		return
	}
	for _, t := range list {
		if t.done, t.err = true, err; err == nil {
			t.finish()
		}
	}
}
