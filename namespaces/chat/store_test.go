package chat

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
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

func TestNegativeLimitIsRefused(t *testing.T) {
	defer func() {
		if why := fmt.Sprint(recover()); !strings.Contains(why, "Options.Rooms ") {
			t.Errorf("panic %q", why)
		}
	}()
	NewMemory(&Options{Rooms: -1})
}
