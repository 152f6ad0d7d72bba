package engineio

import (
	"sync"
	"time"
)

// logEvery is how often a cause gets a line in the log.
const logEvery = time.Minute

// A sparse says when something that may happen often is to be logged.
type sparse struct {
	mu    sync.Mutex
	next  time.Time
	count int // since the last line
}

// take counts an occurrence. If now is the time for a line, it returns how
// often it has happened since the last one.
func (s *sparse) take(now time.Time) (count int, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.count++
	if now.Before(s.next) {
		return 0, false
	}
	count, s.count = s.count, 0
	s.next = now.Add(logEvery)
	return count, true
}
