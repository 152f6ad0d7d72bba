package chat

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"sync"
	"time"
)

// timeLayout prints a UTC time as JavaScript's Date.prototype.toISOString does.
const timeLayout = "2006-01-02T15:04:05.000Z"

// An idSource makes ids that sort by time when compared as strings: milliseconds and a counter in fixed-width
// hexadecimal, then a tag that keeps the ids of two servers apart.
type idSource struct {
	tag string
	now func() time.Time

	mu   sync.Mutex
	last uint64 // milliseconds since 1970 in the upper 48 bits, the counter below
}

func newIDSource(now func() time.Time) *idSource {
	var tag [4]byte
	rand.Read(tag[:])
	return &idSource{tag: hex.EncodeToString(tag[:]), now: now}
}

// next returns a new id and the time it stands for. Both never go back, even when the clock does.
func (s *idSource) next() (id, timestamp string) {
	s.mu.Lock()
	s.last = max(s.last+1, uint64(s.now().UnixMilli())<<16)
	n := s.last
	s.mu.Unlock()
	return fmt.Sprintf("%016x%s", n, s.tag), time.UnixMilli(int64(n >> 16)).UTC().Format(timeLayout)
}
