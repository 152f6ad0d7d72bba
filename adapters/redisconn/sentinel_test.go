package redisconn_test

import (
	"net"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"parley/adapters/redisconn"
	"parley/adapters/redisconn/redistest"
)

func TestSentinelFailsOver(t *testing.T) {
	t.Parallel()
	master, replica := redistest.Start(t), redistest.Start(t)
	host, port, _ := net.SplitHostPort(master.Addr)
	replica.Client(t).Do(t.Context(), "replicaof", host, port)
	replicated := func(s *redistest.Server, text string) bool {
		return strings.Contains(s.Client(t).Info(t.Context(), "replication").Val(), text)
	}
	eventually(t, "replication", func() bool { return replicated(replica, "master_link_status:up") })
	sentinel := redistest.StartSentinel(t, master)
	eventually(t, "the sentinel knows the replica", func() bool {
		return strings.Contains(sentinel.Client(t).Info(t.Context(), "sentinel").Val(), "slaves=1")
	})
	client := redis.NewFailoverClient(&redis.FailoverOptions{MasterName: "master", SentinelAddrs: []string{sentinel.Addr}})
	t.Cleanup(func() { _ = client.Close() })
	opts := quick
	opts.MaxAge = 8 * time.Second
	c := open(t, client, opts)
	l := listen(t, c, redisconn.SubOptions{Channel: "ch"}).ready()
	eventually(t, "healthy", func() bool { return c.Health().OK() })
	master.Kill()
	outcome := make(chan error, 1)
	eventually(t, "the loss is noticed", func() bool { return !c.Health().Subscribed })
	if err := c.Publish("k", func(err error) { outcome <- err }, "rpush", "k", "kept"); err != nil {
		t.Fatal(err)
	}
	if err := <-outcome; err != nil {
		t.Fatal(err)
	}
	if n := replica.Client(t).LLen(t.Context(), "k").Val(); n != 1 {
		t.Fatalf("%d elements", n)
	}
	syncNow(t, c, l.sub)
	publish(t, c, "ch", "publish", "ch", "x")
	syncNow(t, c, l.sub)
	if got, gaps := l.state(); len(got) != 1 || gaps != 2 {
		t.Fatalf("%q, %d gaps", got, gaps)
	}
}
