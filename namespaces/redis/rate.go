package redis

import (
	"context"
	"time"

	"parley/namespaces/limits"
)

var scriptRate = script("rate_take")

// rate is a sliding window, on Redis's clock.
type rate struct {
	db   *DB
	name string
	most int
	span time.Duration
}

// Rate returns a Rate of at most so many actions of a user in any span of time, on all nodes
// together. Those of one name are one. It panics if most or span is not positive. What
// Redis forgets counts no more.
func (db *DB) Rate(most int, span time.Duration, name string) limits.Rate {
	if most < 1 || span < time.Microsecond {
		panic("redis: Rate needs a positive number and a positive span")
	}
	return &rate{db, name, most, span}
}

func (r *rate) Take(ctx context.Context, user string) (undo func(), err error) {
	key := r.db.key("rate", user, r.name)
	id := r.db.op()
	v, err := r.db.run(ctx, scriptRate, []string{key}, id, r.most, r.span.Microseconds())
	if err != nil {
		return nil, err
	}
	if (reply{v}).int() == 0 {
		return nil, limits.ErrRate
	}
	return func() {
		// What is not undone is over when the span is.
		_ = r.db.conn.Publish(key, nil, "ZREM", key, id)
	}, nil
}
