package engineio

import (
	"context"
	"math/rand/v2"
	"time"
)

// Drain refuses new sessions and closes those there are one by one, in random
// order and spread evenly over the given time, so that their clients do not all
// come back elsewhere at once. It returns when none is left, or with ctx's
// error.
func (s *Server) Drain(ctx context.Context, over time.Duration) error {
	list := s.refuseNew()
	rand.Shuffle(len(list), func(i, k int) { list[i], list[k] = list[k], list[i] })
	start := time.Now()
	wait := time.NewTimer(0)
	defer wait.Stop()
	for i, session := range list {
		due := start.Add(over / time.Duration(len(list)) * time.Duration(i))
		if d := time.Until(due); d > 0 {
			wait.Reset(d)
			select {
			case <-wait.C:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		session.Close(ReasonServerShutdown)
	}
	return s.waitEmpty(ctx)
}
