package main

import (
	"fmt"
	"slices"
	"time"
)

// A merge says how the rounds' values of one figure become one.
type merge uint8

const (
	byMedian merge = iota
	byWorst        // the largest
	byTotal
	byTotalIfAny // as byTotal, and a table leaves it out when there is none
)

// A figure is one measured value.
type figure struct {
	Name  string  `json:"name"`
	Unit  string  `json:"unit"`
	Value float64 `json:"value"`
	merge merge
}

// A result is what one scenario found on one server in one round.
type result struct {
	Round    int      `json:"round"`
	Scenario string   `json:"scenario"`
	Server   string   `json:"server"`
	Figures  []figure `json:"figures"`
	faults
	Errors []string `json:"errors,omitempty"`
}

// faults are what a correct server never has.
type faults struct {
	Lost           int `json:"lost"`
	OutOfOrder     int `json:"outOfOrder"`
	Repeated       int `json:"repeated"`
	Corrupt        int `json:"corrupt"`        // not what was sent
	NeverCompleted int `json:"neverCompleted"` // connects
}

func (r *result) ok() bool {
	return r.faults == faults{} && len(r.Errors) == 0
}

func (r *result) add(name, unit string, value float64) {
	r.Figures = append(r.Figures, figure{Name: name, Unit: unit, Value: value})
}

// addLatency adds the percentiles of h.
func (r *result) addLatency(h *histogram) {
	ms := func(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
	r.add("latency p50", "ms", ms(h.quantile(0.50)))
	r.add("latency p90", "ms", ms(h.quantile(0.90)))
	r.add("latency p99", "ms", ms(h.quantile(0.99)))
	r.Figures = append(r.Figures, figure{Name: "latency max", Unit: "ms", Value: ms(h.max), merge: byWorst})
}

// headline says the result in a few words.
func (r *result) headline() string {
	verdict := "ok"
	if !r.ok() {
		verdict = "FAULTS"
	}
	for _, f := range r.Figures[:min(1, len(r.Figures))] {
		if f.Unit != "" {
			n := number(f.Value)
			return fmt.Sprintf("%s %s %s  %s", f.Name, &n, f.Unit, verdict)
		}
	}
	return verdict
}

// count adds what went wrong in a stream of which sent messages were sent.
func (r *result) count(s *stream, sent int) {
	r.Lost += s.lost(sent)
	r.OutOfOrder += s.late
	r.Repeated += s.repeated
}

// addFaults adds the faults as figures, so that a table shows that there were none.
func (r *result) addFaults() {
	for _, f := range []struct {
		name  string
		count int
		merge merge
	}{
		{"lost", r.Lost, byTotal},
		{"out of order", r.OutOfOrder, byTotal},
		{"never completed", r.NeverCompleted, byTotal},
		{"repeated", r.Repeated, byTotalIfAny},
		{"corrupt", r.Corrupt, byTotalIfAny},
		{"errors", len(r.Errors), byTotalIfAny},
	} {
		r.Figures = append(r.Figures, figure{Name: f.name, Value: float64(f.count), merge: f.merge})
	}
}

// merged makes one value of the rounds' values.
func (m merge) merged(values []float64) float64 {
	values = slices.Clone(values)
	slices.Sort(values)
	switch n := len(values); {
	case m == byWorst:
		return values[n-1]
	case m == byTotal || m == byTotalIfAny:
		var sum float64
		for _, v := range values {
			sum += v
		}
		return sum
	case n%2 == 1:
		return values[n/2]
	default:
		return (values[n/2-1] + values[n/2]) / 2
	}
}
