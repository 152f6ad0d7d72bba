package replay

import (
	"context"
	"sync"

	"parley/server/adapter"
)

// sessions are those that were saved. They have a lock of their own, so that who
// saves one need not wait for deliveries.
type sessions struct {
	mu     sync.Mutex
	byPID  map[string]adapter.Session
	closed bool
}

// Save implements adapter.Recovery. Whoever saves bounds how many there are.
func (l *Log) Save(s adapter.Session) {
	saved := &l.sessions
	saved.mu.Lock()
	defer saved.mu.Unlock()
	if saved.closed {
		return
	}
	if saved.byPID == nil {
		saved.byPID = make(map[string]adapter.Session)
	}
	saved.byPID[s.PID] = s
}

// Claim implements adapter.Recovery.
func (l *Log) Claim(_ context.Context, pid string) (adapter.Session, bool, error) {
	s, found := l.sessions.take(pid, func(adapter.Session) bool { return true })
	return s, found, nil
}

// Discard implements adapter.Recovery.
func (l *Log) Discard(_ context.Context, pid, saved string) (bool, error) {
	_, found := l.sessions.take(pid, func(s adapter.Session) bool { return s.Saved == saved })
	return found, nil
}

// take takes a session out if it is the one that is meant.
func (s *sessions) take(pid string, meant func(adapter.Session) bool) (adapter.Session, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	session, found := s.byPID[pid]
	if !found || !meant(session) {
		return adapter.Session{}, false
	}
	delete(s.byPID, pid)
	if len(s.byPID) == 0 {
		s.byPID = nil // a map does not shrink
	}
	return session, true
}

func (s *sessions) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.byPID, s.closed = nil, true
}
