package redisstreams

import (
	"slices"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"
)

// TestFewLargeEntriesAreFetchedAtOnce, and many small ones.
func TestFewLargeEntriesAreFetchedAtOnce(t *testing.T) {
	fetch := func(p *pace, size int) {
		entry := redis.XMessage{Values: map[string]any{"data": strings.Repeat("x", size)}}
		p.note(slices.Repeat([]redis.XMessage{entry}, int(p.count)))
	}
	p := newPace(1000)
	for range 8 {
		fetch(&p, 100)
	}
	if p.count != 1000 {
		t.Errorf("%d small ones", p.count)
	}
	for range 8 {
		fetch(&p, 1<<20)
	}
	if p.count < 1 || p.count > 4 {
		t.Errorf("%d large ones", p.count)
	}
	if p = newPace(10); p.count != 10 {
		t.Errorf("%d of 10", p.count)
	}
}
