package limits

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"
)

// clock is a time that a test sets.
type clock struct{ t time.Time }

func (c *clock) now() time.Time { return c.t }

func take(t *testing.T, w *window, user string, want bool) func() {
	t.Helper()
	undo, err := w.Take(context.Background(), user)
	if (err == nil) != want || err != nil && !errors.Is(err, ErrRate) {
		t.Fatalf("%s at %v: %v", user, w.now(), err)
	}
	return undo
}

func TestNoSpanHasMoreThanTheWindowAllows(t *testing.T) {
	c := &clock{time.Unix(1e9, 0)}
	w := newWindow(10, time.Minute, c.now)
	random := rand.New(rand.NewPCG(1, 2))
	var accepted []time.Time
	for range 20_000 {
		c.t = c.t.Add(time.Duration(random.IntN(8000)) * time.Millisecond)
		undo, err := w.Take(context.Background(), "u")
		free := len(accepted) < 10 || c.t.Sub(accepted[len(accepted)-10]) >= time.Minute
		if (err == nil) != free {
			t.Fatalf("accepted: %t, want %t", err == nil, free)
		}
		switch {
		case err != nil:
		case random.IntN(4) == 0:
			undo()
		default:
			accepted = append(accepted, c.t)
		}
	}
	if len(accepted) < 1000 {
		t.Fatalf("only %d were accepted", len(accepted))
	}
}

func TestUsersHaveWindowsOfTheirOwn(t *testing.T) {
	w := newWindow(1, time.Minute, (&clock{}).now)
	take(t, w, "ann", true)
	take(t, w, "bob", true)
	take(t, w, "ann", false)
}

func TestQuietUsersAreForgotten(t *testing.T) {
	c := &clock{time.Unix(1e9, 0)}
	w := newWindow(10, time.Minute, c.now)
	for i := range 200_000 {
		c.t = c.t.Add(time.Second)
		take(t, w, fmt.Sprint("user", i), true)
	}
	if len(w.users) > 2048 {
		t.Errorf("%d users are remembered, 60 have been there in the last minute", len(w.users))
	}
	for i := range 1000 {
		take(t, w, fmt.Sprint("undone", i), true)()
	}
	if len(w.users) > 2048 {
		t.Errorf("%d users after what was undone", len(w.users))
	}
}

func TestImpossibleWindowPanics(t *testing.T) {
	for _, make := range []func(){func() { NewWindow(0, time.Second) }, func() { NewWindow(1, 0) }} {
		func() {
			defer func() {
				if recover() == nil {
					t.Error("no panic")
				}
			}()
			make()
		}()
	}
}
