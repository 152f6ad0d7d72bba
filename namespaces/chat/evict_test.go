package chat

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

func TestRoomThatWasEmptyForLongestMakesWay(t *testing.T) {
	s := newMemory((&Options{Rooms: 3}).WithDefaults(), time.Now)
	for _, room := range []string{"a", "b"} {
		enter(t, s, room, "s1", ann)
		say(t, s, room, Draft{From: ann, Content: "hello"})
		leave(t, s, room, "s1")
	}
	made, err := s.Create(t.Context(), "made", ann)
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
	var limit *LimitError
	if _, err := s.Enter(t.Context(), "b", "s1", ann, nothing); !errors.As(err, &limit) {
		t.Errorf("a fourth of three rooms, two with people and one that was made: %v", err)
	}
	leave(t, s, "a", "s1")
	if e := enter(t, s, "b", "s1", ann); len(e.Messages) != 0 {
		t.Errorf("room b came back with %q", contents(e.Messages))
	}
	leave(t, s, "b", "s1")
	leave(t, s, "c", "s1")
	if s.rooms.len() != 1 || s.vacant.Len() != 0 {
		t.Errorf("%d rooms, %d of them to be evicted", s.rooms.len(), s.vacant.Len())
	}
}

// Whoever comes in and pages back sees, with what is published afterwards, every message once.
func TestPagesAndLiveMessagesLeaveNoGap(t *testing.T) {
	const writers, each, readers = 4, 400, 10
	s := NewMemory(&Options{History: writers * each, JoinHistory: 10})
	enter(t, s, "r", "writer", ann)
	var live [readers][]Message
	var joined [readers]bool // as live, only touched while the room publishes
	publish := func(m Message) {
		for i := range live {
			if joined[i] {
				live[i] = append(live[i], m)
			}
		}
	}
	var written atomic.Int32
	var all sync.WaitGroup
	for w := range writers {
		all.Go(func() {
			for i := range each {
				if _, err := s.Append(context.Background(), "r", Draft{From: ann, Content: fmt.Sprint(w, ".", i)}, publish); err != nil {
					t.Error(err)
				}
				written.Add(1)
			}
		})
	}
	var past [readers][]Message
	for i := range readers {
		all.Go(func() {
			for written.Load() < int32(i*writers*each/readers) {
				time.Sleep(time.Microsecond)
			}
			e, err := s.Enter(context.Background(), "r", fmt.Sprint("s", i), bob, func(Entered) { joined[i] = true })
			if err != nil {
				t.Error(err)
				return
			}
			past[i] = e.Messages
			for more := len(past[i]) > 0; more; {
				p, err := s.History(context.Background(), "r", past[i][0].ID, 7)
				if err != nil {
					t.Error(err)
					return
				}
				past[i], more = slices.Concat(p.Messages, past[i]), p.More
			}
		})
	}
	all.Wait()
	whole := history(t, s, "r", "", writers*each).Messages
	for i := range readers {
		if !slices.Equal(slices.Concat(past[i], live[i]), whole) {
			t.Errorf("reader %d: %d from pages and %d live are not the room's %d", i, len(past[i]), len(live[i]), len(whole))
		}
	}
}
