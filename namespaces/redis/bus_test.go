package redis

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"parley/adapters/redisconn/redistest"
	"parley/namespaces/plain"
)

// Of a client that goes while Redis is still being told that it has come, those who are here hear no later than of others.
func TestEndOfAClientThatHasJustComeIsToldHere(t *testing.T) {
	t.Parallel()
	b := open(t, connect(t, redistest.Start(t)), &Options{Alive: time.Hour}).Bus().(*bus)
	told := make(chan struct{}, 10)
	var place string
	leave := b.Enter("ann", plain.Gone{Here: func() { told <- struct{}{} }, Elsewhere: func() {}})
	b.here.Range(func(key, _ any) bool { place = key.(string); return false })
	_ = b.seats.alone(place, "", func() error {
		over := make(chan struct{})
		go func() {
			defer close(over)
			leave()
		}()
		t.Cleanup(func() { <-over })
		select {
		case <-told:
		case <-time.After(patience):
			t.Error("nobody here has heard")
		}
		return nil
	})
}

// A deaf hook takes the answer away where commands are sent together of which one has this name.
type deaf string

func (d deaf) DialHook(next redis.DialHook) redis.DialHook          { return next }
func (d deaf) ProcessHook(next redis.ProcessHook) redis.ProcessHook { return next }

func (d deaf) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		err := next(ctx, cmds)
		if err == nil && slices.ContainsFunc(cmds, func(c redis.Cmder) bool { return c.Name() == string(d) }) {
			err = errors.New("no answer")
		}
		return err
	}
}

// A client of which Redis has heard, though no answer came, is not told gone again when its node dies.
func TestNobodyStaysListedWhoHasGone(t *testing.T) {
	t.Parallel()
	client := connect(t, redistest.Start(t))
	db := open(t, client, &Options{Alive: time.Hour})
	client.AddHook(deaf("sadd"))
	b := db.Bus().(*bus)
	leave := b.Enter("ann", plain.Gone{Here: func() {}, Elsewhere: func() {}})
	listed := func(want int64) func() bool {
		return func() bool {
			n, err := db.client.SCard(t.Context(), db.node.listKey(db.node.current(), "ws")).Result()
			return err == nil && n == want
		}
	}
	until(t, "Redis knows it", listed(1))
	leave()
	b.seats.mend(t.Context())
	if !listed(0)() {
		t.Error("it is still listed")
	}
}
