package redis

import "sync"

// recent is a set of ids that forgets all of them when it is full. Its methods may be called from any goroutine.
type recent struct {
	max int

	mu  sync.Mutex // guards what follows
	ids map[string]struct{}
}

// add reports whether the id is new.
func (r *recent) add(id string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, again := r.ids[id]; again {
		return false
	}
	if len(r.ids) >= r.max || r.ids == nil {
		r.ids = make(map[string]struct{}) // a map does not shrink
	}
	r.ids[id] = struct{}{}
	return true
}

func (r *recent) has(id string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	_, there := r.ids[id]
	return there
}

// remove reports whether the id was there.
func (r *recent) remove(id string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	_, there := r.ids[id]
	delete(r.ids, id)
	return there
}
