package e2e

import (
	"context"
	"flag"
	"net/http/httptest"
	"strconv"
	"testing"
	"time"

	"parley/namespaces/documents"
	"parley/namespaces/identity"
	"parley/server/socketio"
)

var operations = flag.Int("operations", 10_000, "how many operations the editors of a document make")

// TestEditorsInJavaScriptConverge: their copies, made with nothing but slice, are the server's text in the end.
func TestEditorsInJavaScriptConverge(t *testing.T) {
	io := socketio.New(nil)
	store := documents.NewMemory(nil)
	documents.Mount(io, identity.NewGate(nil), &documents.Options{Store: store, Recovery: time.Minute})
	ts := httptest.NewServer(io)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := io.Shutdown(ctx); err != nil {
			t.Errorf("Shutdown: %v", err)
		}
		ts.Close()
	})

	node := startScript(t, "documents.mjs", task{"urls": []string{ts.URL + "/documents"}, "editors": 10, "operations": *operations, "seed": 1}.json())
	var outcome struct {
		Version, Recovered, Fresh, Stale int
		Trouble                          []string
		Copies                           []string
	}
	node.next(&outcome, 2*time.Minute)
	if outcome.Recovered == 0 || outcome.Fresh <= 10 || outcome.Stale == 0 {
		t.Errorf("%d clients recovered, %d began, %d were too far behind", outcome.Recovered, outcome.Fresh, outcome.Stale)
	}
	// What a client has sent without asking for an answer may still be on its way.
	last := outcome.Version
	for quiet := 0; quiet < 20; quiet++ {
		s, err := store.Snapshot(t.Context(), "shared")
		if err != nil {
			t.Fatal(err)
		}
		if s.Version != last {
			last, quiet = s.Version, 0
		}
		time.Sleep(10 * time.Millisecond)
	}
	node.tell(strconv.Itoa(last))
	node.next(&outcome, time.Minute)
	s, err := store.Snapshot(t.Context(), "shared")
	if err != nil || s.Version != last {
		t.Fatalf("version %d after %d (%v)", s.Version, last, err)
	}
	for i, text := range outcome.Copies {
		if text != s.Content {
			t.Errorf("editor %d has %q, the server %q", i, text, s.Content)
		}
	}
	for _, what := range outcome.Trouble {
		t.Error(what)
	}
	t.Logf("%d versions; %d recoveries, %d fresh starts, %d stale", last, outcome.Recovered, outcome.Fresh, outcome.Stale)
}
