package notifications

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
)

func ignore(int)                       {}
func ignoreAll(Notification, []Unread) {}
func add(m *memory, user, data string) {
	_ = m.AddEach(context.Background(), []string{user}, Content{Like, jsontext.Value(data)}, func(Notification, Unread) {})
}
func all(m *memory, user string) []Notification {
	p, _ := m.List(context.Background(), user, "", 1e6, false)
	return p.Notifications
}

func TestAUserKeepsTheNewest(t *testing.T) {
	m := NewMemory(&Options{Kept: 3}).(*memory)
	for i := range 5 {
		add(m, "u", fmt.Sprintf(`{"i":%d}`, i))
		_ = m.AddForAll(t.Context(), Content{System, jsontext.Value(fmt.Sprintf(`{"all":%d}`, i))}, ignoreAll)
	}
	var got []string
	for _, n := range all(m, "u") {
		got = append(got, string(n.Data))
	}
	if want := []string{`{"all":4}`, `{"i":4}`, `{"all":3}`}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	if len(m.everyone) != 3 {
		t.Errorf("%d for everyone", len(m.everyone))
	}
	check(t, m)
}

func TestUsersAwayAreForgottenLeastRecentFirst(t *testing.T) {
	m := NewMemory(&Options{Users: 3}).(*memory)
	_ = m.Arrive(t.Context(), "here", "s", ignore)
	add(m, "here", "")
	for _, user := range []string{"a", "b", "a", "c", "d"} {
		add(m, user, "")
	}
	for user, want := range map[string]bool{"here": true, "a": false, "b": false, "c": true, "d": true} {
		if got := m.inbox[user] != nil; got != want {
			t.Errorf("%s is kept: %t, want %t", user, got, want)
		}
	}
	_ = m.Depart(t.Context(), "here", "s")
	check(t, m)
}

func TestMemoryIsBounded(t *testing.T) {
	const limit = 100_000
	m := NewMemory(&Options{Bytes: limit, Kept: 50, Users: 40}).(*memory)
	random := rand.New(rand.NewPCG(1, 2))
	sockets := map[string]int{}
	for range 20_000 {
		user := fmt.Sprint(random.IntN(100))
		switch random.IntN(6) {
		case 0:
			_ = m.Arrive(t.Context(), user, "s", ignore)
			sockets[user]++
		case 1:
			_ = m.Depart(t.Context(), user, "s")
			sockets[user] = max(0, sockets[user]-1)
		case 2:
			_ = m.AddForAll(t.Context(), Content{System, make(jsontext.Value, random.IntN(2000))}, ignoreAll)
		case 3:
			if list := all(m, user); len(list) > 0 {
				_, _ = m.MarkRead(t.Context(), user, []string{list[random.IntN(len(list))].ID, "x"}, ignore)
			}
		case 4:
			_, _ = m.MarkRead(t.Context(), user, nil, ignore)
		default:
			add(m, user, string(make([]byte, random.IntN(2000))))
		}
		// Each of those who are here may have one that does not fit.
		if most := limit + 2300*len(m.inbox); m.bytes > most {
			t.Fatalf("%d bytes, more than %d", m.bytes, most)
		}
	}
	for user, n := range sockets {
		if n > 0 && m.inbox[user] == nil {
			t.Errorf("%s is here and forgotten", user)
		}
		for range n {
			_ = m.Depart(t.Context(), user, "s")
		}
	}
	if len(m.inbox) > 40 {
		t.Errorf("%d users", len(m.inbox))
	}
	check(t, m)
}
