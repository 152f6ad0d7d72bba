package redis

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"parley/adapters/redisconn/redistest"

	"parley/namespaces/documents"
	"parley/namespaces/documents/documentstest"
	"parley/namespaces/documents/ot"
	"parley/namespaces/notifications"
	"parley/namespaces/notifications/notificationstest"
)

func TestDocumentsOfOneNode(t *testing.T) {
	t.Parallel()
	client := redistest.Start(t).Limited(t)
	n := 0
	documentstest.Run(t, func(t *testing.T, opts *documents.Options) documents.Store {
		n++
		return open(t, client, &Options{Prefix: fmt.Sprint("parley:", n)}).Documents(opts)
	})
}

// TestStoresOnARedisCluster tries that the keys of each script are in one slot, and that scripts are loaded wherever they are used.
func TestStoresOnARedisCluster(t *testing.T) {
	t.Parallel()
	cluster := redistest.StartCluster(t, 3)
	n := 0
	db := func(t *testing.T) *DB {
		n++
		return open(t, cluster.Client(t), &Options{Prefix: fmt.Sprint("p", n)})
	}
	documentstest.Run(t, func(t *testing.T, opts *documents.Options) documents.Store { return db(t).Documents(opts) })
	notificationstest.Run(t, func(t *testing.T, opts *notifications.Options) notifications.Store {
		return db(t).Notifications(opts)
	})
}

func TestDocumentsAreBounded(t *testing.T) {
	t.Parallel()
	store := open(t, connect(t, redistest.Start(t)), nil).Documents(&documents.Options{Kept: 3, Documents: 2, Operations: 5})
	at, text := 0, "x"
	submit := func(id string, version int) (documents.Change, error) {
		d := documents.Draft{Operation: ot.Operation{Type: ot.Insert, Position: &at, Text: &text}, Version: &version}
		return store.Submit(t.Context(), id, d, func(documents.Change) {})
	}
	for version := range 12 { // of copies of which no more than two are in memory
		for _, id := range []string{"a", "b", "c"} {
			if c, err := submit(id, version); err != nil || c.Version != version+1 {
				t.Fatalf("%s: %+v, %v", id, c, err)
			}
		}
	}
	for _, version := range []int{7, 12} {
		if _, err := submit("a", version); err != nil {
			t.Errorf("from version %d: %v", version, err)
		}
	}
	if _, err := submit("a", 8); !errors.Is(err, ot.ErrStale) {
		t.Error(err)
	}
	var limit *documents.LimitError
	if _, err := submit("d", 0); !errors.As(err, &limit) || limit.Max != 3 {
		t.Error(err)
	}
	if s, err := store.Snapshot(t.Context(), "a"); err != nil || s.Version != 14 || s.Content != strings.Repeat("x", 14) {
		t.Errorf("%+v, %v", s, err)
	}
	if n := len(store.(*documentStore).copies); n > 2 {
		t.Errorf("%d copies", n)
	}
}
