package disk

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"reflect"
	"slices"
	"sync"
	"testing"

	"github.com/go-json-experiment/json/jsontext"

	"parley/namespaces/notifications"
)

func told(notifications.Notification, []notifications.Unread) {}

func notices(t *testing.T, s notifications.Store, user string) []notifications.Notification {
	t.Helper()
	p, err := s.List(t.Context(), user, "", 1e6, false)
	if err != nil {
		t.Fatal(err)
	}
	return p.Notifications
}

// What users see does not change by a restart, whatever has been done.
func TestNotificationsAreThereAfterARestart(t *testing.T) {
	name := filepath.Join(t.TempDir(), "data")
	rnd := rand.New(rand.NewPCG(7, 8))
	f := open(t, name, nil)
	opts := func() *notifications.Options {
		return &notifications.Options{Keeper: f.Notifications(), Kept: 12, Users: 9, Bytes: 20_000}
	}
	s := notifications.NewMemory(opts())
	newest := ""
	for round := range 12 {
		var used []string // the order in which users come to be forgotten, latest last
		for range 60 {
			user := fmt.Sprint("u", rnd.IntN(11))
			c := notifications.Content{Type: notifications.Like, Data: jsontext.Value(fmt.Sprintf(`{"x<":%d}`, rnd.IntN(100)))}
			check := func(n notifications.Notification, _ []notifications.Unread) {
				if n.ID <= newest {
					t.Errorf("round %d: %s comes behind %s", round, n.ID, newest)
				}
				newest = n.ID
			}
			var err error
			switch rnd.IntN(4) {
			case 0:
				err = s.AddForAll(t.Context(), c, check)
			case 1:
				if list := notices(t, s, user); len(list) > 0 {
					_, err = s.MarkRead(t.Context(), user, []string{list[rnd.IntN(len(list))].ID}, func(int) {})
				}
			case 2:
				err = s.AddEach(t.Context(), []string{user, "everywhere"}, c, func(n notifications.Notification, _ notifications.Unread) { check(n, nil) })
				used = append(slices.DeleteFunc(used, func(u string) bool { return u == user }), user)
			default:
				err = s.Add(t.Context(), []string{user, "everywhere"}, c, check)
				used = append(slices.DeleteFunc(used, func(u string) bool { return u == user }), user)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		users := append(used[len(used)-3:], "everywhere")
		before := make(map[string][]notifications.Notification)
		for _, user := range users {
			before[user] = notices(t, s, user)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
		f = open(t, name, nil)
		kept, err := f.Notifications().Load()
		if err != nil || len(kept.Users) > 9 || len(kept.Everyone) > 12 {
			t.Fatalf("%d users, %d for everyone (%v)", len(kept.Users), len(kept.Everyone), err)
		}
		for _, u := range kept.Users {
			if len(u.Own) > 12 || len(u.Read) > 12 {
				t.Errorf("%s: %d kept, %d read", u.ID, len(u.Own), len(u.Read))
			}
		}
		s = notifications.NewMemory(opts())
		for _, user := range users {
			if after := notices(t, s, user); !reflect.DeepEqual(after, before[user]) {
				t.Fatalf("round %d: %s has\n%v, not\n%v", round, user, after, before[user])
			}
		}
	}
}

func TestBroadcastReachesThoseAwayOverARestart(t *testing.T) {
	name := filepath.Join(t.TempDir(), "data")
	f := open(t, name, nil)
	s := notifications.NewMemory(&notifications.Options{Keeper: f.Notifications()})
	ctx := t.Context()
	first := func() error { return s.AddForAll(ctx, notifications.Content{Type: notifications.System}, told) }
	for _, err := range []error{first(), s.Arrive(ctx, "u1", "s", func(int) {}), s.Depart(ctx, "u1", "s"), first(), f.Close()} {
		if err != nil {
			t.Fatal(err)
		}
	}
	f = open(t, name, nil)
	s = notifications.NewMemory(&notifications.Options{Keeper: f.Notifications()})
	for user, want := range map[string]int{"u1": 1, "u2": 0} {
		if err := s.Arrive(ctx, user, "s", func(unread int) {
			if unread != want {
				t.Errorf("%s: %d unread, not %d", user, unread, want)
			}
		}); err != nil {
			t.Error(err)
		}
	}
	if n, err := s.MarkRead(ctx, "u1", nil, func(int) {}); n != 1 || err != nil {
		t.Error(n, err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	f = open(t, name, nil)
	s = notifications.NewMemory(&notifications.Options{Keeper: f.Notifications()})
	if list := notices(t, s, "u1"); len(list) != 1 || !list[0].Read {
		t.Errorf("%+v", list)
	}
}

func TestNotificationThatIsNotKeptIsNotPublished(t *testing.T) {
	f := open(t, filepath.Join(t.TempDir(), "data"), nil)
	s := notifications.NewMemory(&notifications.Options{Keeper: f.Notifications(), Kept: 3})
	ctx := context.Background()
	c := notifications.Content{Type: notifications.Like}
	for range 3 {
		if err := s.Add(ctx, []string{"u1"}, c, told); err != nil {
			t.Fatal(err)
		}
	}
	before := notices(t, s, "u1")
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	refused := func(notifications.Notification, []notifications.Unread) { t.Error("published") }
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for _, err := range []error{s.Add(ctx, []string{"u1", "u2"}, c, refused), s.AddForAll(ctx, c, refused)} {
				if !errors.Is(err, ErrClosed) {
					t.Error(err)
				}
			}
			if n, err := s.MarkRead(ctx, "u1", nil, func(int) { t.Error("published") }); n != 0 || !errors.Is(err, ErrClosed) {
				t.Error(n, err)
			}
		})
	}
	all.Wait()
	if after := notices(t, s, "u1"); !reflect.DeepEqual(after, before) {
		t.Errorf("%v, not %v", after, before)
	}
}
