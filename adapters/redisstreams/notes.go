package redisstreams

import (
	"log/slog"
	"sync"
	"time"
)

// notes logs what may happen often, once in a while.
type notes struct {
	log *slog.Logger

	mu   sync.Mutex
	last map[string]time.Time // by text
}

const quiet = time.Minute

// warn logs a fixed text unless it has done so within the last minute.
func (n *notes) warn(text string, args ...any) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if time.Since(n.last[text]) < quiet {
		return
	}
	if n.last == nil {
		n.last = make(map[string]time.Time)
	}
	n.last[text] = time.Now()
	n.log.Warn(text, args...)
}
