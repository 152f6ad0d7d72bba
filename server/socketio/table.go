package socketio

import (
	"context"
	"maps"
	"slices"
	"sync/atomic"
)

// A table holds the handlers of a scope. Looking up takes no lock: what it holds is
// never changed in place.
type table struct{ current atomic.Pointer[handlers] }

// handlers are those of one scope, at one moment.
type handlers struct {
	byName    map[string]*entry
	unhandled *entry
	use       []func(context.Context, *Socket, Event) error
	incoming  []*func(context.Context, *Socket, Event)
	outgoing  []*func(*Socket, Event)
}

// get returns the handlers of this moment, nil if there never were any.
func (t *table) get() *handlers { return t.current.Load() }

// change puts a changed copy in place, unless f reports that there is nothing to
// change. f must not change a map or a list in place.
func (t *table) change(f func(h *handlers) bool) bool {
	for {
		old := t.current.Load()
		var next handlers
		if old != nil {
			next = *old
		}
		if !f(&next) {
			return false
		}
		if t.current.CompareAndSwap(old, &next) {
			return true
		}
	}
}

// add reports whether it could add a handler: an event that has one gets another
// only if so told.
func (t *table) add(event string, e *entry, replace bool) bool {
	return t.change(func(h *handlers) bool {
		if h.byName[event] != nil && !replace {
			return false
		}
		next := make(map[string]*entry, len(h.byName)+1)
		maps.Copy(next, h.byName)
		next[event] = e
		h.byName = next
		return true
	})
}

// remove takes the handler of an event out, and reports whether it was there. With
// e set only that one is meant.
func (t *table) remove(event string, e *entry) bool {
	return t.change(func(h *handlers) bool {
		there := h.byName[event]
		if there == nil || e != nil && there != e {
			return false
		}
		h.byName = maps.Clone(h.byName)
		delete(h.byName, event)
		return true
	})
}

// without returns a list that lacks e and shares nothing with the old one.
func without[E comparable](list []E, e E) []E {
	return slices.DeleteFunc(slices.Clone(list), func(other E) bool { return other == e })
}

// handlers returns those that concern the socket's events: its own, those of its
// namespace, and those of the namespace's parent.
func (s *Socket) handlers() (all [3]*handlers) {
	all[0], all[1] = s.events.get(), s.ns.events.get()
	if s.ns.parent != nil {
		all[2] = s.ns.parent.events.get()
	}
	return all
}
