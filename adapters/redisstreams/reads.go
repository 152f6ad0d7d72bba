package redisstreams

import (
	"context"
	"errors"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"
)

// A readSide is what is read through.
type readSide struct {
	redis.UniversalClient
	own bool // it is not the caller's
}

// newReadSide returns a client with connections of its own, which may be closed while
// they block; of clients of unknown kinds, themselves.
func newReadSide(client redis.UniversalClient) *readSide {
	switch client := client.(type) {
	case *redis.Client:
		o := *client.Options()
		o.ContextTimeoutEnabled, o.MaxRetries = true, -1
		o.PushNotificationProcessor, o.MaintNotificationsConfig = nil, quietConfig
		return &readSide{redis.NewClient(&o), true}
	case *redis.ClusterClient:
		o := *client.Options()
		o.ContextTimeoutEnabled = true
		o.MaintNotificationsConfig = quietConfig
		return &readSide{redis.NewClusterClient(&o), true}
	}
	return &readSide{client, false}
}

// quietConfig leaves out what go-redis does about maintenance: handlers of one client
// cannot be another's too.
var quietConfig = &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}

func (s *readSide) close() error {
	if !s.own {
		return nil
	}
	return s.Close()
}

// reads returns the client to read through.
func (c *Cluster) reads() redis.UniversalClient { return c.side.Load().UniversalClient }

var errAstray = errors.New("redisstreams: read from another server than is written to")

// whereabouts finds out, now and then, whether what is read is what the caller's client writes. After a failover the
// old master may go on for many seconds, and answer, while that client has long been told of the new one.
func (r *reader) whereabouts(ctx context.Context) error {
	if !r.c.side.Load().own || time.Since(r.checked) < r.c.opts.Block {
		return nil
	}
	r.checked = time.Now()
	ctx, cancel := context.WithTimeout(ctx, spare)
	defer cancel()
	for _, s := range r.streams {
		newest, err := r.c.client.XRevRangeN(ctx, s.name, "+", "-", 1).Result()
		if err != nil || len(newest) == 0 {
			continue // that is not known, and reading goes on
		}
		at, ok := parseID(newest[0].ID)
		if !ok || !s.read.before(at) {
			continue
		}
		if there, err := r.c.exists(ctx, s.name, at); err == nil && !there {
			old := r.c.side.Swap(newReadSide(r.c.client))
			return errors.Join(errAstray, old.close())
		}
	}
	return nil
}
