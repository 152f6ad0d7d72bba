// Package notificationstest is what a notifications.Store must do.
package notificationstest

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/go-json-experiment/json/jsontext"

	"parley/namespaces/notifications"
)

// A Maker makes an empty store with the limits of opts.
type Maker func(t *testing.T, opts *notifications.Options) notifications.Store

// Run tries the stores that a Maker makes.
func Run(t *testing.T, store Maker) {
	for name, test := range map[string]func(t *testing.T, store Maker){
		"a notification is kept until it is read":   keptUntilRead,
		"users have what came while they were away": away,
		"everybody who has been here":               everybody,
		"each gets one of its own":                  ofItsOwn,
		"lists are cut in pages":                    pages,
		"the newest are kept":                       newest,
		"counts follow each other":                  counts,
	} {
		t.Run(name, func(t *testing.T) { test(t, store) })
	}
}

var like = notifications.Content{Type: notifications.Like, Data: jsontext.Value(`{"a<":"\u003c","n":1.50}`)}

// A user is somebody whose store is tried.
type user struct {
	t     *testing.T
	store notifications.Store
	id    string
}

func (u user) arrives(want int) {
	u.t.Helper()
	published := false
	err := u.store.Arrive(u.t.Context(), u.id, "socket", func(unread int) {
		if published = true; unread != want {
			u.t.Errorf("%s arrives and has %d unread, want %d", u.id, unread, want)
		}
	})
	if err != nil || !published {
		u.t.Fatalf("published: %t, %v", published, err)
	}
}

func (u user) departs() {
	u.t.Helper()
	if err := u.store.Depart(u.t.Context(), u.id, "socket"); err != nil {
		u.t.Fatal(err)
	}
}

// list returns what the user has, newest first.
func (u user) list(unreadOnly bool) []notifications.Notification {
	u.t.Helper()
	p, err := u.store.List(u.t.Context(), u.id, "", 1_000_000, unreadOnly)
	if err != nil || p.More || p.Notifications == nil {
		u.t.Fatalf("%+v, %v", p, err)
	}
	return p.Notifications
}

// has checks the ids of what the user has, newest first.
func (u user) has(unreadOnly bool, want ...string) {
	u.t.Helper()
	var got []string
	for _, n := range u.list(unreadOnly) {
		got = append(got, n.ID)
	}
	if !slices.Equal(got, want) {
		u.t.Fatalf("%s has %v, want %v", u.id, got, want)
	}
}

// reads marks something as read, or all, and checks how many were not, and how many are left.
func (u user) reads(want, left int, ids ...string) {
	u.t.Helper()
	published := false
	count, err := u.store.MarkRead(u.t.Context(), u.id, ids, func(unread int) {
		if published = true; unread != left {
			u.t.Errorf("%d left, want %d", unread, left)
		}
	})
	if err != nil || count != want || published != (count > 0) {
		u.t.Fatalf("%d, want %d; published: %t, %v", count, want, published, err)
	}
}

func add(t *testing.T, s notifications.Store, want []int, users ...string) (id string) {
	t.Helper()
	err := s.Add(t.Context(), users, like, func(n notifications.Notification, counts []notifications.Unread) {
		id = n.ID
		for i, u := range users {
			if n.RecipientID != "" || len(counts) != len(want) || counts[i] != (notifications.Unread{UserID: u, Count: want[i]}) {
				t.Errorf("%+v, %+v, want %v", n, counts, want)
			}
		}
	})
	if err != nil || id == "" {
		t.Fatalf("%q, %v", id, err)
	}
	return id
}

// addForAll checks the counts of those who are here.
func addForAll(t *testing.T, s notifications.Store, want map[string]int) (id string) {
	t.Helper()
	err := s.AddForAll(t.Context(), like, func(n notifications.Notification, counts []notifications.Unread) {
		id = n.ID
		if n.RecipientID != "" || len(counts) != len(want) {
			t.Errorf("%+v, %+v, want %v", n, counts, want)
		}
		for _, c := range counts {
			if n, there := want[c.UserID]; !there || n != c.Count {
				t.Errorf("%+v, want %v", counts, want)
			}
		}
	})
	if err != nil || id == "" {
		t.Fatalf("%q, %v", id, err)
	}
	return id
}

func keptUntilRead(t *testing.T, maker Maker) {
	s := maker(t, nil)
	a, b := user{t, s, "a"}, user{t, s, "b{}:%"}
	one := add(t, s, []int{1, 1}, a.id, b.id)
	two := add(t, s, []int{2}, a.id)
	a.has(false, two, one)
	b.has(false, one)
	n := a.list(false)[0]
	if n.Type != notifications.Like || string(n.Data) != string(like.Data) || n.Read || n.Timestamp == "" {
		t.Errorf("%+v", n)
	}
	a.reads(1, 1, one, one, "none")
	a.reads(0, 0, one)
	a.has(true, two)
	a.has(false, two, one)
	if list := a.list(false); list[0].Read || !list[1].Read {
		t.Errorf("%+v", list)
	}
	add(t, s, []int{2}, a.id)
	a.reads(2, 0)
	a.reads(0, 0)
	a.reads(0, 0, []string{}...)
	a.has(true)
	b.has(true, one)
	user{t, s, "new"}.reads(0, 0)
	_ = add(t, s, nil)
}

func away(t *testing.T, maker Maker) {
	s := maker(t, nil)
	a := user{t, s, "a"}
	first := addForAll(t, s, nil)
	a.arrives(0) // somebody new has nothing
	a.departs()
	own := add(t, s, []int{1}, a.id)
	everyone := addForAll(t, s, nil)
	a.arrives(2)
	a.has(false, everyone, own)
	a.reads(1, 1, everyone)
	a.departs()
	a.departs()
	last := addForAll(t, s, nil)
	if _, err := s.MarkRead(t.Context(), a.id, []string{last}, func(int) {}); err != nil {
		t.Fatal(err)
	}
	a.has(true, own)
	a.has(false, last, everyone, own)
	if first >= own || own >= everyone || everyone >= last {
		t.Error(first, own, everyone, last)
	}
}

func everybody(t *testing.T, maker Maker) {
	s := maker(t, nil)
	a, b, c := user{t, s, "a"}, user{t, s, "b"}, user{t, s, "c"}
	a.arrives(0)
	a.arrives(0)
	b.arrives(0)
	c.arrives(0)
	c.departs()
	a.departs()
	id := addForAll(t, s, map[string]int{"a": 1, "b": 1})
	a.has(false, id)
	c.has(false, id)
	a.departs()
	addForAll(t, s, map[string]int{"b": 2})
	a.reads(2, 0)
	c.arrives(2)
}

func ofItsOwn(t *testing.T, maker Maker) {
	s := maker(t, nil)
	const users = 300
	names := make([]string, users)
	for i := range names {
		names[i] = fmt.Sprint("user", i)
	}
	add(t, s, []int{1}, names[7])
	last, next := "", 0
	err := s.AddEach(t.Context(), names, like, func(n notifications.Notification, unread notifications.Unread) {
		want := notifications.Unread{UserID: names[next], Count: 1}
		if next == 7 {
			want.Count = 2
		}
		if n.ID <= last || n.RecipientID != names[next] || unread != want {
			t.Errorf("%+v after %s, %+v, want %+v", n, last, unread, want)
		}
		last, next = n.ID, next+1
	})
	if err != nil || next != users {
		t.Fatalf("%d told, %v", next, err)
	}
	if list := (user{t, s, names[users-1]}).list(false); len(list) != 1 || list[0].ID != last || list[0].RecipientID != names[users-1] {
		t.Errorf("%+v", list)
	}
}

func pages(t *testing.T, maker Maker) {
	s := maker(t, nil)
	var ids []string
	for i := range 7 {
		ids = append(ids, add(t, s, []int{i + 1}, "a"))
	}
	user{t, s, "a"}.reads(1, 6, ids[3])
	for _, c := range []struct {
		before     string
		limit      int
		unreadOnly bool
		want       []int
		more       bool
	}{
		{"", 3, false, []int{6, 5, 4}, true},
		{ids[4], 3, false, []int{3, 2, 1}, true},
		{ids[4], 3, true, []int{2, 1, 0}, false},
		{ids[1], 3, false, []int{0}, false},
		{ids[0], 3, false, nil, false},
		{"zzz", 1, false, []int{6}, true},
		{"0", 3, false, nil, false},
		{"", 7, false, []int{6, 5, 4, 3, 2, 1, 0}, false},
	} {
		p, err := s.List(t.Context(), "a", c.before, c.limit, c.unreadOnly)
		if err != nil {
			t.Fatal(err)
		}
		var got []int
		for _, n := range p.Notifications {
			got = append(got, slices.Index(ids, n.ID))
		}
		if !slices.Equal(got, c.want) || p.More != c.more {
			t.Errorf("%+v: %v, more: %t", c, got, p.More)
		}
	}
}

func newest(t *testing.T, maker Maker) {
	s := maker(t, &notifications.Options{Kept: 3})
	a := user{t, s, "a"}
	a.arrives(0)
	var ids []string
	for i := range 5 {
		ids = append(ids, add(t, s, []int{min(i*2+1, 3)}, "a"))
		ids = append(ids, addForAll(t, s, map[string]int{"a": min(i*2+2, 3)}))
	}
	a.has(false, ids[9], ids[8], ids[7])
	a.reads(0, 0, ids[6])
	a.reads(3, 0)
	b := user{t, s, "b"}
	b.arrives(0)
	b.departs()
	ids = nil
	for range 5 {
		ids = append(ids, addForAll(t, s, map[string]int{"a": min(len(ids)+1, 3)}))
	}
	b.arrives(3)
	b.has(true, ids[4], ids[3], ids[2])
}

func counts(t *testing.T, maker Maker) {
	s := maker(t, nil)
	user{t, s, "a"}.arrives(0)
	const callers, each = 6, 20
	var mu sync.Mutex
	next, last := 1, ""
	publish := func(n notifications.Notification, counts []notifications.Unread) {
		mu.Lock()
		defer mu.Unlock()
		if n.ID <= last || len(counts) != 1 || counts[0].Count != next {
			t.Errorf("%s after %s, %v, want %d", n.ID, last, counts, next)
		}
		next, last = next+1, n.ID
	}
	var all sync.WaitGroup
	for i := range callers {
		all.Go(func() {
			for range each {
				var err error
				switch ctx := context.Background(); i % 3 {
				case 0:
					err = s.Add(ctx, []string{"a"}, like, publish)
				case 1:
					err = s.AddEach(ctx, []string{"a"}, like, func(n notifications.Notification, u notifications.Unread) { publish(n, []notifications.Unread{u}) })
				default:
					err = s.AddForAll(ctx, like, publish)
				}
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	user{t, s, "a"}.reads(callers*each, 0)
}
