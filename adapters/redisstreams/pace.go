package redisstreams

import "github.com/redis/go-redis/v9"

// A pace decides how many entries are fetched at once: it begins with few, as they may be
// large, and takes more as long as they are small. Redis knows no bound in bytes.
type pace struct{ count, most int64 }

const (
	firstCount = 64
	// fullBytes of entries at once are as many as should be.
	fullBytes = 4 << 20
)

func newPace(most int) pace { return pace{min(firstCount, int64(most)), int64(most)} }

// note learns from entries that were fetched.
func (p *pace) note(entries []redis.XMessage) {
	bytes := 0
	for _, e := range entries {
		for _, value := range e.Values {
			text, _ := value.(string)
			bytes += len(text)
		}
	}
	switch {
	case bytes > fullBytes:
		p.count = max(1, p.count/4)
	case int64(len(entries)) >= p.count && bytes <= fullBytes/2:
		p.count = min(2*p.count, p.most)
	}
}
