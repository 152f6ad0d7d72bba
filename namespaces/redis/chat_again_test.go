package redis

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/redis/go-redis/v9"

	"parley/adapters/redisconn/redistest"
	"parley/adapters/redispubsub"
	"parley/namespaces/chat"
	"parley/namespaces/limits"
)

// scripted is a room whose scripts are run by hand, in any order, as it is after answers were lost and nodes stood still.
type scripted struct {
	*testing.T
	c    *chatStore
	room string
	most int
}

func newScripted(t *testing.T, room string, most int) *scripted {
	t.Helper()
	c := open(t, connect(t, redistest.Start(t)), nil).Chat(&chat.Options{History: most}).(*chatStore)
	s := &scripted{t, c, room, most}
	s.enter("s1")
	return s
}

func (s *scripted) enter(socket string) {
	s.Helper()
	if _, err := s.c.Enter(s.Context(), s.room, socket, chat.User{UserID: "ann"}, func(chat.Entered) {}); err != nil {
		s.Fatal(err)
	}
}

// call returns the arguments of chat_append for messages with these keys.
func (s *scripted) call(keys ...string) []any {
	args := []any{s.most}
	for _, key := range keys {
		m := chat.Message{RoomID: s.room, UserID: "ann", Content: "x", ClientID: key}
		m.ID, m.Timestamp = s.c.ids.Next()
		text, err := json.Marshal(m)
		if err != nil {
			s.Fatal(err)
		}
		args = append(args, m.ID, key, text)
	}
	return args
}

func (s *scripted) append(call []any) reply {
	s.Helper()
	v, err := s.c.db.run(s.Context(), scriptAppend, s.c.keys(s.room, "room", "messages", "keys", "sent"), call...)
	if err != nil {
		s.Fatal(err)
	}
	return reply{v}
}

func (s *scripted) history() []chat.Message {
	s.Helper()
	page, err := s.c.History(s.Context(), s.room, "", 1000)
	if err != nil {
		s.Fatal(err)
	}
	return page.Messages
}

// A script whose answer was lost is run again, perhaps after others.
func TestMessagesAreAddedOnceHoweverOftenTheScriptRuns(t *testing.T) {
	t.Parallel()
	s := newScripted(t, "tea", 100)
	late := s.call("late", "")
	s.append(s.call("old"))
	call := s.call("new", "", "old")
	first := s.append(call)
	s.enter("s2")
	s.append(s.call("", "other"))
	again := s.append(call)
	if a, b := first.at(1).texts(), again.at(1).texts(); first.at(0).int() != 2 || again.at(0).int() != 2 || !slices.Equal(a, b) || a[0]+a[1] != "" || a[2] == "" {
		t.Errorf("first %v, then %v", first.v, again.v)
	}
	if r := s.append(late); r.at(0).int() != 1 {
		t.Errorf("a call that comes too late: %v", r.v)
	}
	if n := len(s.history()); n != 5 {
		t.Errorf("%d messages, want 5", n)
	}
}

func TestARoomIsDeletedOnceHoweverOftenTheScriptRuns(t *testing.T) {
	t.Parallel()
	s := newScripted(t, "tea", 100)
	keys, op := s.c.keys(s.room, append(slices.Clone(allParts), "deleted")...), s.c.db.op()
	run := func() int {
		v, err := s.c.db.run(s.Context(), scriptDelete, keys, op, "ann")
		if err != nil {
			t.Fatal(err)
		}
		return reply{v}.at(0).int()
	}
	if n := run(); n != 2 {
		t.Fatalf("%d", n)
	}
	s.enter("s2")
	s.append(s.call("new"))
	if n := run(); n != 2 {
		t.Errorf("again: %d", n)
	}
	if n := len(s.history()); n != 1 {
		t.Errorf("%d messages in the new room", n)
	}
}

// Whatever order calls come in, early, late, or again, a history never has two messages with one key, and no message
// that was added goes before its time.
func TestHistoryAfterAnyOrderOfCalls(t *testing.T) {
	t.Parallel()
	const most, steps = 20, 3000
	s := newScripted(t, "tea", most)
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 0))
	var calls [][]any
	var want []string // ids, oldest first
	added := map[string]string{}
	for step := range steps {
		var call []any
		if len(calls) > 0 && rnd.IntN(3) == 0 {
			call = calls[len(calls)-1-rnd.IntN(min(len(calls), 8))]
		} else {
			keys := make([]string, 1+rnd.IntN(4))
			for i := range keys {
				if rnd.IntN(4) > 0 {
					keys[i] = fmt.Sprint("k", step/10+rnd.IntN(30))
				}
			}
			call = s.call(keys...)
			if calls = append(calls, call); rnd.IntN(4) == 0 {
				continue // it comes later, or never
			}
		}
		r := s.append(call)
		for i, before := range r.at(1).texts() {
			id, key := call[1+3*i].(string), call[2+3*i].(string)
			if at := slices.Index(want, added[key]); key != "" && at >= 0 && added[key] != id {
				if before == "" {
					t.Fatalf("step %d: %s is added as %s, and was as %s", step, key, id, added[key])
				}
			} else if before != "" {
				t.Fatalf("step %d: %s has not been sent before", step, key)
			} else if !slices.Contains(want, id) && (len(want) == 0 || id > want[len(want)-1]) {
				want, added[key] = append(want, id), id
				want = want[max(0, len(want)-most):]
			}
		}
		if step%10 > 0 {
			continue
		}
		var got []string
		known := map[string]bool{}
		for _, m := range s.history() {
			if got = append(got, m.ID); m.ClientID != "" && known[m.ClientID] {
				t.Fatalf("step %d: %s is there twice", step, m.ClientID)
			}
			known[m.ClientID] = true
		}
		if !slices.Equal(got, want) {
			t.Fatalf("step %d: history %v, want %v", step, got, want)
		}
	}
}

// A rate that is used up.
type usedUp struct{}

func (usedUp) Take(context.Context, string) (undo func(), err error) { return nil, limits.ErrRate }

// A message that was kept, and of which nobody has heard, is published when it is sent again, also by who may send no more.
func TestMessageInDoubtIsPublishedThoughItComesTooOften(t *testing.T) {
	t.Parallel()
	s := redistest.Start(t)
	client := redis.NewClient(&redis.Options{Addr: s.Addr, ContextTimeoutEnabled: true})
	ring, err := redispubsub.New(client, nil)
	if err != nil {
		t.Fatal(err)
	}
	n := startNodeOn(t, client, ring, &Options{}, &chat.Options{Rate: usedUp{}})
	ann, bob := join(n, "ann", "tea"), join(n, "bob", "tea")
	p := &post{draft: chat.Draft{From: chat.User{UserID: "ann"}, Content: "x", ClientID: "c"}}
	if _, err := n.store.write(t.Context(), "tea", []*post{p}); err != nil {
		t.Fatal(err)
	}
	n.store.posts.doubt([]*post{p})
	ann.must("chat-message", object{"content": "x", "clientId": "c"})
	bob.Expect("chat-message")
	for _, m := range []object{{"content": "x"}, {"content": "x", "clientId": "d"}} {
		if r, err := ann.ask("chat-message", m); err != nil || r["ok"] == true {
			t.Errorf("%v: %v, %v", m, r, err)
		}
	}
}

// A room that somebody makes again while another node takes it off the list, because it had to make way, is on the list.
func TestRoomThatIsMadeAgainIsListed(t *testing.T) {
	t.Parallel()
	s := newScripted(t, "tea", 100)
	listed := func(what string) {
		t.Helper()
		rooms, _, err := s.c.Rooms(t.Context(), 10)
		if err != nil || len(rooms) != 1 || rooms[0].ID != "tea" || rooms[0].UserCount != 1 || rooms[0].CreatedAt == "" {
			t.Errorf("%s: %v, %v", what, rooms, err)
		}
	}
	s.c.unlist(t.Context(), "tea") // too late: it is there again
	listed("made again before it is taken off")
	if _, err := s.c.db.run(t.Context(), scriptRoomsRemove, s.c.listKeys(), "tea"); err != nil {
		t.Fatal(err)
	}
	s.enter("s2")
	listed("made again afterwards")
}
