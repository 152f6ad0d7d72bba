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
	saved := &l.sessions
	saved.mu.Lock()
	defer saved.mu.Unlock()
	s, found := saved.byPID[pid]
	delete(saved.byPID, pid)
	if len(saved.byPID) == 0 {
		saved.byPID = nil // a map does not shrink
	}
	return s, found, nil
}

// Discard implements adapter.Recovery.
func (l *Log) Discard(ctx context.Context, pid string) (bool, error) {
	_, found, err := l.Claim(ctx, pid)
	return found, err
}

func (s *sessions) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.byPID, s.closed = nil, true
}
