package redisstreams

import (
	"slices"
	"sync"
)

// A stream is what this server knows of one.
type stream struct {
	c    *Cluster
	name string
	ours bool // this server writes to it

	read id   // the newest entry that was read; the reader's own
	more bool // more of what was read is to be handled; the same
	news bool // some of what was read has had an effect here; the same

	running sync.Mutex // held while functions run that were due

	mu      sync.Mutex // guards what follows
	started bool
	start   []func() // to be called once read is known
	done    id       // the newest entry that was handled
	due     []due    // in the order of the calls
}

// due is a function for the time when an entry has been handled.
type due struct {
	at id
	f  func()
}

// onStart calls f once it is known where reading begins: what is sent from then on is
// not missed.
func (s *stream) onStart(f func()) {
	s.mu.Lock()
	if !s.started {
		s.start = append(s.start, f)
		s.mu.Unlock()
		return
	}
	s.mu.Unlock()
	f()
}

// begin notes where reading begins.
func (s *stream) begin(at id) {
	s.mu.Lock()
	s.read, s.done, s.started = at, at, true
	start := s.start
	s.start = nil
	s.mu.Unlock()
	for _, f := range start {
		f()
	}
}

// goBack notes that Redis has lost the newest entries.
func (s *stream) goBack(at id) {
	s.read = at
	s.mu.Lock()
	defer s.mu.Unlock()
	s.done = at
	s.kick()
}

// handled notes that an entry, and all before it, have been.
func (s *stream) handled(at id) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.done = at
	s.kick()
}

func (s *stream) newest() id {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.done
}

// when calls f, from the goroutine that watches, once an entry has been handled. Those
// for the same or a later entry are called in the order of the calls. It reports whether there
// is room.
func (s *stream) when(at id, f func()) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.due) >= s.c.opts.MaxAnswering {
		return false
	}
	s.due = append(s.due, due{at, f})
	s.kick()
	return true
}

// kick wakes whoever runs what is due. The caller holds s.mu.
func (s *stream) kick() {
	if slices.ContainsFunc(s.due, func(d due) bool { return !s.done.before(d.at) }) {
		s.c.wakeUp()
	}
}

// runDue calls the functions whose entry has been handled.
func (s *stream) runDue() {
	s.running.Lock()
	defer s.running.Unlock()
	s.mu.Lock()
	var ready []due
	s.due = slices.DeleteFunc(s.due, func(d due) bool {
		if s.done.before(d.at) {
			return false
		}
		ready = append(ready, d)
		return true
	})
	s.mu.Unlock()
	for _, d := range ready {
		d.f()
	}
}
