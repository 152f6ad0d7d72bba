package chat

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"parley/namespaces/event"
)

var ann, bob = User{"u1", "Ann"}, User{"u2", "Bob"}

func nothing[T any](T) {}

// enter, leave and say do what must succeed and return what was published, if anything.
func enter(t *testing.T, s Store, room, socket string, u User) Entered {
	t.Helper()
	var published []Entered
	e, err := s.Enter(context.Background(), room, socket, u, func(e Entered) { published = append(published, e) })
	if err != nil || len(published) != 1 {
		t.Fatalf("Enter(%q, %q): published %d times, error %v", room, socket, len(published), err)
	}
	return e
}

func leave(t *testing.T, s Store, room, socket string) []User {
	t.Helper()
	var published []User
	if err := s.Leave(context.Background(), room, socket, func(u User) { published = append(published, u) }); err != nil {
		t.Fatal(err)
	}
	return published
}

func say(t *testing.T, s Store, room string, d Draft) (m Message, published []Message) {
	t.Helper()
	m, err := s.Append(context.Background(), room, d, func(m Message) { published = append(published, m) })
	if err != nil {
		t.Fatal(err)
	}
	return m, published
}

func history(t *testing.T, s Store, room, before string, limit int) Page {
	t.Helper()
	p, err := s.History(context.Background(), room, before, limit)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func contents(messages []Message) string {
	var words []string
	for _, m := range messages {
		words = append(words, m.Content)
	}
	return strings.Join(words, " ")
}

func TestUserIsInARoomWhileAnyOfTheirSocketsIs(t *testing.T) {
	s := NewMemory(nil)
	if !enter(t, s, "r", "s1", ann).First {
		t.Error("the first socket of a user is not the first")
	}
	if enter(t, s, "r", "s1", ann).First || enter(t, s, "r", "s2", ann).First {
		t.Error("a user came twice")
	}
	if e := enter(t, s, "r", "s3", bob); !e.First || !slices.Equal(e.Users, []User{ann, bob}) || e.Room.UserCount != 2 {
		t.Errorf("second user: %+v", e)
	}
	if gone := leave(t, s, "r", "s1"); gone != nil {
		t.Errorf("%v left with a socket still there", gone)
	}
	if gone := leave(t, s, "r", "s1"); gone != nil {
		t.Errorf("one socket left twice and took %v along", gone)
	}
	if gone := leave(t, s, "r", "s2"); !slices.Equal(gone, []User{ann}) {
		t.Errorf("last socket left, published %v", gone)
	}
	if e := enter(t, s, "r", "s3", bob); !slices.Equal(e.Users, []User{bob}) {
		t.Errorf("users %v", e.Users)
	}
}

func TestNewNameReplacesTheOld(t *testing.T) {
	s := NewMemory(nil)
	enter(t, s, "r", "s1", ann)
	renamed := User{ann.UserID, "Anna"}
	if e := enter(t, s, "r", "s2", renamed); !slices.Equal(e.Users, []User{renamed}) {
		t.Errorf("users %v", e.Users)
	}
}

func TestUserListIsCutButShowsWhoEnters(t *testing.T) {
	s := NewMemory(&Options{ListedUsers: 2})
	carl := User{"u3", "Carl"}
	enter(t, s, "r", "s1", ann)
	enter(t, s, "r", "s2", bob)
	e := enter(t, s, "r", "s3", carl)
	if !slices.Equal(e.Users, []User{ann, carl}) || e.Room.UserCount != 3 {
		t.Errorf("users %v of %d", e.Users, e.Room.UserCount)
	}
}

func TestRoomKeepsTheNewestMessages(t *testing.T) {
	s := NewMemory(nil)
	enter(t, s, "r", "s1", ann)
	for i := range 130 {
		say(t, s, "r", Draft{From: ann, Content: fmt.Sprint(i)})
	}
	p := history(t, s, "r", "", 100)
	if len(p.Messages) != 100 || p.More || p.Messages[0].Content != "30" || p.Messages[99].Content != "129" {
		t.Errorf("%d messages, more %v: %s", len(p.Messages), p.More, contents(p.Messages))
	}
	e := enter(t, s, "r", "s2", bob)
	if len(e.Messages) != 50 || e.Messages[0].Content != "80" || e.Messages[49].Content != "129" {
		t.Errorf("a join brings %s", contents(e.Messages))
	}
}

func TestHistoryPagesMeet(t *testing.T) {
	s := NewMemory(nil)
	enter(t, s, "r", "s1", ann)
	for i := range 10 {
		say(t, s, "r", Draft{From: ann, Content: fmt.Sprint(i)})
	}
	newest := history(t, s, "r", "", 4)
	middle := history(t, s, "r", newest.Messages[0].ID, 4)
	oldest := history(t, s, "r", middle.Messages[0].ID, 4)
	if contents(newest.Messages) != "6 7 8 9" || contents(middle.Messages) != "2 3 4 5" || contents(oldest.Messages) != "0 1" {
		t.Errorf("%v, %v, %v", contents(newest.Messages), contents(middle.Messages), contents(oldest.Messages))
	}
	if !newest.More || !middle.More || oldest.More {
		t.Errorf("more: %v %v %v", newest.More, middle.More, oldest.More)
	}
	if p := history(t, s, "r", oldest.Messages[0].ID, 4); p.Messages == nil || len(p.Messages) != 0 || p.More {
		t.Errorf("before the oldest: %+v", p)
	}
	if p := history(t, s, "r", "zzz", 1); contents(p.Messages) != "9" {
		t.Errorf("before an id that never was: %+v", p)
	}
}

func TestClientIDIsKnownWithinTheHistory(t *testing.T) {
	s := NewMemory(&Options{History: 3})
	enter(t, s, "r", "s1", ann)
	enter(t, s, "other", "s1", ann)
	first, published := say(t, s, "r", Draft{From: ann, Content: "one", ClientID: "c"})
	if len(published) != 1 || published[0] != first || first.ClientID != "c" {
		t.Fatalf("first: %+v, published %+v", first, published)
	}
	if again, published := say(t, s, "r", Draft{From: ann, Content: "changed", ClientID: "c"}); again != first || published != nil {
		t.Errorf("again: %+v, published %+v", again, published)
	}
	for what, d := range map[string]struct {
		room string
		from User
	}{"another user": {"r", bob}, "another room": {"other", ann}} {
		if m, published := say(t, s, d.room, Draft{From: d.from, Content: "x", ClientID: "c"}); m.ID == first.ID || len(published) != 1 {
			t.Errorf("%s with the same client id: %+v", what, m)
		}
	}
	say(t, s, "r", Draft{From: ann, Content: "no client id"})
	say(t, s, "r", Draft{From: ann, Content: "no client id"})
	if m, published := say(t, s, "r", Draft{From: ann, Content: "one", ClientID: "c"}); m.ID == first.ID || len(published) != 1 {
		t.Error("a client id outlives the history")
	}
}

func TestIDsSortByTimeEvenWhenTheClockGoesBack(t *testing.T) {
	now := time.Date(2026, 2, 6, 12, 0, 0, 7_000_000, time.FixedZone("east", 3600))
	ids := event.NewIDs(func() time.Time { return now })
	first, at := ids.Next()
	if at != "2026-02-06T11:00:00.007Z" {
		t.Errorf("timestamp %s", at)
	}
	same, _ := ids.Next()
	now = now.Add(-time.Hour)
	back, backAt := ids.Next()
	now = now.Add(2 * time.Hour)
	later, laterAt := ids.Next()
	if !slices.IsSorted([]string{first, same, back, later}) || same == first || back == same {
		t.Errorf("ids %s %s %s %s", first, same, back, later)
	}
	if backAt != at || laterAt != "2026-02-06T12:00:00.007Z" {
		t.Errorf("timestamps %s %s", backAt, laterAt)
	}
	if other, _ := event.NewIDs(func() time.Time { return now }).Next(); other == later {
		t.Error("two servers made the same id")
	}
}

func TestOnlyItsCreatorDeletesARoom(t *testing.T) {
	ctx := context.Background()
	s := NewMemory(nil)
	made, err := s.Create(ctx, "Tea", ann)
	if err != nil || !strings.HasPrefix(made.ID, "room_") || made.Name != "Tea" || made.UserCount != 0 {
		t.Fatalf("%+v, %v", made, err)
	}
	if again, err := s.Create(ctx, "Tea", ann); err != nil || again.ID == made.ID {
		t.Errorf("the second is %+v, %v", again, err)
	}
	enter(t, s, made.ID, "s1", ann)
	enter(t, s, made.ID, "s2", bob)
	enter(t, s, "by joining", "s2", bob)
	if err := s.Delete(ctx, made.ID, bob.UserID, nothing); !errors.Is(err, ErrNotCreator) {
		t.Errorf("deleted by another: %v", err)
	}
	if err := s.Delete(ctx, "by joining", bob.UserID, nothing); err != nil {
		t.Errorf("who made a room by joining it may not delete it: %v", err)
	}
	var members []string
	if err := s.Delete(ctx, made.ID, ann.UserID, func(sockets []string) { members = sockets }); err != nil {
		t.Fatal(err)
	}
	if slices.Sort(members); !slices.Equal(members, []string{"s1", "s2"}) {
		t.Errorf("members %v", members)
	}
	if err := s.Delete(ctx, made.ID, ann.UserID, nothing); !errors.Is(err, ErrNoRoom) {
		t.Errorf("deleted twice: %v", err)
	}
	if _, err := s.Append(ctx, made.ID, Draft{From: ann, Content: "x"}, nothing); !errors.Is(err, ErrNoRoom) {
		t.Errorf("message into a deleted room: %v", err)
	}
	if _, err := s.History(ctx, made.ID, "", 1); !errors.Is(err, ErrNoRoom) {
		t.Errorf("history of a deleted room: %v", err)
	}
}

func TestRoomsAreListedByTheirUsers(t *testing.T) {
	ctx := context.Background()
	s := NewMemory(nil)
	made, _ := s.Create(ctx, "Empty", ann)
	enter(t, s, "one", "s1", ann)
	enter(t, s, "two", "s1", ann)
	enter(t, s, "two", "s2", bob)
	all, more, err := s.Rooms(ctx, 3)
	if err != nil || more || len(all) != 3 || all[0].ID != "two" || all[0].UserCount != 2 || all[1].ID != "one" || all[2] != made {
		t.Errorf("%+v, more %v, %v", all, more, err)
	}
	if some, more, _ := s.Rooms(ctx, 1); len(some) != 1 || !more {
		t.Errorf("cut: %+v, more %v", some, more)
	}
}

func TestEmptyRoomWithoutHistoryIsForgotten(t *testing.T) {
	s := newMemory((&Options{Rooms: 2, RoomsPerUser: 1}).WithDefaults(), time.Now)
	ctx := context.Background()
	enter(t, s, "a", "s1", ann)
	enter(t, s, "b", "s1", ann)
	var limit *LimitError
	if _, err := s.Enter(ctx, "c", "s1", ann, nothing); !errors.As(err, &limit) || limit.Max != 2 {
		t.Fatalf("a third of two rooms: %v", err)
	}
	if _, err := s.Create(ctx, "c", ann); !errors.As(err, &limit) || limit.Max != 2 {
		t.Fatalf("a third of two rooms: %v", err)
	}
	leave(t, s, "a", "s1")
	leave(t, s, "b", "s1")
	if s.rooms.len() != 0 {
		t.Errorf("%d rooms are kept for nobody", s.rooms.len())
	}

	made, err := s.Create(ctx, "c", ann)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Create(ctx, "d", ann); !errors.As(err, &limit) || limit.Max != 1 {
		t.Fatalf("a second room of one user: %v", err)
	}
	enter(t, s, "talk", "s1", ann)
	say(t, s, "talk", Draft{From: ann, Content: "hello"})
	leave(t, s, "talk", "s1")
	enter(t, s, made.ID, "s1", ann)
	leave(t, s, made.ID, "s1")
	if s.rooms.len() != 2 {
		t.Error("a room with history, or one that was made, is forgotten")
	}
	if err := s.Delete(ctx, made.ID, ann.UserID, nothing); err != nil || s.made.len() != 0 {
		t.Errorf("%v, %d rooms counted after the last was deleted", err, s.made.len())
	}
}

func TestOnlineWhileAnySocketIs(t *testing.T) {
	ctx := context.Background()
	s := newMemory((*Options)(nil).WithDefaults(), time.Now)
	s.Arrive(ctx, "u1", "s1")
	s.Arrive(ctx, "u1", "s2")
	s.Depart(ctx, "u1", "s1")
	if on, _ := s.Online(ctx, "u1"); !on {
		t.Error("offline with a socket left")
	}
	s.Depart(ctx, "u1", "s2")
	if on, _ := s.Online(ctx, "u1"); on || s.online.len() != 0 {
		t.Error("online without a socket")
	}
}

func TestTableGivesMemoryBack(t *testing.T) {
	var tab table[int, int]
	for i := range 10_000 {
		tab.put(i, i)
	}
	for i := range 9_000 {
		tab.delete(i)
	}
	if tab.peak > 4000 || tab.len() != 1000 {
		t.Errorf("%d entries with room for %d", tab.len(), tab.peak)
	}
	for i := 9_000; i < 10_000; i++ {
		if v, ok := tab.get(i); !ok || v != i {
			t.Fatalf("lost %d", i)
		}
		tab.delete(i)
	}
	if tab.m != nil {
		t.Error("an empty table keeps its map")
	}
}

// The store against the simplest thing that could do the same.
func TestStoreAgreesWithAModel(t *testing.T) {
	type key struct{ room, socket string }
	for seed := range uint64(20) {
		rnd := rand.New(rand.NewPCG(seed, 1))
		s := newMemory((&Options{History: 5}).WithDefaults(), time.Now)
		in := map[key]string{} // → user id
		lines := map[string][]string{}
		users := func(room string) map[string]bool {
			set := map[string]bool{}
			for k, u := range in {
				if k.room == room {
					set[u] = true
				}
			}
			return set
		}
		for step := range 2000 {
			k := key{fmt.Sprint("r", rnd.IntN(4)), fmt.Sprint("s", rnd.IntN(6))}
			u := User{"u" + k.socket[1:], "name"} // s0 and s3 are one user, and so on
			u.UserID = fmt.Sprint("u", int(k.socket[1]-'0')%3)
			switch rnd.IntN(4) {
			case 0, 1:
				first := !users(k.room)[u.UserID]
				in[k] = u.UserID
				e := enter(t, s, k.room, k.socket, u)
				if want := strings.Join(lines[k.room], " "); e.First != first || e.Room.UserCount != len(users(k.room)) || contents(e.Messages) != want {
					t.Fatalf("seed %d step %d: entered %+v, want first %v, %d users, %q", seed, step, e, first, len(users(k.room)), want)
				}
			case 2:
				_, was := in[k]
				delete(in, k)
				last := was && !users(k.room)[u.UserID]
				if gone := leave(t, s, k.room, k.socket); (len(gone) == 1) != last {
					t.Fatalf("seed %d step %d: %v left, want %v", seed, step, gone, last)
				}
			case 3:
				if _, ok := in[k]; !ok {
					continue
				}
				say(t, s, k.room, Draft{From: u, Content: fmt.Sprint(step)})
				lines[k.room] = append(lines[k.room], fmt.Sprint(step))
				lines[k.room] = lines[k.room][max(0, len(lines[k.room])-5):]
			}
		}
		for k := range in {
			leave(t, s, k.room, k.socket)
		}
		if s.rooms.len() != len(lines) {
			t.Fatalf("seed %d: %d rooms are kept, %d have history", seed, s.rooms.len(), len(lines))
		}
	}
}

// Who enters sees each message exactly once: in the history it got, or published after it came in.
func TestHistoryAndLiveMessagesLeaveNoGap(t *testing.T) {
	s := NewMemory(&Options{History: 10_000, JoinHistory: 10_000})
	ctx := context.Background()
	const writers, each, readers = 4, 300, 20
	enter(t, s, "r", "writer", ann)

	var live [readers][]Message
	var joined [readers]bool // as live, only touched while the room publishes
	var snapshots [readers][]Message
	publish := func(m Message) {
		for i := range live {
			if joined[i] {
				live[i] = append(live[i], m)
			}
		}
	}
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for i := range each {
				if _, err := s.Append(ctx, "r", Draft{From: ann, Content: fmt.Sprint(w, ".", i)}, publish); err != nil {
					t.Error(err)
				}
			}
		})
	}
	for i := range readers {
		wg.Go(func() {
			e, err := s.Enter(ctx, "r", fmt.Sprint("s", i), bob, func(Entered) { joined[i] = true })
			if err != nil {
				t.Error(err)
			}
			snapshots[i] = e.Messages
		})
	}
	wg.Wait()

	all := history(t, s, "r", "", 10_000).Messages
	if len(all) != writers*each {
		t.Fatalf("%d messages", len(all))
	}
	if !slices.IsSortedFunc(all, func(a, b Message) int { return strings.Compare(a.ID, b.ID) }) {
		t.Error("ids are not in the order of the room")
	}
	for i := range readers {
		if !slices.Equal(slices.Concat(snapshots[i], live[i]), all) {
			t.Errorf("reader %d: %d from history and %d live are not the room's %d", i, len(snapshots[i]), len(live[i]), len(all))
		}
	}
}

// Rooms that come and go under many goroutines: nobody is lost in a room that has just been forgotten.
func TestRoomIsNotForgottenUnderSomeoneEntering(t *testing.T) {
	s := newMemory((*Options)(nil).WithDefaults(), time.Now)
	ctx := context.Background()
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			u := User{fmt.Sprint("u", g), "x"}
			socket := fmt.Sprint("s", g)
			for range 2000 {
				if e, err := s.Enter(ctx, "r", socket, u, nothing); err != nil || !e.First || !slices.Contains(e.Users, u) {
					t.Errorf("%+v, %v", e, err)
					return
				}
				left := 0
				if err := s.Leave(ctx, "r", socket, func(User) { left++ }); err != nil || left != 1 {
					t.Errorf("left %d times, %v", left, err)
					return
				}
			}
		})
	}
	wg.Wait()
	if s.rooms.len() != 0 {
		t.Errorf("%d rooms left", s.rooms.len())
	}
}

func TestNegativeLimitIsRefused(t *testing.T) {
	defer func() {
		if why := fmt.Sprint(recover()); !strings.Contains(why, "Options.Rooms ") {
			t.Errorf("panic %q", why)
		}
	}()
	NewMemory(&Options{Rooms: -1})
}
