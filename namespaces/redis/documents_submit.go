package redis

import (
	"context"
	"encoding/json"
	"slices"
	"strconv"

	"parley/namespaces/documents"
)

var (
	scriptDocLook   = script("documents_read", "documents_look")
	scriptDocAppend = script("documents_read", "documents_append")
	scriptDocEnter  = script("documents_read", "documents_enter")
	scriptVanish    = script("documents_leave")
	scriptDocTold   = script("documents_told")
	scriptDocAdmit  = script("documents_admit")
)

// A submission is an operation on its way into a document. The first that has the turn
// takes all along that wait, so that they are one script.
type submission struct {
	draft   documents.Draft
	publish func(documents.Change)

	done   chan struct{} // closed when the rest is set
	change documents.Change
	err    error
}

func (s *submission) isDone() bool {
	select {
	case <-s.done:
		return true
	default:
		return false
	}
}

// together is how many submissions are one script, at most.
const together = 256

func (s *documentStore) Submit(ctx context.Context, id string, draft documents.Draft, publish func(documents.Change)) (documents.Change, error) {
	c := s.hold(id)
	defer s.release(c)
	mine := &submission{draft: draft, publish: publish, done: make(chan struct{})}
	s.mu.Lock()
	c.waiting = append(c.waiting, mine)
	s.mu.Unlock()
	err := s.do(ctx, c, false, func(ctx context.Context, h *hold) error {
		for !mine.isDone() {
			s.submit(ctx, c, h, s.take(c))
		}
		return nil
	})
	if s.withdraw(c, mine) {
		return documents.Change{}, err
	}
	<-mine.done
	return mine.change, mine.err
}

// take returns submissions that wait.
func (s *documentStore) take(c *docCopy) []*submission {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := min(len(c.waiting), together)
	list := c.waiting[:n:n]
	c.waiting = c.waiting[n:]
	return list
}

// withdraw takes a submission back that nobody has taken.
func (s *documentStore) withdraw(c *docCopy, mine *submission) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := slices.Index(c.waiting, mine)
	if i >= 0 {
		c.waiting = slices.Delete(c.waiting, i, i+1)
	}
	return i >= 0
}

// submit accepts operations in their order and publishes them.
func (s *documentStore) submit(ctx context.Context, c *docCopy, h *hold, list []*submission) {
	err := s.accept(ctx, c, h, list)
	for _, sub := range list {
		if err != nil {
			sub.change, sub.err = documents.Change{}, err
		}
		close(sub.done)
	}
}

func (s *documentStore) accept(ctx context.Context, c *docCopy, h *hold, list []*submission) error {
	current := false // the copy is that in Redis
	for ctx.Err() == nil {
		if !c.text.known() {
			if _, err := s.look(ctx, c); err != nil {
				return err
			}
			current = true
		}
		if err := s.settle(ctx, c, h); err != nil {
			return err
		}
		next := c.text.fork()
		refused := false
		for _, sub := range list {
			sub.change, sub.err = sub.draft.Accept(c.id, next.History, s.opts.Length)
			refused = refused || sub.err != nil
		}
		if refused && !current { // perhaps because the copy is old
			if _, err := s.look(ctx, c); err != nil {
				return err
			}
			current = true
			continue
		}
		if next.Version() == c.text.Version() {
			return nil
		}
		added, err := s.append(ctx, c, &next)
		if err != nil {
			return err
		}
		if added {
			s.announce(ctx, c, h, list)
			return nil
		}
		current = true
	}
	return unavailable(ctx.Err())
}

// append puts what next has more than a copy into Redis. It reports false, and brings the
// copy up to date, if there was more in Redis than in the copy.
func (s *documentStore) append(ctx context.Context, c *docCopy, next *docText) (added bool, err error) {
	if !c.text.kept {
		v, err := s.db.run(ctx, scriptDocAdmit, []string{s.db.key("document", "", "all")}, c.id, s.opts.Kept)
		if err != nil {
			return false, err
		}
		if (reply{v}).int() == 0 {
			return false, &documents.LimitError{What: "Too many documents are kept", Max: s.opts.Kept}
		}
	}
	next.mark = newMark()
	_, initial := documents.Initial(c.id)
	content, base := "", ""
	if !c.text.kept || next.Version()-next.base >= min(baseEvery, s.opts.Operations) {
		content, next.base = next.Content(), next.Version()
		base = strconv.Itoa(next.base)
	}
	args := append(c.text.is(), s.opts.Operations, initial, content, base)
	for _, e := range next.Newest(next.Version() - c.text.Version()) {
		text, err := json.Marshal(e)
		if err != nil {
			return false, err
		}
		args = append(args, next.mark+string(text))
	}
	v, err := s.db.run(ctx, scriptDocAppend, s.keys(c.id), args...)
	if err != nil {
		c.renew = true // it may be there, and nobody knows
		s.confirmLater(c)
		return false, err
	}
	r := reply{v}
	if r.at(0).int() == 0 {
		mark, version := next.mark, next.Version()
		if err := s.learn(c, r.at(1)); err != nil {
			return false, err
		}
		// The script may have run before, without an answer.
		return c.text.mark == mark && c.text.Version() == version, nil
	}
	next.kept = true
	next.Trim(s.opts.Operations)
	c.text = *next
	return true, nil
}

// baseEvery is after how many edits a whole text is written, if so many are kept.
const baseEvery = 100

// announce publishes what is in Redis now.
func (s *documentStore) announce(ctx context.Context, c *docCopy, h *hold, list []*submission) {
	kept, err := h.regain(ctx)
	if err != nil || !kept { // the changes have come too late to be told one by one
		c.renew = true
		if err != nil || s.settle(ctx, c, h) != nil {
			s.confirmLater(c)
		}
		return
	}
	for _, sub := range list {
		if sub.err == nil {
			sub.publish(sub.change)
		}
	}
	s.confirmLater(c)
}
