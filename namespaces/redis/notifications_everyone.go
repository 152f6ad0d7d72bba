package redis

import (
	"context"
	"time"
)

// everyone is what everyone has been told, as this node knows it. Each user's list gets it
// when something happens to the list.
type everyone struct {
	counted int      // how many there have been; numbers count from anywhere
	newest  []string // an id and a record each, oldest first
}

// since returns those that are kept and behind a number, with an id and a record each.
func (e *everyone) since(number int) []string {
	n := min(2*(e.counted-number), len(e.newest))
	return e.newest[len(e.newest)-n:]
}

var scriptEveryone = script("everyone")

// refresh brings what everyone has been told up to date, with an id and a record more if
// they are given.
func (s *notificationStore) refresh(ctx context.Context, more ...any) error {
	keys := []string{s.db.key("inbox-everyone", "", "counted"), s.db.key("inbox-everyone", "", "list")}
	known := s.everyone.counted
	v, err := s.db.run(ctx, scriptEveryone, keys, append([]any{known, s.opts.Kept}, more...)...)
	if err != nil {
		return err
	}
	counted, news := reply{v}.at(0).int(), reply{v}.at(1).texts()
	if counted < known {
		s.everyone.newest = nil
	}
	s.everyone.counted = counted
	s.everyone.newest = append(s.everyone.newest, news...)
	if over := len(s.everyone.newest) - 2*s.opts.Kept; over > 0 {
		s.everyone.newest = append([]string(nil), s.everyone.newest[over:]...)
	}
	for i := 0; i < len(news); i += 2 {
		s.ids.Past(news[i])
	}
	if len(news) > 2*(len(more)/2) && known > 0 {
		s.note(&s.news) // another node has told them, and that has not been heard of
	}
	return nil
}

// note sets a flag for tend.
func (s *notificationStore) note(what *bool) {
	s.mu.Lock()
	*what = true
	s.mu.Unlock()
	s.rouse()
}

func (s *notificationStore) rouse() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// maxRecounts bounds the users whose counts are to be published again.
const maxRecounts = 100_000

// recount has the counts of users published again.
func (s *notificationStore) recount(at time.Time, users ...string) {
	s.mu.Lock()
	for _, user := range users {
		if _, there := s.recounts[user]; there || len(s.recounts) < maxRecounts {
			s.recounts[user] = at
		}
	}
	s.mu.Unlock()
	s.rouse()
}

func (s *notificationStore) Recount() { s.recount(time.Now(), s.present()...) }

// tend does what is to be done without a caller, until the DB is closed.
func (s *notificationStore) tend() {
	const pause = 100 * time.Millisecond
	timer := time.NewTimer(pause)
	defer timer.Stop()
	for {
		select {
		case <-s.wake:
		case <-timer.C:
		case <-s.db.life.Done():
			return
		}
		s.mu.Lock()
		told, news := s.told, s.news
		s.told, s.news = false, false
		s.mu.Unlock()
		if told {
			s.tellNodes()
		}
		if news {
			s.sync()
			s.Recount()
		}
		for s.recountDue() {
		}
		if s.owes() {
			timer.Reset(pause)
		}
	}
}

// tellNodes tells the other nodes, when what has been published for everyone is on its way
// to their clients, that they have to count.
func (s *notificationStore) tellNodes() {
	if s.db.opts.Sync == nil {
		return
	}
	s.sync()
	if err := s.db.conn.Publish(s.channel(), nil, "PUBLISH", s.channel(), s.db.id); err != nil {
		s.db.trouble("other nodes do not count", err)
	}
}

// sync waits until what was published has arrived, but not for ever.
func (s *notificationStore) sync() {
	if s.db.opts.Sync == nil {
		return
	}
	ctx, cancel := s.db.bounded(s.db.life)
	defer cancel()
	_ = s.db.opts.Sync(ctx, "/notifications") // a count that comes early is no harm
}

// recountDue publishes counts for which it is time, and reports whether there may be more.
func (s *notificationStore) recountDue() (more bool) {
	now := time.Now()
	op := &inboxOp{args: func(int) []any { return []any{"recount"} }}
	s.mu.Lock()
	for user, at := range s.recounts {
		if !at.After(now) && len(op.users) < inboxSteps {
			op.users = append(op.users, user)
			delete(s.recounts, user)
		}
	}
	s.mu.Unlock()
	if len(op.users) == 0 {
		return false
	}
	op.finish = func() { s.publish(op.counts()) }
	if err := s.do(s.db.life, op); err != nil {
		for i, user := range op.users {
			if op.results == nil || !op.results[i].done {
				s.recount(now.Add(simultaneous), user)
			}
		}
		return false
	}
	return true
}

// owes reports whether there are counts to be published again.
func (s *notificationStore) owes() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.recounts) == 0 {
		s.recounts = make(map[string]time.Time) // a map does not shrink
	}
	return len(s.recounts) > 0
}
