package main

import (
	"math"
	"testing"
	"time"
)

func TestQuantilesAreWithinTwoPercent(t *testing.T) {
	var h histogram
	for i := 1; i <= 100_000; i++ {
		h.add(time.Duration(i) * time.Microsecond)
	}
	for _, q := range []float64{0.01, 0.5, 0.9, 0.99, 0.999} {
		want := q * 100_000
		got := float64(h.quantile(q)) / float64(time.Microsecond)
		if got < want*0.999 || got > want*1.02 {
			t.Errorf("quantile %g: %.0f µs, want %.0f µs", q, got, want)
		}
	}
	if h.quantile(1) != h.max || h.max != 100*time.Millisecond {
		t.Errorf("quantile 1: %v, max %v, want both 100ms", h.quantile(1), h.max)
	}
}

func TestQuantileOfFewValues(t *testing.T) {
	var h histogram
	if got := h.quantile(0.5); got != 0 {
		t.Errorf("median of nothing: %v", got)
	}
	h.add(-time.Second) // a clock that went back
	h.add(42)
	if low, high := h.quantile(0.5), h.quantile(0.99); low != 0 || high != 42 {
		t.Errorf("quantiles of 0 and 42 ns: %d and %d", low, high)
	}
}

func TestEveryValueLiesInItsBucket(t *testing.T) {
	for _, v := range []uint64{0, 1, 63, 64, 127, 128, 129, 255, 256, 1e3, 1e6, 1e9, 1e12, math.MaxInt64} {
		i := bucket(v)
		if upperBound(i) < v || i > 0 && upperBound(i-1) >= v {
			t.Errorf("value %d is in bucket %d, from above %d to %d", v, i, upperBound(i-1), upperBound(i))
		}
	}
}
