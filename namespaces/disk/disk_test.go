package disk

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"

	"github.com/go-json-experiment/json/jsontext"

	"parley/namespaces/chat"
	"parley/namespaces/documents"
	"parley/namespaces/documents/ot"
	"parley/namespaces/identity"
	"parley/namespaces/notifications"
)

var ann = chat.User{UserID: "u1", Username: "Ann"}

func open(t *testing.T, name string, opts *Options) *File {
	t.Helper()
	f, err := Open(name, opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	return f
}

func enter(t *testing.T, s chat.Store, room, socket string) chat.Entered {
	t.Helper()
	e, err := s.Enter(t.Context(), room, socket, ann, func(chat.Entered) {})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func say(t *testing.T, s chat.Store, room, content, clientID string) chat.Message {
	t.Helper()
	m, err := s.Append(t.Context(), room, chat.Draft{From: ann, Content: content, ClientID: clientID}, func(chat.Message) {})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func contents(messages []chat.Message) string {
	var list []string
	for _, m := range messages {
		list = append(list, m.Content)
	}
	return strings.Join(list, " ")
}

func TestChatIsThereAfterARestart(t *testing.T) {
	name := filepath.Join(t.TempDir(), "data")
	f := open(t, name, nil)
	s := chat.NewMemory(&chat.Options{Keeper: f.Chat(), History: 3})
	enter(t, s, "r", "s1")
	for i := range 5 {
		say(t, s, "r", fmt.Sprint(i), fmt.Sprint("c", i))
	}
	made, err := s.Create(t.Context(), "Tea", ann)
	if err != nil {
		t.Fatal(err)
	}
	doomed, err := s.Create(t.Context(), "Doomed", ann)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}

	f = open(t, name, nil)
	s = chat.NewMemory(&chat.Options{Keeper: f.Chat(), History: 3, RoomsPerUser: 2})
	rooms, more, err := s.Rooms(t.Context(), 10)
	if err != nil || more || len(rooms) != 3 {
		t.Fatalf("%v %v %v", rooms, more, err)
	}
	var limit *chat.LimitError
	if _, err := s.Create(t.Context(), "One more", ann); !errors.As(err, &limit) {
		t.Errorf("a third room of two: %v", err)
	}
	if err := s.Delete(t.Context(), doomed.ID, "u2", func([]string) {}); !errors.Is(err, chat.ErrNotCreator) {
		t.Error(err)
	}
	if err := s.Delete(t.Context(), doomed.ID, "u1", func([]string) {}); err != nil {
		t.Error(err)
	}
	if err := s.Delete(t.Context(), doomed.ID, "u1", func([]string) {}); !errors.Is(err, chat.ErrNoRoom) {
		t.Error(err)
	}
	if e := enter(t, s, made.ID, "s2"); e.Room.Name != "Tea" || e.Room.CreatedAt != made.CreatedAt {
		t.Errorf("%+v", e.Room)
	}
	e := enter(t, s, "r", "s2")
	if got := contents(e.Messages); got != "2 3 4" {
		t.Errorf("history %q", got)
	}
	if again := say(t, s, "r", "4", "c4"); again != e.Messages[2] {
		t.Errorf("sent again it is %+v, not %+v", again, e.Messages[2])
	}
	if m := say(t, s, "r", "5", ""); m.ID <= e.Messages[2].ID {
		t.Error("an id that is not behind those of before")
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	f = open(t, name, nil)
	kept, err := f.Chat().Load("r")
	if err != nil || contents(kept.Messages) != "3 4 5" {
		t.Errorf("kept %+v %v", kept, err)
	}
	if kept, err := f.Chat().Load(doomed.ID); kept != nil || err != nil {
		t.Errorf("the deleted room: %+v %v", kept, err)
	}
}

func TestRoomsMakeWayInMemoryAndStayOnDisk(t *testing.T) {
	f := open(t, filepath.Join(t.TempDir(), "data"), &Options{Rooms: 5})
	s := chat.NewMemory(&chat.Options{Keeper: f.Chat(), Rooms: 2})
	for i := range 5 {
		room := fmt.Sprint("r", i)
		enter(t, s, room, "s1")
		say(t, s, room, room, "")
		if err := s.Leave(t.Context(), room, "s1", func(chat.User) {}); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 5 {
		room := fmt.Sprint("r", i)
		if e := enter(t, s, room, "s1"); contents(e.Messages) != room {
			t.Errorf("%s has %q", room, contents(e.Messages))
		}
		if err := s.Leave(t.Context(), room, "s1", func(chat.User) {}); err != nil {
			t.Fatal(err)
		}
	}
	if rooms, more, err := s.Rooms(t.Context(), 10); err != nil || more || len(rooms) != 5 {
		t.Errorf("%v %v %v", rooms, more, err)
	}
	if rooms, more, err := s.Rooms(t.Context(), 3); err != nil || !more || len(rooms) != 3 {
		t.Errorf("%v %v %v", rooms, more, err)
	}
	enter(t, s, "r5", "s1")
	_, err := s.Append(t.Context(), "r5", chat.Draft{From: ann, Content: "x"}, func(chat.Message) { t.Error("published") })
	var limit *chat.LimitError
	if !errors.As(err, &limit) || limit.Max != 5 {
		t.Errorf("a sixth of five rooms: %v", err)
	}
}

// What is published is on disk by then, in the order of the room, and waits in company.
func TestManyWritersShareCommits(t *testing.T) {
	f := open(t, filepath.Join(t.TempDir(), "data"), nil)
	s := chat.NewMemory(&chat.Options{Keeper: f.Chat(), History: 1000})
	const rooms, writers, each = 5, 10, 10
	var published [rooms][]chat.Message
	var all sync.WaitGroup
	for r := range rooms {
		room := fmt.Sprint("r", r)
		enter(t, s, room, "s1")
		for w := range writers {
			all.Go(func() {
				for i := range each {
					d := chat.Draft{From: ann, Content: "x", ClientID: fmt.Sprint(w/2, i)} // two writers say the same
					if _, err := s.Append(context.Background(), room, d, func(m chat.Message) { published[r] = append(published[r], m) }); err != nil {
						t.Error(err)
					}
				}
			})
		}
	}
	all.Wait()
	for r := range rooms {
		kept, err := f.Chat().Load(fmt.Sprint("r", r))
		if err != nil || len(kept.Messages) != writers*each/2 || !reflect.DeepEqual(kept.Messages, published[r]) {
			t.Errorf("room %d: %d published, %d kept, %v", r, len(published[r]), len(kept.Messages), err)
		}
	}
}

func TestDocumentsAreThereAfterARestart(t *testing.T) {
	name := filepath.Join(t.TempDir(), "data")
	opts := documents.Options{Operations: 30}
	rnd := rand.New(rand.NewPCG(1, 2))
	var last documents.Snapshot
	var f *File
	for range 5 {
		f = open(t, name, nil)
		opts.Keeper = f.Documents()
		s := documents.NewMemory(&opts)
		ctx := t.Context()
		if err := s.Enter(ctx, "doc-1", "s1", identity.User{UserID: "u1"}, func(snapshot documents.Snapshot, _ bool) {
			if last.Version > 0 && (snapshot.Content != last.Content || snapshot.Version != last.Version) {
				t.Fatalf("%+v became %+v", last, snapshot)
			}
			last = snapshot
		}); err != nil {
			t.Fatal(err)
		}
		if last.Version > 30 { // the operations are there too
			old := last.Version - 30
			zero, text := 0, "é"
			d := documents.Draft{Operation: ot.Operation{Type: ot.Insert, Position: &zero, Text: &text}, Version: &old}
			if _, err := s.Submit(ctx, "doc-1", d, func(documents.Change) {}); err != nil {
				t.Error(err)
			}
			old--
			if _, err := s.Submit(ctx, "doc-1", d, func(documents.Change) {}); !errors.Is(err, ot.ErrStale) {
				t.Error(err)
			}
		}
		for range 7 + rnd.IntN(60) {
			zero, text := 0, "ab😀"
			d := documents.Draft{Operation: ot.Operation{Type: ot.Insert, Position: &zero, Text: &text}}
			if rnd.IntN(2) == 0 {
				d.Operation = ot.Operation{Type: ot.Delete, From: &zero, To: &zero}
			}
			if _, err := s.Submit(ctx, "doc-1", d, func(documents.Change) {}); err != nil {
				t.Fatal(err)
			}
		}
		var err error
		if last, err = s.Snapshot(ctx, "doc-1"); err != nil {
			t.Fatal(err)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestSecondProcessIsRefused(t *testing.T) {
	name := filepath.Join(t.TempDir(), "data")
	open(t, name, nil)
	if _, err := Open(name, nil); !errors.Is(err, ErrInUse) || !strings.Contains(err.Error(), name) {
		t.Errorf("%v", err)
	}
}

func TestClosedFileTakesNothing(t *testing.T) {
	f := open(t, filepath.Join(t.TempDir(), "data"), nil)
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if err := f.Chat().Make(chat.KeptRoom{ID: "r"}); !errors.Is(err, ErrClosed) {
		t.Error(err)
	}
}

// filled returns a file with something in it, and what a chat loads from it.
func filled(t *testing.T) (content []byte, rooms map[string]*chat.KeptRoom, users notifications.Kept) {
	t.Helper()
	name := filepath.Join(t.TempDir(), "data")
	f := open(t, name, nil)
	s := chat.NewMemory(&chat.Options{Keeper: f.Chat()})
	rooms = make(map[string]*chat.KeptRoom)
	for i := range 20 {
		room := fmt.Sprint("room", i)
		enter(t, s, room, "s1")
		for j := range 6 {
			say(t, s, room, strings.Repeat("text ", 20), fmt.Sprint(j))
		}
	}
	for i := range 20 {
		room := fmt.Sprint("room", i)
		var err error
		if rooms[room], err = f.Chat().Load(room); err != nil {
			t.Fatal(err)
		}
	}
	n := notifications.NewMemory(&notifications.Options{Keeper: f.Notifications()})
	for i := range 100 {
		c := notifications.Content{Type: notifications.Like, Data: jsontext.Value(fmt.Sprintf(`{"text":%q}`, strings.Repeat("text ", 20)))}
		if err := n.Add(context.Background(), []string{fmt.Sprint("u", i%7)}, c, told); err != nil {
			t.Fatal(err)
		}
	}
	users, err := f.Notifications().Load()
	if err != nil {
		t.Fatal(err)
	}
	// A commit without news: the other of the two heads of the file, to which it
	// goes back when the newest is bad, says the same.
	if err := f.Chat().Append("room0", nil, []string{"none"}); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	content, err = os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return content, rooms, users
}

func TestDamagedFileIsRefused(t *testing.T) {
	content, rooms, users := filled(t)
	dir := t.TempDir()
	rnd := rand.New(rand.NewPCG(3, 4))
	tried, refused := 0, 0
	try := func(what string, damaged []byte, must bool) {
		t.Helper()
		tried++
		name := filepath.Join(dir, fmt.Sprint(tried))
		if err := os.WriteFile(name, damaged, 0o600); err != nil {
			t.Fatal(err)
		}
		f, err := Open(name, nil)
		if err != nil {
			refused++
			if !errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), name) {
				t.Errorf("%s: %v", what, err)
			}
			if after, err := os.ReadFile(name); err != nil || string(after) != string(damaged) {
				t.Errorf("%s: the file was changed (%v)", what, err)
			}
			return
		}
		defer f.Close()
		if must {
			t.Errorf("%s: not refused", what)
		}
		for room, want := range rooms {
			if got, err := f.Chat().Load(room); err != nil || !reflect.DeepEqual(got, want) {
				t.Errorf("%s: %s is %+v (%v)", what, room, got, err)
			}
		}
		if got, err := f.Notifications().Load(); err != nil || !reflect.DeepEqual(got, users) {
			t.Errorf("%s: notifications are %+v (%v)", what, got, err)
		}
	}
	try("emptied", nil, true)
	try("another file", []byte(strings.Repeat("not a database\n", 5000)), true)
	for range 40 {
		n := rnd.IntN(len(content))
		try(fmt.Sprint("cut at ", n), content[:n], n < len(content)/2)
	}
	for range 200 {
		damaged := append([]byte(nil), content...)
		at := rnd.IntN(len(damaged))
		for i := range 1 + rnd.IntN(64) {
			damaged[min(at+i, len(damaged)-1)] ^= byte(1 + rnd.IntN(255))
		}
		try(fmt.Sprint("garbled at ", at), damaged, false)
	}
	if refused < 60 {
		t.Errorf("only %d were refused", refused)
	}
}
