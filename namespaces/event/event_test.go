package event_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"parley/namespaces/event"
	"parley/server/socketio"
)

func codeOf(err error) string {
	var e *socketio.Error
	if errors.As(err, &e) {
		return e.Code
	}
	return ""
}

func TestRoom(t *testing.T) {
	for room, code := range map[string]string{
		"tea": "", "user": "", "users:1": "", "": "invalid", strings.Repeat("x", 11): "invalid", "user:": "forbidden", "user:u1": "forbidden", "socket": "forbidden",
	} {
		err := event.Room("room", room, 10, func(id string) bool { return id == "socket" })
		if codeOf(err) != code {
			t.Errorf("%q: %v", room, err)
		}
	}
}

func TestContentIsCountedAsInJavaScript(t *testing.T) {
	for text, code := range map[string]string{
		"": "invalid", "abcd": "", "abcde": "too_long", "😀😀": "", "😀😀a": "too_long", "한국어다": "", "한국어다다": "too_long",
	} {
		if got := codeOf(event.Content(text, 4)); got != code {
			t.Errorf("%q: %q", text, got)
		}
	}
}

func TestIDsSortByTimeAlsoWhenTheClockGoesBack(t *testing.T) {
	now := time.UnixMilli(1_000_000)
	ids := event.NewIDs(func() time.Time { return now })
	last, at := ids.Next()
	for i := range 1000 {
		now = time.UnixMilli(1_000_000 + int64(i%7) - 3)
		id, stamp := ids.Next()
		if id <= last || stamp < at || len(id) != 24 {
			t.Fatalf("%s %s after %s %s", id, stamp, last, at)
		}
		last, at = id, stamp
	}
	if other, _ := event.NewIDs(time.Now).Next(); !ids.Own(last) || ids.Own(other) {
		t.Errorf("whose are %s and %s?", last, other)
	}
}
