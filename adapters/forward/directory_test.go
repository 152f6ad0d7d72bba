package forward

import (
	"context"
	"log/slog"
	"net/http"
	"testing"
	"time"

	"parley/adapters/redisconn/redistest"
)

func greet(w http.ResponseWriter, _ *http.Request) {}

// TestANewServerIsFoundAtOnce: a client's second request may come before anybody has looked into the directory again.
func TestANewServerIsFoundAtOnce(t *testing.T) {
	client := redistest.Start(t).Client(t)
	door := start(t, client, Options{Lifetime: time.Hour, LookupTimeout: patience}, nobody)
	eventually(t, "the door has looked around", func() bool { return door.Stats().Listed })
	owner := start(t, client, Options{Lifetime: time.Hour}, serving(greet))
	eventually(t, "the owner is listed", func() bool { return owner.Stats().Listed })
	if status, _ := door.get(owner.target()); status != 200 {
		t.Errorf("%d", status)
	}
}

// TestWithoutRedisWhatIsKnownStands, whether it is gone, frozen, or comes back empty.
func TestWithoutRedisWhatIsKnownStands(t *testing.T) {
	t.Parallel()
	db := redistest.Start(t)
	client := db.Client(t)
	opts := Options{Lifetime: time.Second}
	door, owner := start(t, client, opts, nobody), start(t, client, opts, serving(greet))
	works := func(when string) {
		t.Helper()
		if status, _ := door.get(owner.target()); status != 200 {
			t.Errorf("%s: %d", when, status)
		}
		began := time.Now()
		if status, _ := door.get(path("nobody")); status != http.StatusTeapot {
			t.Errorf("%s: %d for nobody", when, status)
		}
		if d := time.Since(began); d > 2*time.Second {
			t.Errorf("%s: nobody after %s", when, d)
		}
	}
	listed := func() bool { return door.Stats().Listed && owner.Stats().Nodes == 1 && door.Stats().Nodes == 1 }
	eventually(t, "both are listed", listed)
	secret := string(door.directory.proof())
	works("with Redis")
	db.Kill()
	time.Sleep(2 * opts.Lifetime) // longer than anything is kept that Redis does not confirm
	works("without Redis")
	db.Restart()
	works("with an empty Redis")
	eventually(t, "Redis has both", func() bool { return client.HLen(t.Context(), "parley:nodes").Val() == 3 })
	if string(door.directory.proof()) != secret || string(owner.directory.proof()) != secret {
		t.Error("the secret has changed")
	}
	works("with Redis again")
	db.Pause()
	works("with a frozen Redis")
	db.Resume()
}

// TestServersThatSayNothingAreForgotten, those that leave at once.
func TestServersThatSayNothingAreForgotten(t *testing.T) {
	t.Parallel()
	client := redistest.Start(t).Client(t)
	door := start(t, client, Options{Lifetime: time.Second}, nobody)
	dead := newDirectory(client, "dead-1", &Options{URL: "http://127.0.0.1:1", Prefix: "parley", Lifetime: time.Second, Logger: slog.New(slog.DiscardHandler)})
	gone := newDirectory(client, "gone-1", &Options{URL: "http://127.0.0.1:1", Prefix: "parley", Lifetime: time.Hour, Logger: slog.New(slog.DiscardHandler)})
	eventually(t, "both are known", func() bool { return door.Stats().Nodes == 2 })
	dead.cancel()
	if err := gone.close(context.Background()); err != nil {
		t.Error(err)
	}
	if has, err := client.HExists(t.Context(), "parley:nodes", "gone-1").Result(); has || err != nil {
		t.Errorf("the one that left is there: %v, %v", has, err)
	}
	eventually(t, "neither is known", func() bool { return door.Stats().Nodes == 0 })
}

// TestATagHasOneServer: the second one is not listed as long as the first lives.
func TestATagHasOneServer(t *testing.T) {
	t.Parallel()
	client := redistest.Start(t).Client(t)
	list := func(url string) *directory {
		return newDirectory(client, "same-1", &Options{URL: url, Prefix: "parley", Lifetime: time.Second, Logger: slog.New(slog.DiscardHandler)})
	}
	listed := func(d *directory) bool { _, is := d.state(); return is }
	first := list("http://127.0.0.1:1")
	eventually(t, "the first is listed", func() bool { return listed(first) })
	second := list("http://127.0.0.1:2")
	eventually(t, "the second has asked", func() bool {
		second.mu.Lock()
		defer second.mu.Unlock()
		return second.ended > 1
	})
	if listed(second) || !listed(first) {
		t.Errorf("listed: the first %t, the second %t", listed(first), listed(second))
	}
	if err := first.close(context.Background()); err != nil {
		t.Error(err)
	}
	eventually(t, "the second is listed", func() bool { return listed(second) })
	if err := second.close(context.Background()); err != nil {
		t.Error(err)
	}
}

// TestTheDirectoryWorksOnRedisCluster: all of it is one key.
func TestTheDirectoryWorksOnRedisCluster(t *testing.T) {
	t.Parallel()
	client := redistest.StartCluster(t, 3).Client(t)
	door, owner := start(t, client, Options{}, nobody), start(t, client, Options{}, serving(greet))
	eventually(t, "the owner is listed", func() bool { return owner.Stats().Listed })
	if status, _ := door.get(owner.target()); status != http.StatusOK {
		t.Errorf("%d", status)
	}
}

// TestOnlyServersWithTheSecretAreKnown: whoever may write to Redis cannot have requests sent to a server of their choice.
func TestOnlyServersWithTheSecretAreKnown(t *testing.T) {
	t.Parallel()
	client := redistest.Start(t).Client(t)
	secret, other := []byte("a secret of 32 bytes and some more"), []byte("another of 32 bytes and some more")
	door, owner := start(t, client, Options{Secret: secret}, nobody), start(t, client, Options{Secret: secret}, serving(greet))
	stranger, open := start(t, client, Options{Secret: other}, serving(greet)), start(t, client, Options{}, serving(greet))
	for _, r := range []*rig{owner, stranger, open} {
		eventually(t, "all are listed", func() bool { return r.Stats().Listed })
	}
	list, err := client.HGetAll(t.Context(), "parley:nodes").Result()
	if err != nil {
		t.Fatal(err)
	}
	forged := map[string]string{"forged": list[open.Tag()], "stolen": list[owner.Tag()], "broken": list[owner.Tag()] + "x"}
	if err := client.HSet(t.Context(), "parley:nodes", forged).Err(); err != nil {
		t.Fatal(err)
	}
	for _, tag := range []string{stranger.Tag(), open.Tag(), "forged", "stolen", "broken"} {
		if status, _ := door.get(path(tag)); status != http.StatusTeapot {
			t.Errorf("%s: %d", tag, status)
		}
	}
	if status, _ := door.get(owner.target()); status != http.StatusOK {
		t.Errorf("the owner: %d", status)
	}
	eventually(t, "one has been passed on", func() bool { s := door.Stats(); return s.Nodes == 1 && s.Forwarded == 1 && s.Failed == 0 })
}
