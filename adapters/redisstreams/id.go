package redisstreams

import (
	"math"
	"strconv"
	"strings"
)

// An id is the place of an entry in its stream: a time in milliseconds, and a number.
// The zero id is before all.
type id struct{ ms, n uint64 }

var lastID = id{math.MaxUint64, math.MaxUint64}

// parseID reads an id as Redis writes it.
func parseID(text string) (id, bool) {
	ms, n, ok := strings.Cut(text, "-")
	if !ok {
		return id{}, false
	}
	var i id
	var err1, err2 error
	i.ms, err1 = strconv.ParseUint(ms, 10, 64)
	i.n, err2 = strconv.ParseUint(n, 10, 64)
	return i, err1 == nil && err2 == nil && i.String() == text
}

func (i id) String() string {
	var b [41]byte
	return string(strconv.AppendUint(append(strconv.AppendUint(b[:0], i.ms, 10), '-'), i.n, 10))
}

func (i id) before(other id) bool { return i.ms < other.ms || i.ms == other.ms && i.n < other.n }

func later(a, b id) id {
	if a.before(b) {
		return b
	}
	return a
}
