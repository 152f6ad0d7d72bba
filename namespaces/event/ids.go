package event

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"
)

// timeLayout prints a UTC time as JavaScript's Date.prototype.toISOString does.
const timeLayout = "2006-01-02T15:04:05.000Z"

// Timestamp returns a time as clients get it: ISO 8601, UTC, milliseconds.
func Timestamp(t time.Time) string { return t.UTC().Format(timeLayout) }

// Now returns the timestamp of this moment.
func Now() string { return Timestamp(time.Now()) }

// IDs makes ids that sort by time when compared as strings: milliseconds and a
// counter in fixed-width hexadecimal, then a tag that keeps the ids of two servers
// apart. It may be used by any number of goroutines.
type IDs struct {
	tag string
	now func() time.Time

	mu   sync.Mutex
	last uint64 // milliseconds since 1970 in the upper 48 bits, the counter below
}

// NewIDs returns a source of ids that reads the given clock.
func NewIDs(now func() time.Time) *IDs {
	var tag [4]byte
	rand.Read(tag[:])
	return &IDs{tag: hex.EncodeToString(tag[:]), now: now}
}

// Next returns a new id and the time it stands for. Both never go back, even when
// the clock does.
func (s *IDs) Next() (id, timestamp string) {
	s.mu.Lock()
	s.last = max(s.last+1, uint64(s.now().UnixMilli())<<16)
	n := s.last
	s.mu.Unlock()
	return fmt.Sprintf("%016x%s", n, s.tag), Timestamp(time.UnixMilli(int64(n >> 16)))
}

// Own reports whether this source has made an id.
func (s *IDs) Own(id string) bool { return strings.HasSuffix(id, s.tag) }

// Past makes all further ids greater than id, which a source before this one has made. Others are ignored.
func (s *IDs) Past(id string) {
	if len(id) < 16 {
		return
	}
	n, err := strconv.ParseUint(id[:16], 16, 64)
	if err != nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.last = max(s.last, n)
}
