package redisstreams_test

import (
	"context"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"parley/adapters/redisconn/redistest"
	"parley/server/socketio"
	"parley/server/socketiotest"
)

// TestReadingFollowsAFailover though the old master goes on: only what is written to finds the new one.
func TestReadingFollowsAFailover(t *testing.T) {
	t.Parallel()
	old, successor := redistest.Start(t), redistest.Start(t)
	var master atomic.Pointer[string]
	master.Store(&old.Addr)
	client := redis.NewClient(&redis.Options{Dialer: func(ctx context.Context, network, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, *master.Load())
	}})
	defer client.Close()
	opts := options()
	opts.Block = 100 * time.Millisecond
	s := sites(t, 2, client, opts, socketio.Recovery{})
	a, b := s[0].dial(socketiotest.State{}), s[1].dial(socketiotest.State{})
	s[0].emit(1)
	s[0].hears(a, 1)
	s[1].hears(b, 1)

	master.Store(&successor.Addr)
	cutWriters(t, old.Client(t))
	s[0].emit(2) // which nobody reads where it is not
	s[0].hears(a, 2)
	for _, s := range s {
		s.until("something is lost, and that is told", func() bool { return s.missed.Load() > 0 })
		s.synced()
	}
	s[0].emit(3)
	s[0].hears(a, 3)
	s[1].hears(b, 2, 3)
}

// cutWriters ends all connections of a server but those that wait for entries.
func cutWriters(t *testing.T, server *redis.Client) {
	t.Helper()
	list, err := server.ClientList(t.Context()).Result()
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(list) {
		fields := make(map[string]string)
		for field := range strings.FieldsSeq(line) {
			name, value, _ := strings.Cut(field, "=")
			fields[name] = value
		}
		if fields["cmd"] != "xread" && !strings.HasPrefix(fields["cmd"], "client") {
			_ = server.ClientKillByFilter(t.Context(), "ID", fields["id"]).Err() // it may have gone by itself
		}
	}
}
