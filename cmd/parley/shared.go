package main

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"

	"parley/adapters/redisconn"
	"parley/adapters/redispubsub"
	"parley/adapters/redisstreams"
	"parley/namespaces/chat"
	"parley/namespaces/disk"
	"parley/namespaces/documents"
	"parley/namespaces/identity"
	"parley/namespaces/limits"
	"parley/namespaces/notifications"
	"parley/namespaces/plain"
	store "parley/namespaces/redis"
	"parley/server/adapter"
	"parley/server/socketio"
)

// silence is for what the client of Redis prints besides the errors that it returns.
type silence struct{}

func (silence) Printf(context.Context, string, ...any) {}

func init() { redis.SetLogger(silence{}) }

// shared is what a node has in common with others through Redis. The methods of nil say that it is alone.
type shared struct {
	client redis.UniversalClient
	peers  peers
	db     *store.DB
	watch  *redisWatch
	sweep  atomic.Pointer[identity.Gate]   // whose sockets a revocation may end; nil until there is one
	known  atomic.Bool                     // which tokens are revoked
	main   atomic.Pointer[adapter.Adapter] // of the namespace /
}

// peers connects the namespaces of all nodes.
type peers interface {
	Adapter(local adapter.Local) (adapter.Adapter, error)
	Sync(ctx context.Context, namespace string, rooms ...string) error
	Flush(ctx context.Context, namespace string, rooms ...string) error
	Lost(ctx context.Context, namespace string) error
	Health() redisconn.Health
	Close(ctx context.Context) error
}

// openShared returns nil where there is no --redis-url. It does not wait for Redis.
func openShared(c *config, log *slog.Logger) (*shared, error) {
	if c.redis.url == nil {
		return nil, nil
	}
	client := redis.NewUniversalClient(c.redis.url)
	s := &shared{client: client}
	var err error
	if s.peers, err = newPeers(&c.redis, client, log); err == nil {
		s.db, err = store.Open(client, &store.Options{
			Prefix: c.redis.own(), Sync: s.peers.Sync, Flush: s.peers.Flush, Lost: s.peers.Lost,
			Secret: c.redis.derived("messages of /ws"), Logger: log,
		})
	}
	if err != nil {
		s.close(log)
		return nil, err
	}
	s.watch = watchRedis(s, c.redis.own(), log)
	log.Info("state is shared", "redis", c.redis.url.Addrs, "adapter", c.redis.adapter)
	return s, nil
}

// newPeers names things in Redis as Node's adapters do where there is no prefix.
func newPeers(r *redisConfig, client redis.UniversalClient, log *slog.Logger) (peers, error) {
	var secret []byte // nil: messages are not signed
	if r.secret != "" {
		secret = []byte(r.secret)
	}
	conn := &redisconn.Options{ProbePrefix: r.own() + ":probe", Logger: log}
	if r.adapter == "streams" {
		o := &redisstreams.Options{StreamName: r.prefix, ChannelPrefix: r.prefix, Secret: secret, Conn: conn, Logger: log}
		if r.prefix != "" {
			o.SessionKeyPrefix = r.prefix + ":session:"
		}
		return redisstreams.New(client, o)
	}
	wire := redispubsub.Classic
	if r.adapter == "sharded" {
		wire = redispubsub.Sharded
	}
	return redispubsub.New(client, &redispubsub.Options{Wire: wire, Key: r.prefix, Secret: secret, Conn: conn})
}

// configure ties a server to those of the other nodes.
func (s *shared) configure(o *socketio.Options) {
	if s == nil {
		return
	}
	o.Adapter = func(local adapter.Local) (adapter.Adapter, error) {
		a, err := s.peers.Adapter(local)
		if err == nil && local.Namespace() == "/" {
			s.main.Store(&a)
		}
		return a, err
	}
}

func (s *shared) chat(o *chat.Options) *chat.Options {
	if s != nil {
		o.Store = s.db.Chat(o)
	}
	return o
}

func (s *shared) documents(o *documents.Options) *documents.Options {
	if s != nil {
		o.Store = s.db.Documents(o)
	}
	return o
}

func (s *shared) notifications(o *notifications.Options) *notifications.Options {
	if s != nil {
		o.Store = s.db.Notifications(o)
	}
	return o
}

func (s *shared) plain(o *plain.Options) *plain.Options {
	if s != nil {
		o.Bus = s.db.Bus()
	}
	return o
}

// ready reports whether Redis takes and gives what clients do.
func (s *shared) ready() bool {
	return s == nil || s.watch.up() && s.peers.Health().OK() && s.db.Health() == nil
}

// close is for the end, when nothing is served any more: the adapters say what they still have to say, then the stores.
func (s *shared) close(log *slog.Logger) {
	if s == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), closeGrace)
	defer cancel()
	if s.watch != nil {
		s.watch.stop()
	}
	if s.peers != nil {
		if err := s.peers.Close(ctx); err != nil {
			log.Warn("left the other nodes without a word", "error", err)
		}
	}
	if s.db != nil {
		if err := s.db.Close(ctx); err != nil {
			log.Warn("others find out by themselves that this node has gone", "error", err)
		}
	}
	if err := s.client.Close(); err != nil {
		log.Debug("connections to Redis cut", "error", err)
	}
}

// rate is a limit over all nodes.
func (s *shared) rate(name string, most int, span time.Duration) limits.Rate {
	if s == nil {
		return limits.NewWindow(most, span)
	}
	return s.db.Rate(most, span, name)
}

// revocations returns the deny list that is kept, or shared, or neither.
func revocations(data *disk.File, s *shared) (*identity.Revocations, error) {
	if s == nil {
		return data.Revocations()
	}
	return s.db.Revocations(func() {
		if gate := s.sweep.Load(); gate != nil {
			gate.Sweep()
		}
	}), nil
}

// guarded serves nobody before it is known which tokens are revoked.
func (s *shared) guarded(h http.Handler) http.Handler {
	if s == nil {
		return h
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if gate := s.sweep.Load(); !s.known.Load() && gate != nil && !gate.Open() {
			if s.db.Health() != nil {
				answer(w, http.StatusServiceUnavailable, "not ready\n")
				return
			}
			s.known.Store(true)
		}
		h.ServeHTTP(w, r)
	})
}

// admits names the gate through which clients come.
func (s *shared) admits(gate *identity.Gate) {
	if s != nil {
		s.sweep.Store(gate)
	}
}

// forwarding lets nodes pass requests on to each other.
func (s *shared) forwarding(c *config, clients net.Addr, log *slog.Logger) (*forwarding, error) {
	if s == nil {
		return nil, nil
	}
	return openForwarding(c, s.client, c.redis.url.Addrs, clients, log)
}
