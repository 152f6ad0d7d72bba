package main

import (
	"math/bits"
	"time"
)

// subBuckets per power of two keep a histogram's error below 1.6 %.
const (
	subBucketBits = 6
	subBuckets    = 1 << subBucketBits
)

// A histogram counts durations in buckets whose width grows with the value.
type histogram struct {
	counts [64 * subBuckets]uint64
	total  uint64
	max    time.Duration
}

func (h *histogram) add(d time.Duration) {
	d = max(d, 0)
	h.counts[bucket(uint64(d))]++
	h.total++
	h.max = max(h.max, d)
}

// quantile gives the duration that the share q of all values does not exceed; 0 when there are none.
func (h *histogram) quantile(q float64) time.Duration {
	if h.total == 0 {
		return 0
	}
	rank := max(1, uint64(q*float64(h.total)+0.5))
	var seen uint64
	for i, n := range h.counts {
		if seen += n; seen >= rank {
			return min(time.Duration(upperBound(i)), h.max)
		}
	}
	return h.max
}

// bucket gives the index of v's bucket: values below subBuckets have one each, above there are subBuckets for
// every power of two.
func bucket(v uint64) int {
	shift := max(0, bits.Len64(v)-subBucketBits-1)
	return shift<<subBucketBits + int(v>>shift)
}

// upperBound gives the largest value of bucket i.
func upperBound(i int) uint64 {
	if i < 2*subBuckets {
		return uint64(i)
	}
	shift := i>>subBucketBits - 1
	mantissa := uint64(i - shift<<subBucketBits)
	return (mantissa+1)<<shift - 1
}
