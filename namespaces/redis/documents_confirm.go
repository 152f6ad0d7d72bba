package redis

import (
	"context"
	"errors"
	"time"

	"parley/namespaces/documents"
)

// A node that gets the turn of a document from one that has not passed it on, because that
// one is dead or had nothing more to do, must know whether clients have had all that is in
// Redis. So who has published something notes it, when there is a pause.

const (
	// quiet is how long a document must be left alone.
	quiet        = 300 * time.Millisecond
	confirmEvery = 100 * time.Millisecond
)

var errBusy = errors.New("redis: the document is in use")

// confirmLater has confirm called for a document.
func (s *documentStore) confirmLater(c *docCopy) {
	doubt := c.unsure || c.renew
	if c.changed = time.Now(); s.db.opts.Sync == nil && !doubt {
		return // nobody else has turns
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.unconfirmed[c.id] = s.unconfirmed[c.id] || doubt
	if len(s.unconfirmed) == 1 {
		select {
		case s.wake <- struct{}{}:
		default:
		}
	}
}

// confirmAll calls confirm for documents until the DB is closed.
func (s *documentStore) confirmAll() {
	for {
		select {
		case <-s.wake:
		case <-s.db.life.Done():
			return
		}
		for left := true; left; left = s.confirmSome() {
			select {
			case <-time.After(confirmEvery):
			case <-s.db.life.Done():
				return
			}
		}
	}
}

// confirmSome tries each document once, and reports whether some are left. It does not wait
// for each while Redis is away.
func (s *documentStore) confirmSome() (left bool) {
	s.mu.Lock()
	list := s.unconfirmed
	s.unconfirmed = make(map[string]bool)
	s.mu.Unlock()
	away := false
	for id, doubt := range list {
		err := errBusy
		if !away {
			err = s.confirm(s.db.life, id, doubt)
		}
		if err != nil {
			away = away || err != errBusy
			s.mu.Lock()
			s.unconfirmed[id] = s.unconfirmed[id] || doubt
			s.mu.Unlock()
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.unconfirmed) > 0
}

// confirm notes in Redis that clients have had a document as it is. It leaves that to the
// node that has the turn, unless there is a doubt whether clients have had all.
func (s *documentStore) confirm(ctx context.Context, id string, doubt bool) error {
	c := s.hold(id)
	defer s.release(c)
	if !doubt {
		if ours, err := s.db.turns.has(ctx, s.turn(id)); err != nil || !ours {
			return err
		}
	}
	return s.do(ctx, c, false, func(ctx context.Context, h *hold) error {
		switch {
		case !c.text.known(): // it made way for others meanwhile
			c.unsure = true
			return s.settle(ctx, c, h)
		case c.text.told == c.text.Version() || s.db.opts.Sync == nil:
			return nil
		case time.Since(c.changed) < quiet:
			return errBusy
		}
		if err := s.db.opts.Sync(ctx, documentsName, documents.Room(id)); err != nil {
			return unavailable(err)
		}
		v, err := s.db.run(ctx, scriptDocTold, s.keys(id)[:1], c.text.Version())
		switch {
		case err != nil:
			return err
		case reply{v}.int() == 0: // a change that this node has given up has come through after all
			c.renew = true
			s.confirmLater(c)
		default:
			c.text.told = c.text.Version()
		}
		return nil
	})
}
