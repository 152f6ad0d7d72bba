// Package limits bounds what people and addresses do: how often a user writes,
// whatever they write from, and how many clients an address has.
package limits

import (
	"context"
	"slices"
	"sync"
	"time"

	"parley/server/socketio"
)

// ErrRate is the error of a user who writes too often, fit for clients.
var ErrRate = &socketio.Error{Code: "rate_limited", Message: "Too many messages. Please wait before sending again."}

// A Rate limits how often each user does something, over all of their connections.
// It may be used by any number of goroutines.
type Rate interface {
	// Take counts one action of a user, or returns ErrRate if that would be one too
	// many. Only what is accepted counts: if the action comes to nothing after all,
	// undo uncounts it. undo must not block.
	Take(ctx context.Context, user string) (undo func(), err error)
}

// maxUsers bounds the users whose actions a window remembers; one costs about 200
// bytes at 10 actions. Who comes on top is refused until others have been quiet.
const maxUsers = 1_000_000

// NewWindow returns a Rate of at most so many actions in any span of time, on one
// server. It panics if either is not positive.
func NewWindow(most int, span time.Duration) Rate { return newWindow(most, span, time.Now) }

func newWindow(most int, span time.Duration, now func() time.Time) *window {
	if most < 1 || span <= 0 {
		panic("limits: NewWindow needs a positive number and a positive span")
	}
	return &window{most: most, span: span, now: now, users: make(map[string][]time.Time)}
}

// window is a sliding window in memory. It remembers the moment of each action, so
// that no span has more than there may be, wherever it begins.
type window struct {
	most int
	span time.Duration
	now  func() time.Time

	mu    sync.Mutex             // guards what follows
	users map[string][]time.Time // each in order, no more than most
	swept int                    // users that the last sweep has left
}

func (w *window) Take(_ context.Context, user string) (undo func(), err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	now := w.now()
	taken := w.recent(w.users[user], now)
	if len(taken) >= w.most {
		w.users[user] = taken
		return nil, ErrRate
	}
	if len(taken) == 0 && !w.room(now) {
		return nil, ErrRate
	}
	w.users[user] = append(taken, now)
	return func() { w.undo(user, now) }, nil
}

func (w *window) undo(user string, at time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	taken := w.users[user]
	i := slices.Index(taken, at)
	if i < 0 {
		return
	}
	if taken = slices.Delete(taken, i, i+1); len(taken) == 0 {
		delete(w.users, user)
		return
	}
	w.users[user] = taken
}

// recent drops what is out of the window.
func (w *window) recent(taken []time.Time, now time.Time) []time.Time {
	old := 0
	for old < len(taken) && now.Sub(taken[old]) >= w.span {
		old++
	}
	return slices.Delete(taken, 0, old)
}

// room forgets users who have been quiet, whenever there are twice as many as there
// were after the last time, so that it costs each action a constant. It reports
// whether there may be one more.
func (w *window) room(now time.Time) bool {
	const few = 1024
	if len(w.users) < max(few, 2*w.swept) && len(w.users) < maxUsers {
		return true
	}
	left := make(map[string][]time.Time) // a map does not shrink
	for user, taken := range w.users {
		if taken = w.recent(taken, now); len(taken) > 0 {
			left[user] = taken
		}
	}
	w.users, w.swept = left, len(left)
	return len(w.users) < maxUsers
}
