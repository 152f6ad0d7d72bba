// Package chattest is what every chat.Store must do, as a suite of tests.
package chattest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"

	"parley/namespaces/chat"
)

var ann, bob = chat.User{UserID: "u1", Username: "Ann"}, chat.User{UserID: "u2", Username: "Bob"}

func nothing[T any](T) {}

// An opener opens stores with nothing in them.
type opener struct {
	open   func(t *testing.T, opts *chat.Options) chat.Store
	rounds int
}

// Run tests stores that open makes, each with nothing in it; rounds is how often what is random or about
// many goroutines is done: 2000 takes a store in memory a second.
func Run(t *testing.T, rounds int, open func(t *testing.T, opts *chat.Options) chat.Store) {
	o := opener{open, rounds}
	for name, test := range map[string]func(*testing.T){
		"presence":      o.userIsInARoomWhileAnyOfTheirSocketsIs,
		"names":         o.newNameReplacesTheOld,
		"user list":     o.userListIsCutButShowsWhoEnters,
		"history":       o.roomKeepsTheNewestMessages,
		"pages":         o.historyPagesMeet,
		"client ids":    o.clientIDIsKnownWithinTheHistory,
		"delete":        o.onlyItsCreatorDeletesARoom,
		"rooms":         o.roomsAreListedByTheirUsers,
		"limits":        o.emptyRoomWithoutHistoryIsForgotten,
		"eviction":      o.roomThatWasEmptyForLongestMakesWay,
		"online":        o.onlineWhileAnySocketIs,
		"model":         o.storeAgreesWithAModel,
		"no gap":        o.historyAndLiveMessagesLeaveNoGap,
		"coming, going": o.roomIsNotForgottenUnderSomeoneEntering,
	} {
		t.Run(name, test)
	}
}

// count returns how many rooms there are.
func count(t *testing.T, s chat.Store) int {
	t.Helper()
	rooms, more, err := s.Rooms(context.Background(), 1000)
	if err != nil || more {
		t.Fatal(more, err)
	}
	return len(rooms)
}

// enter, leave and say do what must succeed and return what was published, if anything.
func enter(t *testing.T, s chat.Store, room, socket string, u chat.User) chat.Entered {
	t.Helper()
	var published []chat.Entered
	e, err := s.Enter(context.Background(), room, socket, u, func(e chat.Entered) { published = append(published, e) })
	if err != nil || len(published) != 1 {
		t.Fatalf("Enter(%q, %q): published %d times, error %v", room, socket, len(published), err)
	}
	return e
}

func leave(t *testing.T, s chat.Store, room, socket string) []chat.User {
	t.Helper()
	var published []chat.User
	if err := s.Leave(context.Background(), room, socket, func(u chat.User) { published = append(published, u) }); err != nil {
		t.Fatal(err)
	}
	return published
}

func say(t *testing.T, s chat.Store, room string, d chat.Draft) (m chat.Message, published []chat.Message) {
	t.Helper()
	m, err := s.Append(context.Background(), room, d, func(m chat.Message) { published = append(published, m) })
	if err != nil {
		t.Fatal(err)
	}
	return m, published
}

func history(t *testing.T, s chat.Store, room, before string, limit int) chat.Page {
	t.Helper()
	p, err := s.History(context.Background(), room, before, limit)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func contents(messages []chat.Message) string {
	var words []string
	for _, m := range messages {
		words = append(words, m.Content)
	}
	return strings.Join(words, " ")
}

func (o opener) userIsInARoomWhileAnyOfTheirSocketsIs(t *testing.T) {
	s := o.open(t, nil)
	if !enter(t, s, "r", "s1", ann).First {
		t.Error("the first socket of a user is not the first")
	}
	if enter(t, s, "r", "s1", ann).First || enter(t, s, "r", "s2", ann).First {
		t.Error("a user came twice")
	}
	if e := enter(t, s, "r", "s3", bob); !e.First || !slices.Equal(e.Users, []chat.User{ann, bob}) || e.Room.UserCount != 2 {
		t.Errorf("second user: %+v", e)
	}
	if gone := leave(t, s, "r", "s1"); gone != nil {
		t.Errorf("%v left with a socket still there", gone)
	}
	if gone := leave(t, s, "r", "s1"); gone != nil {
		t.Errorf("one socket left twice and took %v along", gone)
	}
	if gone := leave(t, s, "r", "s2"); !slices.Equal(gone, []chat.User{ann}) {
		t.Errorf("last socket left, published %v", gone)
	}
	if e := enter(t, s, "r", "s3", bob); !slices.Equal(e.Users, []chat.User{bob}) {
		t.Errorf("users %v", e.Users)
	}
}

func (o opener) newNameReplacesTheOld(t *testing.T) {
	s := o.open(t, nil)
	enter(t, s, "r", "s1", ann)
	renamed := chat.User{UserID: ann.UserID, Username: "Anna"}
	if e := enter(t, s, "r", "s2", renamed); !slices.Equal(e.Users, []chat.User{renamed}) {
		t.Errorf("users %v", e.Users)
	}
}

func (o opener) userListIsCutButShowsWhoEnters(t *testing.T) {
	s := o.open(t, &chat.Options{ListedUsers: 2})
	carl := chat.User{UserID: "u3", Username: "Carl"}
	enter(t, s, "r", "s1", ann)
	enter(t, s, "r", "s2", bob)
	e := enter(t, s, "r", "s3", carl)
	if !slices.Equal(e.Users, []chat.User{ann, carl}) || e.Room.UserCount != 3 {
		t.Errorf("users %v of %d", e.Users, e.Room.UserCount)
	}
}

func (o opener) roomKeepsTheNewestMessages(t *testing.T) {
	s := o.open(t, nil)
	enter(t, s, "r", "s1", ann)
	for i := range 130 {
		say(t, s, "r", chat.Draft{From: ann, Content: fmt.Sprint(i)})
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

func (o opener) historyPagesMeet(t *testing.T) {
	s := o.open(t, nil)
	enter(t, s, "r", "s1", ann)
	for i := range 10 {
		say(t, s, "r", chat.Draft{From: ann, Content: fmt.Sprint(i)})
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

func (o opener) clientIDIsKnownWithinTheHistory(t *testing.T) {
	s := o.open(t, &chat.Options{History: 3})
	enter(t, s, "r", "s1", ann)
	enter(t, s, "other", "s1", ann)
	first, published := say(t, s, "r", chat.Draft{From: ann, Content: "one", ClientID: "c"})
	if len(published) != 1 || published[0] != first || first.ClientID != "c" {
		t.Fatalf("first: %+v, published %+v", first, published)
	}
	if again, published := say(t, s, "r", chat.Draft{From: ann, Content: "changed", ClientID: "c"}); again != first || published != nil {
		t.Errorf("again: %+v, published %+v", again, published)
	}
	for what, d := range map[string]struct {
		room string
		from chat.User
	}{"another user": {"r", bob}, "another room": {"other", ann}} {
		if m, published := say(t, s, d.room, chat.Draft{From: d.from, Content: "x", ClientID: "c"}); m.ID == first.ID || len(published) != 1 {
			t.Errorf("%s with the same client id: %+v", what, m)
		}
	}
	say(t, s, "r", chat.Draft{From: ann, Content: "no client id"})
	say(t, s, "r", chat.Draft{From: ann, Content: "no client id"})
	if m, published := say(t, s, "r", chat.Draft{From: ann, Content: "one", ClientID: "c"}); m.ID == first.ID || len(published) != 1 {
		t.Error("a client id outlives the history")
	}
}

func (o opener) onlyItsCreatorDeletesARoom(t *testing.T) {
	ctx := context.Background()
	s := o.open(t, nil)
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
	if err := s.Delete(ctx, made.ID, bob.UserID, nothing); !errors.Is(err, chat.ErrNotCreator) {
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
	if err := s.Delete(ctx, made.ID, ann.UserID, nothing); !errors.Is(err, chat.ErrNoRoom) {
		t.Errorf("deleted twice: %v", err)
	}
	if _, err := s.Append(ctx, made.ID, chat.Draft{From: ann, Content: "x"}, nothing); !errors.Is(err, chat.ErrNoRoom) {
		t.Errorf("message into a deleted room: %v", err)
	}
	if _, err := s.History(ctx, made.ID, "", 1); !errors.Is(err, chat.ErrNoRoom) {
		t.Errorf("history of a deleted room: %v", err)
	}
}

func (o opener) roomsAreListedByTheirUsers(t *testing.T) {
	ctx := context.Background()
	s := o.open(t, nil)
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

func (o opener) emptyRoomWithoutHistoryIsForgotten(t *testing.T) {
	s := o.open(t, &chat.Options{Rooms: 2, RoomsPerUser: 1})
	ctx := context.Background()
	enter(t, s, "a", "s1", ann)
	enter(t, s, "b", "s1", ann)
	var limit *chat.LimitError
	if _, err := s.Enter(ctx, "c", "s1", ann, nothing); !errors.As(err, &limit) || limit.Max != 2 {
		t.Fatalf("a third of two rooms: %v", err)
	}
	if _, err := s.Create(ctx, "c", ann); !errors.As(err, &limit) || limit.Max != 2 {
		t.Fatalf("a third of two rooms: %v", err)
	}
	leave(t, s, "a", "s1")
	leave(t, s, "b", "s1")
	if n := count(t, s); n != 0 {
		t.Errorf("%d rooms are kept for nobody", n)
	}

	made, err := s.Create(ctx, "c", ann)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Create(ctx, "d", ann); !errors.As(err, &limit) || limit.Max != 1 {
		t.Fatalf("a second room of one user: %v", err)
	}
	enter(t, s, "talk", "s1", ann)
	say(t, s, "talk", chat.Draft{From: ann, Content: "hello"})
	leave(t, s, "talk", "s1")
	enter(t, s, made.ID, "s1", ann)
	leave(t, s, made.ID, "s1")
	if count(t, s) != 2 {
		t.Error("a room with history, or one that was made, is forgotten")
	}
	if err := s.Delete(ctx, made.ID, ann.UserID, nothing); err != nil {
		t.Error(err)
	}
	if _, err := s.Create(ctx, "d", ann); err != nil {
		t.Errorf("a room that was deleted counts: %v", err)
	}
}

func (o opener) roomThatWasEmptyForLongestMakesWay(t *testing.T) {
	s := o.open(t, &chat.Options{Rooms: 3})
	for _, room := range []string{"a", "b"} {
		enter(t, s, room, "s1", ann)
		say(t, s, room, chat.Draft{From: ann, Content: "hello"})
		leave(t, s, room, "s1")
	}
	made, err := s.Create(context.Background(), "made", ann)
	if err != nil {
		t.Fatal(err)
	}
	enter(t, s, made.ID, "s1", ann)
	leave(t, s, made.ID, "s1")
	enter(t, s, "a", "s1", ann) // now b is empty for longest
	leave(t, s, "a", "s1")
	enter(t, s, "c", "s1", ann)
	if e := enter(t, s, "a", "s1", ann); contents(e.Messages) != "hello" {
		t.Errorf("room a has %q", contents(e.Messages))
	}
	var limit *chat.LimitError
	if _, err := s.Enter(context.Background(), "b", "s1", ann, nothing); !errors.As(err, &limit) {
		t.Errorf("a fourth of three rooms, two with people and one that was made: %v", err)
	}
	leave(t, s, "a", "s1")
	if e := enter(t, s, "b", "s1", ann); len(e.Messages) != 0 {
		t.Errorf("room b came back with %q", contents(e.Messages))
	}
}

func (o opener) onlineWhileAnySocketIs(t *testing.T) {
	ctx := context.Background()
	s := o.open(t, nil)
	online := func(want bool) {
		t.Helper()
		if on, err := s.Online(ctx, "u1"); err != nil || on != want {
			t.Errorf("online %v, %v, want %v", on, err, want)
		}
	}
	online(false)
	for _, socket := range []string{"s1", "s2"} {
		if err := s.Arrive(ctx, "u1", socket); err != nil {
			t.Fatal(err)
		}
	}
	for i, socket := range []string{"s1", "s2"} {
		online(true)
		if err := s.Depart(ctx, "u1", socket); err != nil {
			t.Fatal(err)
		}
		online(i < 1)
	}
}

// The store against the simplest thing that could do the same.
func (o opener) storeAgreesWithAModel(t *testing.T) {
	type key struct{ room, socket string }
	for seed := range uint64(max(1, o.rounds/100)) {
		rnd := rand.New(rand.NewPCG(seed, 1))
		s := o.open(t, &chat.Options{History: 5})
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
		for step := range o.rounds {
			k := key{fmt.Sprint("r", rnd.IntN(4)), fmt.Sprint("s", rnd.IntN(6))}
			u := chat.User{UserID: "u" + k.socket[1:], Username: "name"} // s0 and s3 are one user, and so on
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
				say(t, s, k.room, chat.Draft{From: u, Content: fmt.Sprint(step)})
				lines[k.room] = append(lines[k.room], fmt.Sprint(step))
				lines[k.room] = lines[k.room][max(0, len(lines[k.room])-5):]
			}
		}
		for k := range in {
			leave(t, s, k.room, k.socket)
		}
		if n := count(t, s); n != len(lines) {
			t.Fatalf("seed %d: %d rooms are kept, %d have history", seed, n, len(lines))
		}
	}
}

// Who enters sees each message exactly once: in the history it got, or published after it came in.
func (o opener) historyAndLiveMessagesLeaveNoGap(t *testing.T) {
	s := o.open(t, &chat.Options{History: 10_000, JoinHistory: 10_000})
	ctx := context.Background()
	const writers, readers = 4, 20
	each := o.rounds / 7
	enter(t, s, "r", "writer", ann)

	var live [readers][]chat.Message
	var joined [readers]bool // as live, only touched while the room publishes
	var snapshots [readers][]chat.Message
	publish := func(m chat.Message) {
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
				if _, err := s.Append(ctx, "r", chat.Draft{From: ann, Content: fmt.Sprint(w, ".", i)}, publish); err != nil {
					t.Error(err)
				}
			}
		})
	}
	for i := range readers {
		wg.Go(func() {
			e, err := s.Enter(ctx, "r", fmt.Sprint("s", i), bob, func(chat.Entered) { joined[i] = true })
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
	if !slices.IsSortedFunc(all, func(a, b chat.Message) int { return strings.Compare(a.ID, b.ID) }) {
		t.Error("ids are not in the order of the room")
	}
	for i := range readers {
		if !slices.Equal(slices.Concat(snapshots[i], live[i]), all) {
			t.Errorf("reader %d: %d from history and %d live are not the room's %d", i, len(snapshots[i]), len(live[i]), len(all))
		}
	}
}

// Rooms that come and go under many goroutines: nobody is lost in a room that has just been forgotten.
func (o opener) roomIsNotForgottenUnderSomeoneEntering(t *testing.T) {
	s := o.open(t, nil)
	ctx := context.Background()
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			u := chat.User{UserID: fmt.Sprint("u", g), Username: "x"}
			socket := fmt.Sprint("s", g)
			for range o.rounds {
				if e, err := s.Enter(ctx, "r", socket, u, nothing); err != nil || !e.First || !slices.Contains(e.Users, u) {
					t.Errorf("%+v, %v", e, err)
					return
				}
				left := 0
				if err := s.Leave(ctx, "r", socket, func(chat.User) { left++ }); err != nil || left != 1 {
					t.Errorf("left %d times, %v", left, err)
					return
				}
			}
		})
	}
	wg.Wait()
	if n := count(t, s); n != 0 {
		t.Errorf("%d rooms left", n)
	}
}
