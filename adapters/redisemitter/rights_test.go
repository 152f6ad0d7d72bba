package redisemitter_test

import (
	"context"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"

	"parley/adapters/redisconn"
	"parley/adapters/redisconn/redistest"
	"parley/adapters/redisemitter"
	"parley/adapters/redispubsub"
	"parley/adapters/redisstreams"
	"parley/server/adapter"
	"parley/server/socketio"
	"parley/server/socketiotest"
)

// rightsOfReadme returns what the README gives to a user of Redis.
func rightsOfReadme(t *testing.T) []any {
	t.Helper()
	text, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	line := regexp.MustCompile(`(?m)^    ACL SETUSER parley (.*)$`).FindSubmatch(text)
	if line == nil {
		t.Fatal("the README has no line ACL SETUSER")
	}
	var rights []any
	for _, word := range strings.Fields(string(line[1])) {
		rights = append(rights, word)
	}
	return rights
}

// TestRightsOfTheReadmeAreEnough for adapters and emitters with the default options.
func TestRightsOfTheReadmeAreEnough(t *testing.T) {
	type cluster interface {
		redisemitter.Publisher
		Adapter(adapter.Local) (adapter.Adapter, error)
		Sync(ctx context.Context, namespace string, rooms ...string) error
		Health() redisconn.Health
		Close(context.Context) error
	}
	rights := rightsOfReadme(t)
	for name, begin := range map[string]func(redis.UniversalClient) (cluster, error){
		"classic": func(c redis.UniversalClient) (cluster, error) { return redispubsub.New(c, nil) },
		"sharded": func(c redis.UniversalClient) (cluster, error) {
			return redispubsub.New(c, &redispubsub.Options{Wire: redispubsub.Sharded})
		},
		"streams": func(c redis.UniversalClient) (cluster, error) { return redisstreams.New(c, nil) },
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(context.Background(), patience)
			defer cancel()
			server := redistest.Start(t)
			admin := server.Client(t)
			if err := admin.Do(ctx, append([]any{"ACL", "SETUSER", "parley"}, rights...)...).Err(); err != nil {
				t.Fatal(err)
			}
			client := redis.NewClient(&redis.Options{Addr: server.Addr, Username: "parley", Password: "password"})
			t.Cleanup(func() { _ = client.Close() })
			served, err := begin(client)
			closing(t, served, err)
			emitting, err := begin(client)
			io := redisemitter.New(closing(t, emitting, err))
			srv := socketio.New(&socketio.Options{Adapter: served.Adapter})
			t.Cleanup(func() { _ = srv.Shutdown(context.Background()) })
			c := socketiotest.Connect(t, srv, "/", nil)
			if err := served.Sync(ctx, "/"); err != nil {
				t.Error(err)
			}
			if err := io.To(c.ID()).Emit(ctx, "e"); err != nil {
				t.Fatal(err)
			}
			c.Expect("e")
			if _, err := srv.Of("/").To().FetchSockets(ctx); err != nil {
				t.Error(err)
			}
			if h := served.Health(); !h.OK() {
				t.Errorf("not well: %v", h.Err)
			}
			if refused := admin.Do(ctx, "ACL", "LOG").Val(); len(refused.([]any)) > 0 {
				t.Errorf("refused: %v", refused)
			}
		})
	}
}
