package redis

import (
	"container/list"
	"context"
	"sync"
	"time"

	"parley/namespaces/documents"
	"parley/namespaces/identity"
)

// Documents returns the store of the documents, to be called once, before the first use of
// the DB. Of the limits, Documents is about copies in memory and Kept about Redis, where a
// document without a text of its own takes no place; the others are as in memory.
//
// Each change goes to Redis before clients hear of it. When it cannot be told whether they
// have heard, because a node has died or Redis was away at that moment, all who have the
// document open get it anew.
func (db *DB) Documents(opts *documents.Options) documents.Store {
	s := &documentStore{db: db, opts: opts.WithDefaults(), copies: make(map[string]*docCopy), unconfirmed: make(map[string]bool), wake: make(chan struct{}, 1)}
	s.watch = documents.Watch{
		Renew:     func(documents.Snapshot) {},
		Changed:   func(string, []identity.User) {},
		Connected: func(string) bool { return true },
	}
	s.tabs = newPlaces(db, "document", placeHooks[identity.User]{restore: s.restore, leave: s.leave, evict: s.evict})
	db.spawn(s.confirmAll)
	if s.opts.Recovery > 0 {
		db.spawn(s.watchAway)
	}
	return s
}

// documentStore is the documents.Store in Redis.
type documentStore struct {
	db    *DB
	opts  documents.Options
	watch documents.Watch
	tabs  *places[identity.User]
	wake  chan struct{} // of capacity 1: there are unconfirmed documents

	mu     sync.Mutex // guards what follows
	copies map[string]*docCopy
	unused list.List // of *docCopy, least recently used first
	// Of these it is to be noted in Redis that clients have had all. True: it may be that
	// they have not.
	unconfirmed map[string]bool
}

var _ documents.Shared = (*documentStore)(nil)

// A docCopy is what this node has of a document.
type docCopy struct {
	id string

	// Guarded by documentStore.mu.
	users   int
	place   *list.Element // in documentStore.unused; nil while there are users
	waiting []*submission

	// For who has the document's turn.
	text    docText
	unsure  bool      // clients may not have had all that another node has changed
	renew   bool      // they have not had all, or have more than Redis
	changed time.Time // by this node, the last time
}

func (s *documentStore) Watch(w documents.Watch) { s.watch = w }

// hold returns the copy of a document, for which release must be called.
func (s *documentStore) hold(id string) *docCopy {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.copies[id]
	if c == nil {
		for len(s.copies) >= s.opts.Documents && s.unused.Len() > 0 {
			oldest := s.unused.Remove(s.unused.Front()).(*docCopy)
			delete(s.copies, oldest.id)
		}
		c = &docCopy{id: id}
		s.copies[id] = c
	}
	if c.place != nil {
		s.unused.Remove(c.place)
		c.place = nil
	}
	c.users++
	return c
}

func (s *documentStore) release(c *docCopy) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c.users--; c.users == 0 {
		c.place = s.unused.PushBack(c)
	}
}

// do calls f in the turn of a document, when its clients have had all that is in Redis.
func (s *documentStore) do(ctx context.Context, c *docCopy, fresh bool, f func(ctx context.Context, h *hold) error) error {
	return s.db.turns.do(ctx, s.turn(c.id), fresh, func(ctx context.Context, h *hold) error {
		c.unsure = h.lapsed() || c.unsure
		if err := s.settle(ctx, c, h); err != nil {
			return err
		}
		return f(ctx, h)
	})
}

// documentsName is the name of the namespace.
const documentsName = "/documents"

func (s *documentStore) turn(id string) turnKey {
	return turnKey{documentsName, documents.Room(id), id}
}

// settle publishes a document anew if clients need it.
func (s *documentStore) settle(ctx context.Context, c *docCopy, h *hold) error {
	for c.unsure || c.renew {
		users, err := s.look(ctx, c)
		if err != nil {
			return err
		}
		if !c.renew && c.text.told == c.text.Version() {
			c.unsure = false
			return nil
		}
		kept, err := h.regain(ctx)
		if err != nil {
			return err
		}
		if kept {
			s.watch.Renew(c.text.snapshot(c.id, users))
			c.unsure, c.renew = false, false
			s.confirmLater(c)
		}
	}
	return nil
}

func (s *documentStore) Snapshot(ctx context.Context, id string) (documents.Snapshot, error) {
	c := &docCopy{id: id} // the one of this node is for who has the turn
	users, err := s.look(ctx, c)
	if err != nil {
		return documents.Snapshot{}, err
	}
	if _, version := documents.Initial(id); version == 0 && !c.text.kept && len(users) == 0 {
		return documents.Snapshot{}, documents.ErrNoDocument
	}
	return c.text.snapshot(id, users), nil
}

// look brings a copy up to date and returns the collaborators.
func (s *documentStore) look(ctx context.Context, c *docCopy) ([]identity.User, error) {
	v, err := s.db.run(ctx, scriptDocLook, s.keys(c.id), c.text.is()...)
	if err != nil {
		return nil, err
	}
	r := reply{v}
	if err := s.learn(c, r.at(0)); err != nil {
		return nil, err
	}
	tabs, err := parseTabs(r.at(1))
	return collaborators(tabs), unavailable(err)
}

// learn takes in what a script says that is unknown.
func (s *documentStore) learn(c *docCopy, unknown reply) error {
	lost, err := c.text.learn(c.id, unknown)
	if err != nil {
		c.text = docText{}
		s.db.trouble("document "+c.id, err)
		return unavailable(err)
	}
	c.renew = c.renew || lost
	return nil
}

// keys returns those of a document: its text, edits and tabs.
func (s *documentStore) keys(id string) []string {
	return []string{s.db.key("document", id, "text"), s.db.key("document", id, "edits"), s.db.key("document", id, "tabs")}
}
