package socketio

import (
	"errors"
	"slices"
	"sync"
)

// concurrently calls f for each target, several of which are the children of a parent,
// and returns all results. Results that are partial make one *PartialError.
func concurrently[T any](targets []Target, f func(Target) ([]T, error)) ([]T, error) {
	if len(targets) == 1 {
		return f(targets[0])
	}
	results, errs := make([][]T, len(targets)), make([]error, len(targets))
	var wg sync.WaitGroup
	for i, t := range targets {
		wg.Go(func() { results[i], errs[i] = f(t) })
	}
	wg.Wait()
	return slices.Concat(results...), joinPartial(errs)
}

// joinPartial adds up what is missing.
func joinPartial(errs []error) error {
	var sum PartialError
	for _, err := range errs {
		var missing *PartialError
		if errors.As(err, &missing) {
			sum.Answered += missing.Answered
			sum.Expected += missing.Expected
			err = missing.Err
		}
		if sum.Err == nil {
			sum.Err = err
		}
	}
	if sum.Expected == 0 {
		return sum.Err
	}
	return &sum
}
