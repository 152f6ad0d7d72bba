package replay

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"parley/server/adapter"
)

var roomy = Limits{Age: time.Minute, Bytes: 1 << 20, Events: 1000}

// after is a Timer on the clock of the test.
func after(d time.Duration, f func()) func() {
	t := time.AfterFunc(d, f)
	return func() { t.Stop() }
}

func event(text string, rooms ...string) adapter.Event {
	return adapter.Event{Payload: adapter.Payload{Data: []byte(text)}, Selection: adapter.Selection{Rooms: rooms}}
}

// add appends an event and returns its offset.
func add(l *Log, e adapter.Event) (offset string) {
	l.Append(e, func(at string) func() {
		offset = at
		return nil
	})
	return offset
}

func newest(l *Log) (offset string) {
	l.Sync(func(at string) { offset = at })
	return offset
}

// missed returns what a member of the rooms gets, joined.
func missed(l *Log, offset string, rooms ...string) (string, error) {
	s := adapter.Session{ID: "id"}
	for _, room := range rooms {
		s.Rooms = append(s.Rooms, adapter.Stay{Room: room})
	}
	return replayed(l, s, offset)
}

func replayed(l *Log, s adapter.Session, offset string) (string, error) {
	var all []string
	err := l.Replay(context.Background(), s, offset, func(e adapter.Event, _ string) error {
		all = append(all, string(e.Data))
		return nil
	}, func() {})
	return strings.Join(all, ""), err
}

func TestReplaySelects(t *testing.T) {
	l := New(roomy, after)
	defer l.Close()
	begin := newest(l)
	add(l, event("a"))
	b := add(l, event("b", "red"))
	add(l, event("c", "blue", "id"))
	add(l, adapter.Event{Payload: adapter.Payload{Data: []byte("d")}, Selection: adapter.Selection{Except: []string{"red"}}})
	for _, c := range []struct{ offset, rooms, want string }{
		{begin, "", "acd"}, {begin, "red", "abc"}, {begin, "blue", "acd"}, {b, "red", "c"}, {newest(l), "red", ""},
	} {
		got, err := missed(l, c.offset, strings.Fields(c.rooms)...)
		if got != c.want || err != nil {
			t.Errorf("after %s in %q: %q, %v; want %q", c.offset, c.rooms, got, err, c.want)
		}
	}
}

func TestStaysHaveTheirPlace(t *testing.T) {
	l := New(roomy, after)
	defer l.Close()
	begin := newest(l)
	from := add(l, event("a", "red"))
	to := add(l, event("b", "red"))
	add(l, event("c", "red"))
	for _, c := range []struct{ from, to, want string }{{"", "", "abc"}, {from, "", "bc"}, {"", to, "ab"}, {from, to, "b"}} {
		got, err := replayed(l, adapter.Session{ID: "id", Rooms: []adapter.Stay{{Room: "red", From: c.from, To: c.to}}}, begin)
		if got != c.want || err != nil {
			t.Errorf("from %q to %q: %q, %v; want %q", c.from, c.to, got, err, c.want)
		}
	}
}

func TestUnknownOffsets(t *testing.T) {
	l, other := New(roomy, after), New(roomy, after)
	defer l.Close()
	at := add(l, event("a"))
	for _, offset := range []string{"", "x", newest(other), at + "0", at + " ", l.epoch, l.epoch + "-1", l.epoch + "01", strings.ToUpper(at) + "!"} {
		if got, err := missed(l, offset); !errors.Is(err, adapter.ErrLost) {
			t.Errorf("%q: %q, %v", offset, got, err)
		}
	}
}

func TestWhatIsTooMuchGoesAndIsNoted(t *testing.T) {
	l := New(Limits{Age: time.Minute, Bytes: 1 << 20, Events: 2}, after)
	defer l.Close()
	begin := newest(l)
	add(l, event("a", "red"))
	add(l, event("b", "blue"))
	add(l, event("c", "green"))
	if got, err := missed(l, begin, "blue", "green"); got != "bc" || err != nil {
		t.Errorf("nothing of it was lost: %q, %v", got, err)
	}
	if _, err := missed(l, begin, "red"); !errors.Is(err, adapter.ErrLost) {
		t.Errorf("a gap: %v", err)
	}
}

func TestGapLosesWhatCameBefore(t *testing.T) {
	l := New(roomy, after)
	defer l.Close()
	before := add(l, event("a", "red"))
	l.Gap()
	add(l, event("b", "red"))
	for _, room := range []string{"red", "blue"} {
		if _, err := missed(l, before, room); !errors.Is(err, adapter.ErrLost) {
			t.Errorf("in %s: %v", room, err)
		}
	}
	if got, err := missed(l, newest(l), "red"); got != "" || err != nil {
		t.Errorf("after the gap: %q, %v", got, err)
	}
	at := newest(l)
	add(l, event("c", "red"))
	if got, err := missed(l, at, "red"); got != "c" || err != nil {
		t.Errorf("after the gap: %q, %v", got, err)
	}
}

func TestMemoryIsBounded(t *testing.T) {
	l := New(Limits{Age: time.Minute, Bytes: 100_000, Events: 1 << 30}, after)
	defer l.Close()
	for i := range 3 * lostRooms {
		add(l, event(strings.Repeat("x", 1000), fmt.Sprint(i)))
		if l.bytes > 100_000 || l.count*(1000+recordBytes) > 100_000 || len(l.lost.now.rooms) > lostRooms {
			t.Fatalf("%d events of %d bytes, %d rooms", l.count, l.bytes, len(l.lost.now.rooms))
		}
	}
	add(l, event(strings.Repeat("x", 200_000)))
	if l.bytes != 0 || l.oldest != nil || l.newest != nil {
		t.Fatal("an event larger than all that may be kept was kept")
	}
}

func TestEventsGoWithTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := New(roomy, after)
		begin := newest(l)
		add(l, event("a"))
		time.Sleep(40 * time.Second)
		add(l, event("b"))
		time.Sleep(21 * time.Second)
		if got, err := missed(l, begin); got != "b" || err != nil {
			t.Errorf("%q, %v", got, err)
		}
		time.Sleep(time.Minute)
		l.mu.Lock()
		defer l.mu.Unlock()
		if l.count != 0 || l.bytes != 0 || l.stop != nil {
			t.Errorf("%d events left, and nobody sweeps: %t", l.count, l.stop == nil)
		}
	})
}

func TestOneClaimsASession(t *testing.T) {
	l := New(roomy, after)
	defer l.Close()
	for range 100 {
		l.Save(adapter.Session{PID: "p"})
		claims := make(chan bool, 8)
		var all sync.WaitGroup
		for range cap(claims) {
			all.Go(func() {
				_, found, _ := l.Claim(context.Background(), "p")
				claims <- found
			})
		}
		all.Wait()
		close(claims)
		won := 0
		for found := range claims {
			if found {
				won++
			}
		}
		if won != 1 {
			t.Fatalf("%d claimed it", won)
		}
	}
}

// TestReplayIsAtomic: what is replayed and what is delivered after join are together
// everything, once.
func TestReplayIsAtomic(t *testing.T) {
	l := New(Limits{Age: time.Minute, Bytes: 1 << 20, Events: 300}, after)
	defer l.Close()
	begin := newest(l)
	var got []string // under the log's lock from join on
	joined := false
	done := make(chan struct{})
	go func() {
		defer close(done)
		for i := range 250 {
			l.Append(event(fmt.Sprint(i)), func(string) func() {
				if joined {
					got = append(got, fmt.Sprint(i))
				}
				return nil
			})
			if rand.IntN(10) == 0 {
				time.Sleep(10 * time.Microsecond)
			}
		}
	}()
	time.Sleep(time.Duration(rand.IntN(200)) * time.Microsecond)
	var replay []string
	err := l.Replay(context.Background(), adapter.Session{ID: "id"}, begin, func(e adapter.Event, _ string) error {
		replay = append(replay, string(e.Data))
		return nil
	}, func() { joined = true })
	<-done
	if err != nil {
		t.Fatal(err)
	}
	all := append(replay, got...)
	want := make([]string, 250)
	for i := range want {
		want[i] = fmt.Sprint(i)
	}
	if !slices.Equal(all, want) {
		t.Fatalf("%d replayed, %d delivered: %v", len(replay), len(got), all)
	}
}

func FuzzOffset(f *testing.F) {
	l := New(roomy, after)
	at := add(l, event("a"))
	for _, s := range []string{"", at, at + "0", l.epoch, l.epoch + "-1", l.epoch + "zzzzzzzzzzzzzzzz", "a.b"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, offset string) {
		if seq, ok := l.position(offset); ok && l.offset(seq) != offset {
			t.Fatalf("%q is taken for %d", offset, seq)
		}
		_, err := missed(l, offset)
		if known := offset == at || offset == l.offset(0); (err == nil) != known {
			t.Fatalf("%q: %v", offset, err)
		}
	})
}
