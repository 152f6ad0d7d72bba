package main

import (
	"context"
	"crypto/rand"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"

	"parley/server/adapter"
)

// Redis is tried once in watchEvery, and must answer within watchTimeout: within their sum /readyz turns.
const (
	watchEvery   = time.Second
	watchTimeout = 2 * time.Second
	// countEvery is how many tries lie between two counts of the nodes.
	countEvery = 5
)

// A redisWatch tries now and then whether Redis takes writes.
type redisWatch struct {
	client redis.UniversalClient
	key    string
	main   *atomic.Pointer[adapter.Adapter]
	log    *slog.Logger

	well  atomic.Bool
	nodes atomic.Int64 // 0 while it is not known
	took  atomic.Int64 // nanoseconds, of the last answer
	told  bool         // that Redis is away; only of the goroutine

	end  context.CancelFunc
	done chan struct{}
}

func watchRedis(s *shared, prefix string, log *slog.Logger) *redisWatch {
	ctx, cancel := context.WithCancel(context.Background())
	w := &redisWatch{
		client: s.client, key: prefix + ":probe:" + rand.Text(), main: &s.main, log: log, end: cancel, done: make(chan struct{}),
	}
	go w.run(ctx)
	return w
}

func (w *redisWatch) up() bool { return w.well.Load() }

// stop returns when the goroutine has ended.
func (w *redisWatch) stop() {
	w.end()
	<-w.done
}

func (w *redisWatch) run(ctx context.Context) {
	defer close(w.done)
	every := time.NewTicker(watchEvery)
	defer every.Stop()
	for n := 0; ; n++ {
		w.try(ctx)
		if n%countEvery == 0 && w.up() {
			w.count(ctx)
		}
		select {
		case <-ctx.Done():
			return
		case <-every.C:
		}
	}
}

// try writes: a replica that is taken for the master, or a full disk, is as bad as no answer.
func (w *redisWatch) try(life context.Context) {
	ctx, cancel := context.WithTimeout(life, watchTimeout)
	defer cancel()
	began := time.Now()
	err := w.client.Set(ctx, w.key, "", 10*time.Second).Err()
	if cluster, ok := w.client.(*redis.ClusterClient); ok && err == nil {
		err = cluster.ForEachMaster(ctx, func(ctx context.Context, c *redis.Client) error { return c.Ping(ctx).Err() })
	}
	if life.Err() != nil {
		return
	}
	if err == nil {
		w.took.Store(int64(time.Since(began)))
	}
	w.well.Store(err == nil)
	switch {
	case err != nil && !w.told:
		w.log.Warn("Redis is away: clients of this node still reach each other, what is kept is not available", "error", err)
	case err == nil && w.told:
		w.log.Info("Redis is back")
	}
	w.told = err != nil
}

func (w *redisWatch) count(life context.Context) {
	main := w.main.Load()
	if main == nil {
		return
	}
	ctx, cancel := context.WithTimeout(life, watchTimeout)
	defer cancel()
	if n, err := (*main).ServerCount(ctx); err == nil {
		w.nodes.Store(int64(n))
	}
}
