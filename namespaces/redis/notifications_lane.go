package redis

import (
	"context"
	"slices"
	"time"

	"github.com/redis/go-redis/v9"

	"parley/namespaces/notifications"
)

// An inboxOp is one operation on the lists of some users. The operations of a node come
// one after the other; the first of those that wait takes all along, and what they need of
// Redis goes there together.
type inboxOp struct {
	users   []string
	prepare func(ctx context.Context) error // in the order of the operations; may set users
	args    func(i int) []any               // of the operation, for the user with this number
	finish  func()                          // publishes the results; not if there is none of some
	alone   bool                            // prepare changes what the others use

	results []inboxResult // by user
	err     error
	done    chan struct{} // closed when the others are set
}

type inboxResult struct {
	done   bool
	unread int
	reply  reply // of the operation
}

// counts returns how much those users have not read whose lists were reached.
func (op *inboxOp) counts() []notifications.Unread {
	list := make([]notifications.Unread, 0, len(op.users))
	for i, r := range op.results {
		if r.done {
			list = append(list, notifications.Unread{UserID: op.users[i], Count: r.unread})
		}
	}
	return list
}

// do runs an operation. Its error is fit for clients; some users may have been reached all
// the same.
func (s *notificationStore) do(ctx context.Context, op *inboxOp) error {
	op.done = make(chan struct{})
	s.mu.Lock()
	s.waiting = append(s.waiting, op)
	s.mu.Unlock()
	select {
	case s.lane <- struct{}{}:
		s.mu.Lock()
		list := s.waiting
		s.waiting = nil
		s.mu.Unlock()
		if len(list) > 0 {
			s.work(list)
		}
		<-s.lane
	case <-op.done:
	case <-ctx.Done():
		if s.withdraw(op) {
			return unavailable(context.Cause(ctx))
		}
	}
	<-op.done // whoever took it along is bound to end
	return op.err
}

// withdraw takes back an operation that nobody has taken along.
func (s *notificationStore) withdraw(op *inboxOp) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := slices.Index(s.waiting, op)
	if i >= 0 {
		s.waiting = slices.Delete(s.waiting, i, i+1)
	}
	return i >= 0
}

// work runs operations in their order.
func (s *notificationStore) work(list []*inboxOp) {
	begin := time.Now()
	ctx, cancel := s.db.bounded(context.Background())
	defer cancel()
	failed := s.refresh(ctx)
	for len(list) > 0 {
		n := 1
		for ; !list[0].alone && n < len(list) && !list[n].alone; n++ {
		}
		s.together(ctx, list[:n], failed)
		for _, op := range list[:n] {
			s.end(op, begin)
		}
		list = list[n:]
	}
}

// together has Redis do some operations, of which none changes what the others use.
func (s *notificationStore) together(ctx context.Context, list []*inboxOp, failed error) {
	var steps []*inboxStep
	for _, op := range list {
		if op.err = failed; op.err == nil && op.prepare != nil {
			op.err = op.prepare(ctx)
		}
		if op.err != nil {
			continue
		}
		op.results = make([]inboxResult, len(op.users))
		for i := range op.users {
			steps = append(steps, &inboxStep{op: op, i: i})
		}
	}
	for round := 0; len(steps) > 0 && round < inboxRounds; round++ {
		steps = s.send(ctx, steps)
	}
	for _, st := range steps {
		st.op.err = errUnavailable
	}
}

// end publishes what an operation has done.
func (s *notificationStore) end(op *inboxOp, begin time.Time) {
	reached := op.err == nil || slices.ContainsFunc(op.results, func(r inboxResult) bool { return r.done })
	if reached && op.finish != nil {
		op.finish()
		if time.Since(begin) > simultaneous { // others may have been faster
			s.recount(time.Now().Add(simultaneous), op.users...)
		}
	}
	close(op.done)
}

// An inboxStep is the part of an operation that is about one user.
type inboxStep struct {
	op  *inboxOp
	i   int
	has int  // how much for everyone the list has
	old bool // it lacks some
	cmd *redis.Cmd
}

const (
	// inboxRounds is how often a step is tried: without what is for everyone and with it,
	// and once more if Redis does not know the script.
	inboxRounds = 4
	// inboxSteps and inboxBytes bound what is sent at once.
	inboxSteps = 1000
	inboxBytes = 4 << 20
	// simultaneous is within what time changes by two nodes may be published in another
	// order than they were made.
	simultaneous = time.Second
)

var scriptInbox = script("notifications")

// send tries steps, and returns those that are to be tried again.
func (s *notificationStore) send(ctx context.Context, steps []*inboxStep) (again []*inboxStep) {
	for len(steps) > 0 {
		pipe := s.db.client.Pipeline()
		n, size := 0, 0
		for ; n < len(steps) && n < inboxSteps && size < inboxBytes; n++ {
			args, bytes := s.argsOf(steps[n])
			steps[n].cmd = scriptInbox.EvalSha(ctx, pipe, s.keys(steps[n].op.users[steps[n].i]), args...)
			size += bytes
		}
		_, _ = pipe.Exec(ctx) // each has an error of its own
		missing := false
		for _, st := range steps[:n] {
			v, err := st.cmd.Result()
			switch {
			case err != nil && redis.HasErrorPrefix(err, "NOSCRIPT"):
				missing = true
				again = append(again, st)
			case err != nil:
				st.op.err = unavailable(err)
			case s.take(st, reply{v}):
				again = append(again, st)
			}
		}
		if missing {
			if err := scriptInbox.Load(ctx, s.db.client).Err(); err != nil {
				s.db.trouble("script not loaded", err)
			}
		}
		steps = steps[n:]
	}
	return again
}

// argsOf returns what the script needs, and about how many bytes that is.
func (s *notificationStore) argsOf(st *inboxStep) (args []any, size int) {
	args = []any{s.db.id, s.everyone.counted, s.opts.Kept, s.opts.Idle.Milliseconds(), simultaneous.Milliseconds(), 0}
	if st.old {
		missed := s.everyone.since(st.has)
		args[5] = len(missed) / 2
		for _, text := range missed {
			args = append(args, text)
			size += len(text)
		}
	}
	return append(args, st.op.args(st.i)...), size + 1<<10
}

// take takes in what the script says. It reports whether the list lacks something.
func (s *notificationStore) take(st *inboxStep, r reply) (old bool) {
	if r.at(0).int() == 0 {
		st.has, st.old = r.at(1).int(), true
		return true
	}
	st.op.results[st.i] = inboxResult{true, r.at(1).int(), r.at(3)}
	if r.at(2).int() == 1 {
		s.recount(time.Now().Add(simultaneous), st.op.users[st.i])
	}
	return false
}

// keys returns those of a user's list.
func (s *notificationStore) keys(user string) []string {
	keys := make([]string, 0, 4)
	for _, part := range []string{"head", "ids", "unread", "records"} {
		keys = append(keys, s.db.key("inbox", user, part))
	}
	return keys
}
