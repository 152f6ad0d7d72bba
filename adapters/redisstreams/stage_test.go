package redisstreams_test

import (
	"context"
	"encoding/json"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"parley/adapters/redisstreams"
	"parley/server/socketio"
	"parley/server/socketiotest"
)

const patience = 15 * time.Second

// A site is one server of a test.
type site struct {
	*testing.T
	cluster *redisstreams.Cluster
	server  *socketio.Server
	ns      *socketio.Namespace
	missed  atomic.Int64
	sent    atomic.Int64 // to its sockets
}

// sites starts servers whose namespace /stage has recovery, and waits until Redis has them.
func sites(t *testing.T, n int, client redis.UniversalClient, opts *redisstreams.Options, recovery socketio.Recovery) []*site {
	t.Helper()
	all := begin(t, n, client, opts, recovery)
	for _, s := range all {
		s.synced()
	}
	return all
}

func begin(t *testing.T, n int, client redis.UniversalClient, opts *redisstreams.Options, recovery socketio.Recovery) (all []*site) {
	t.Helper()
	for range n {
		s := &site{T: t}
		var err error
		if s.cluster, err = redisstreams.New(client, opts); err != nil {
			t.Fatal(err)
		}
		s.server = socketio.New(&socketio.Options{Adapter: s.cluster.Adapter, Logger: opts.Logger})
		s.ns = s.server.Of("/stage")
		s.ns.EnableRecovery(recovery)
		s.ns.OnMissed(func(context.Context) { s.missed.Add(1) })
		s.ns.OnAnyOutgoing(func(*socketio.Socket, socketio.Event) { s.sent.Add(1) })
		t.Cleanup(func() {
			ctx, cancel := context.WithTimeout(context.Background(), patience)
			defer cancel()
			if err := s.server.Shutdown(ctx); err != nil {
				t.Errorf("Shutdown: %v", err)
			}
			if err := s.cluster.Close(ctx); err != nil {
				t.Logf("Close: %v", err) // Redis may be away
			}
		})
		all = append(all, s)
	}
	return all
}

func (s *site) within() context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	s.Cleanup(cancel)
	return ctx
}

// synced waits until all that there is has come.
func (s *site) synced() {
	s.Helper()
	if err := s.cluster.Sync(s.within(), "/stage"); err != nil {
		s.Fatal("Sync:", err)
	}
}

func (s *site) dial(state socketiotest.State) *socketiotest.Client {
	s.Helper()
	c, err := socketiotest.Dial(s.within(), s.server, "/stage", &socketiotest.Options{Auth: state})
	if err != nil {
		s.Fatal(err)
	}
	return c
}

// cut ends a client's connection and waits until its session is saved, if it may be.
func (s *site) cut(c *socketiotest.Client) socketiotest.State {
	s.Helper()
	state := c.State()
	here := len(s.ns.Sockets())
	c.Abort()
	s.until("the server has noticed", func() bool { return len(s.ns.Sockets()) == here-1 })
	return state
}

func (s *site) until(what string, ok func() bool) {
	s.Helper()
	for end := time.Now().Add(patience); !ok(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(end) {
			s.Fatalf("%s: not so after %v", what, patience)
		}
	}
}

func (s *site) emit(numbers ...int) {
	s.Helper()
	for _, n := range numbers {
		if err := s.ns.Emit("e", n); err != nil {
			s.Fatal(err)
		}
	}
}

// hears checks the next events of a client.
func (s *site) hears(c *socketiotest.Client, want ...int) {
	s.Helper()
	for _, n := range want {
		if got := s.next(c); got != n {
			s.Fatalf("got event %d, want %d", got, n)
		}
	}
}

func (s *site) next(c *socketiotest.Client) (n int) {
	s.Helper()
	e, err := c.Next(s.within())
	if err == nil {
		err = json.Unmarshal(e.Args[0], &n)
	}
	if err != nil {
		s.Fatal(err)
	}
	return n
}

// recovers checks whether a client gets its state back.
func (s *site) recovers(state socketiotest.State, want bool) *socketiotest.Client {
	s.Helper()
	c := s.dial(state)
	if got := c.State().PID == state.PID; got != want {
		s.Fatalf("recovered: %t, want %t", got, want)
	}
	return c
}
