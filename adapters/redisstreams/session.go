package redisstreams

import (
	"context"
	"errors"
	"time"

	"github.com/redis/go-redis/v9"

	"parley/adapters/redisconn"
	"parley/server/adapter"
)

// slack is for how long a session is kept beyond its end, so that the server that waits for
// its client finds it when the time is over. Nobody recovers then any more.
const slack = 10 * time.Second

func (l *log) key(pid string) string { return l.bus.c.opts.SessionKeyPrefix + pid }

// Save implements adapter.Recovery.
func (l *log) Save(s adapter.Session) {
	left := time.Until(s.Until) + slack
	if left <= 0 {
		return
	}
	key := l.key(s.PID)
	text, err := l.bus.c.wire.AppendSession(nil, l.bus.namespace, s)
	if err == nil {
		err = l.bus.c.conn.Publish(key, func(err error) { l.saved(err) }, "SET", key, l.bus.c.opts.seal(key, text), "PX", left.Milliseconds())
	}
	l.saved(err)
}

// saved notes that a client cannot come back.
func (l *log) saved(err error) {
	if err != nil {
		l.bus.c.noted.warn("redisstreams: cannot save a session", "namespace", l.bus.namespace, "err", err)
	}
}

// Claim implements adapter.Recovery.
func (l *log) Claim(ctx context.Context, pid string) (s adapter.Session, found bool, err error) {
	conn, key := l.bus.c.conn, l.key(pid)
	var left time.Duration
	text, err := l.await(ctx, func(done func(any, error)) error {
		// Both are behind what was saved before, and nobody waits between them.
		err := conn.Do(key, func(reply any, _ error) {
			if ms, ok := reply.(int64); ok {
				left = time.Duration(ms) * time.Millisecond
			}
		}, "PTTL", key)
		if err != nil {
			return err // and the session stays
		}
		return conn.Do(key, done, "GETDEL", key)
	})
	if err != nil || text == nil {
		return s, false, err
	}
	s, namespace, err := l.open(key, text)
	switch {
	case err != nil:
		return adapter.Session{}, false, err
	case namespace != "" && namespace != l.bus.namespace:
		// Somebody tries what is for another namespace, where it must stay.
		l.saved(conn.Publish(key, l.saved, "SET", key, text, "PX", left.Milliseconds()))
		return adapter.Session{}, false, nil
	case namespace != "":
		left -= slack
	}
	s.Until = time.Now().Add(left)
	return s, s.PID == pid, nil
}

// discard deletes a key if its value is still the same.
const discard = `if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('del', KEYS[1]) end return 0`

// Discard implements adapter.Recovery.
func (l *log) Discard(ctx context.Context, pid, saved string) (found bool, err error) {
	conn, key := l.bus.c.conn, l.key(pid)
	text, err := l.await(ctx, func(done func(any, error)) error { return conn.Do(key, done, "GET", key) })
	if err != nil || text == nil {
		return false, err
	}
	s, _, err := l.open(key, text)
	if err != nil || s.Saved != saved {
		return false, err
	}
	deleted, err := l.await(ctx, func(done func(any, error)) error { return conn.Do(key, done, "EVAL", discard, 1, key, text) })
	return string(deleted) == "1", err
}

// open reads a session as it is kept.
func (l *log) open(key string, text []byte) (s adapter.Session, namespace string, err error) {
	record, err := l.bus.c.opts.unseal(key, text)
	if err != nil {
		return s, "", err
	}
	return l.bus.c.wire.ParseSession(record)
}

// await waits for the reply to a command, as text; nil where Redis has none.
func (l *log) await(ctx context.Context, do func(done func(any, error)) error) ([]byte, error) {
	type result struct {
		text []byte
		err  error
	}
	results := make(chan result, 1)
	err := do(func(reply any, err error) {
		var r result
		switch v := reply.(type) {
		case string:
			r.text = []byte(v)
		case int64:
			if v > 0 {
				r.text = []byte("1")
			}
		}
		if !errors.Is(err, redis.Nil) {
			r.err = err
		}
		results <- r
	})
	if err != nil {
		return nil, err
	}
	select {
	case r := <-results:
		return r.text, r.err
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	case <-l.bus.c.life.Done():
		return nil, redisconn.ErrClosed
	}
}
