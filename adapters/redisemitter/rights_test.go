package redisemitter_test

import (
	"context"
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

// TestRightsOfTheReadmeAreEnough for adapters and emitters with the default options.
func TestRightsOfTheReadmeAreEnough(t *testing.T) {
	type cluster interface {
		redisemitter.Publisher
		Adapter(adapter.Local) (adapter.Adapter, error)
		Sync(ctx context.Context, namespace string, rooms ...string) error
		Health() redisconn.Health
		Close(context.Context) error
	}
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
			client := redistest.Start(t).Limited(t)
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
		})
	}
}
