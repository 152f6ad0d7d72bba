package disk

import "go.etcd.io/bbolt"

// A write is one change that waits to be committed with others.
type write struct {
	apply func(*bbolt.Tx) error // may be called twice
	done  chan error            // of capacity 1
}

// commit makes a change and returns when it is safe.
func (f *File) commit(apply func(*bbolt.Tx) error) error {
	w := &write{apply, make(chan error, 1)}
	f.mu.Lock()
	if f.closed {
		f.mu.Unlock()
		return ErrClosed
	}
	f.waiting = append(f.waiting, w) // no longer than there are callers
	select {
	case f.wake <- struct{}{}:
	default:
	}
	f.mu.Unlock()
	return <-w.done
}

// write is the one goroutine that writes. What has come while one commit was on its
// way shares the next.
func (f *File) write() {
	defer close(f.done)
	for range f.wake {
		f.mu.Lock()
		batch := f.waiting
		f.waiting = nil
		f.mu.Unlock()
		f.writeAll(batch)
	}
}

func (f *File) writeAll(batch []*write) {
	err := f.update(batch)
	for i, w := range batch {
		if err != nil && len(batch) > 1 { // one may have spoilt it for all
			w.done <- f.update(batch[i : i+1])
			continue
		}
		w.done <- err
	}
}

func (f *File) update(batch []*write) error {
	if len(batch) == 0 {
		return nil
	}
	return guard(func() error {
		return f.db.Update(func(tx *bbolt.Tx) error {
			for _, w := range batch {
				if err := w.apply(tx); err != nil {
					return err
				}
			}
			return nil
		})
	})
}
