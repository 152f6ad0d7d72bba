package redisstreams

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime/debug"
	"strconv"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"parley/adapters/nodewire"
)

// A reader takes in the entries of some streams, in order, on a goroutine of its own.
type reader struct {
	c       *Cluster
	streams []*stream
	byName  map[string]*stream
	sure    bool // nothing was lost between what was read and what will be
	late    bool // Redis was away at the start
	failed  bool // the last attempt has
	pace    pace
	echoes  int       // readings in a row that brought nothing new
	checked time.Time // when it was last found to read what is written

	mu    sync.Mutex // guards what follows
	err   error      // why it does not read; nil while it does
	since time.Time  // of err
}

func newReader(c *Cluster, streams ...*stream) *reader {
	r := &reader{
		c: c, streams: streams, byName: make(map[string]*stream), pace: newPace(c.opts.ReadCount),
		err: errors.New("redisstreams: not yet connected"), since: time.Now(),
	}
	for _, s := range streams {
		r.byName[s.name] = s
	}
	return r
}

// state returns why it does not read, nil if it does, and puts since off to the time of
// its last change.
func (r *reader) state(since *time.Time) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.since.After(*since) {
		*since = r.since
	}
	return r.err
}

func (r *reader) turn(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if (r.err == nil) != (err == nil) {
		r.since = time.Now()
		if err != nil {
			r.c.opts.Logger.Warn("redisstreams: cannot read", "stream", r.streams[0].name, "err", err)
		}
	}
	r.err = err
}

// The wait before the next attempt after the first error in a row, and at most. A random
// half of it is left out.
const (
	minBackoff = 50 * time.Millisecond
	maxBackoff = 2 * time.Second
)

// run reads until the Cluster is closed.
func (r *reader) run() {
	wait := minBackoff
	for r.c.life.Err() == nil {
		err := r.step(r.c.life)
		if r.c.life.Err() != nil {
			return
		}
		r.turn(err)
		if err == nil {
			wait = minBackoff
			continue
		}
		r.sure, r.failed = false, true
		select {
		case <-time.After(wait - rand.N(wait/2)):
		case <-r.c.life.Done():
		}
		wait = min(2*wait, maxBackoff)
	}
}

// spare is how much longer than an answer should take one is waited for.
const spare = 3 * time.Second

// A server that has read nothing but what it has sent itself, several times in a row, lets
// a moment pass before it reads again: it need not be told of each entry that it sends. One
// that gets answers hears them at once.
const (
	manyEchoes = 8
	moment     = time.Millisecond
)

// rest is that moment.
func (r *reader) rest(ctx context.Context) {
	if r.echoes < manyEchoes {
		return
	}
	select {
	case <-time.After(moment):
	case <-ctx.Done():
	}
}

// step reads once.
func (r *reader) step(ctx context.Context) error {
	if !r.sure {
		if err := r.settle(ctx); err != nil {
			return err
		}
		r.sure, r.pace = true, newPace(r.c.opts.ReadCount)
		r.turn(nil)
	}
	if err := r.whereabouts(ctx); err != nil {
		return err
	}
	r.rest(ctx)
	names := make([]string, 2*len(r.streams))
	for i, s := range r.streams {
		names[i], names[len(r.streams)+i] = s.name, s.read.String()
	}
	within, cancel := context.WithTimeout(ctx, r.c.opts.Block+spare)
	found, err := r.c.reads().XRead(within, &redis.XReadArgs{Streams: names, Count: r.pace.count, Block: r.c.opts.Block}).Result()
	cancel()
	if errors.Is(err, redis.Nil) {
		r.echoes = 0
		return nil
	}
	if err != nil {
		return err
	}
	count, news := r.pace.count, false
	for _, f := range found {
		r.pace.note(f.Messages)
		if s := r.byName[f.Stream]; s != nil && len(f.Messages) > 0 {
			if err := r.take(ctx, s, f.Messages, int64(len(f.Messages)) >= count); err != nil {
				return err
			}
			news = news || s.news
		}
	}
	if r.echoes++; news {
		r.echoes = 0
	}
	return nil
}

// take handles what has come of a stream. The position moves on first, so that nothing
// that is handled can be handled again. With more there may be further entries.
func (r *reader) take(ctx context.Context, s *stream, entries []redis.XMessage, more bool) error {
	before := s.read
	last, ok := parseID(entries[len(entries)-1].ID)
	if !ok {
		return fmt.Errorf("redisstreams: entry of %s with id %q", s.name, entries[len(entries)-1].ID)
	}
	s.read, s.news = last, false
	// A reader that is far behind may be overtaken by the trimming.
	if (more || len(entries) >= r.c.opts.MaxLen/2) && before != (id{}) {
		there, err := r.c.exists(ctx, s.name, before)
		if err != nil || !there {
			r.c.gap(s, before)
		}
	}
	for i, e := range entries {
		s.more = i < len(entries)-1
		if at, ok := parseID(e.ID); ok {
			r.handle(s, at, e.Values)
			s.handled(at)
		}
	}
	return nil
}

// handle handles one entry, whatever is in it.
func (r *reader) handle(s *stream, at id, values map[string]any) {
	defer func() {
		if v := recover(); v != nil {
			r.c.refuse(fmt.Errorf("panic: %v\n%s", v, debug.Stack()))
		}
	}()
	if err := r.c.handle(s, at, values); err != nil {
		r.c.refuse(err)
	}
}

// refuse counts an entry that nobody can use.
func (c *Cluster) refuse(err error) {
	c.bad.Add(1)
	if errors.Is(err, nodewire.ErrHeartbeat) {
		c.noted.warn("redisstreams: a server has version 0.2 of the adapter: it does not answer questions, and gets no answers")
		return
	}
	c.noted.warn("redisstreams: bad entry", "err", err)
}

// settle finds out where reading begins, or whether it can go on where it was.
func (r *reader) settle(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, spare)
	defer cancel()
	for _, s := range r.streams {
		if err := r.c.settle(ctx, s); err != nil {
			r.late = true
			return err
		}
	}
	if r.failed {
		for _, s := range r.streams {
			r.c.each(s, func(b *bus) { b.log.interrupted() })
		}
	}
	r.failed = false
	if r.late { // clients may have been here for long
		r.late = false
		for _, s := range r.streams {
			r.c.each(s, (*bus).missed)
		}
	}
	return nil
}

func (c *Cluster) settle(ctx context.Context, s *stream) error {
	s.mu.Lock()
	started := s.started
	s.mu.Unlock()
	if started {
		there, err := c.exists(ctx, s.name, s.read)
		if err != nil || there || s.read == (id{}) {
			return err
		}
	}
	newest, err := c.newest(ctx, s)
	if err != nil {
		return err
	}
	switch {
	case !started:
		s.begin(newest)
	case newest.before(s.read):
		lost := s.read
		s.goBack(newest)
		c.gap(s, lost)
	default:
		c.gap(s, s.read)
	}
	return nil
}

// gap tells that entries after one are lost.
func (c *Cluster) gap(s *stream, after id) {
	c.gaps.Add(1)
	c.noted.warn("redisstreams: entries are lost", "stream", s.name, "after", after.String())
	c.each(s, (*bus).missed)
}

// newest returns the id of the newest entry. An empty stream of ours gets one that
// nobody minds, so that there is a position.
func (c *Cluster) newest(ctx context.Context, s *stream) (id, error) {
	entries, err := c.reads().XRevRangeN(ctx, s.name, "+", "-", 1).Result()
	if err != nil {
		return id{}, err
	}
	var text string
	switch {
	case len(entries) > 0:
		text = entries[0].ID
	case !s.ours:
		return id{}, nil
	default:
		args := redis.XAddArgs{Stream: s.name, Values: []string{fieldNote, noteBegin}}
		if text, err = c.reads().XAdd(ctx, &args).Result(); err != nil {
			return id{}, err
		}
	}
	at, ok := parseID(text)
	if !ok {
		return id{}, fmt.Errorf("redisstreams: %s is no stream id", strconv.Quote(text))
	}
	return at, nil
}

// exists reports whether an entry is still there. As long as it is, all after it are.
func (c *Cluster) exists(ctx context.Context, stream string, at id) (bool, error) {
	entries, err := c.reads().XRangeN(ctx, stream, at.String(), at.String(), 1).Result()
	return len(entries) > 0, err
}
