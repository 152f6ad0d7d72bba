package redistest

import (
	"context"
	"net"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

const slots = 16384

// Cluster is a Redis Cluster of masters without replicas. A master that is killed takes its slots with it until Restart; the others go on
// (cluster-require-full-coverage no).
type Cluster struct {
	Masters []*Server // each has an equal run of slots, in this order

	t   testing.TB
	ids []string // the masters' node ids
}

// StartCluster runs a cluster and waits until every master knows it whole.
func StartCluster(t testing.TB, masters int, args ...string) *Cluster {
	t.Helper()
	c := &Cluster{t: t}
	buses := make([]string, masters)
	for i := range masters {
		buses[i] = strconv.Itoa(freePort(t))
		c.Masters = append(c.Masters, Start(t, append([]string{
			"--cluster-enabled", "yes", "--cluster-port", buses[i], "--cluster-node-timeout", "2000",
			"--cluster-require-full-coverage", "no", "--cluster-allow-pubsubshard-when-down", "yes",
		}, args...)...))
	}
	for i, s := range c.Masters {
		first, last := i*slots/masters, (i+1)*slots/masters-1
		c.do(s, "CLUSTER", "SET-CONFIG-EPOCH", i+1)
		c.do(s, "CLUSTER", "ADDSLOTSRANGE", first, last)
		c.ids = append(c.ids, c.do(s, "CLUSTER", "MYID").(string))
		if i > 0 {
			host, port, _ := net.SplitHostPort(s.Addr)
			c.do(c.Masters[0], "CLUSTER", "MEET", host, port, buses[i])
		}
	}
	c.await(func(s *Server) bool {
		info := c.do(s, "CLUSTER", "INFO").(string)
		return strings.Contains(info, "cluster_state:ok") && strings.Contains(info, "cluster_slots_assigned:"+strconv.Itoa(slots)) &&
			strings.Contains(info, "cluster_known_nodes:"+strconv.Itoa(masters))
	})
	return c
}

// Client returns a client of the cluster that is closed when the test ends.
func (c *Cluster) Client(t testing.TB) *redis.ClusterClient {
	t.Helper()
	addrs := make([]string, len(c.Masters))
	for i, s := range c.Masters {
		addrs[i] = s.Addr
	}
	client := redis.NewClusterClient(&redis.ClusterOptions{Addrs: addrs})
	t.Cleanup(func() { _ = client.Close() })
	return client
}

// Slot is the slot of a key or channel.
func (c *Cluster) Slot(key string) int {
	c.t.Helper()
	return int(c.do(c.Masters[0], "CLUSTER", "KEYSLOT", key).(int64))
}

// Owner is the index of the master that has the key's or channel's slot, as the first running master sees it.
func (c *Cluster) Owner(key string) int {
	c.t.Helper()
	slot := c.Slot(key)
	for _, entry := range c.do(c.Masters[0], "CLUSTER", "SLOTS").([]any) {
		e := entry.([]any)
		if int(e[0].(int64)) > slot || slot > int(e[1].(int64)) {
			continue
		}
		id := e[2].([]any)[2].(string)
		for i, have := range c.ids {
			if have == id {
				return i
			}
		}
	}
	c.t.Fatalf("slot %d has no owner", slot)
	return -1
}

// Move gives a slot, with the keys in it, to the master with the index to, as a resharding does.
func (c *Cluster) Move(slot, to int) {
	c.t.Helper()
	from := -1
	for i, s := range c.Masters {
		if c.owns(s, slot, i) {
			from = i
		}
	}
	if from == to {
		return
	}
	src, dst := c.Masters[from], c.Masters[to]
	c.do(dst, "CLUSTER", "SETSLOT", slot, "IMPORTING", c.ids[from])
	c.do(src, "CLUSTER", "SETSLOT", slot, "MIGRATING", c.ids[to])
	for {
		keys := c.do(src, "CLUSTER", "GETKEYSINSLOT", slot, 100).([]any)
		if len(keys) == 0 {
			break
		}
		host, port, _ := net.SplitHostPort(dst.Addr)
		c.do(src, append([]any{"MIGRATE", host, port, "", 0, 5000, "KEYS"}, keys...)...)
	}
	c.assign(slot, to)
}

// assign makes a master the owner of a slot for all. What another one has said before of who owns it may come later
// and undo that, so it is done again until nothing of the kind has come for a while.
func (c *Cluster) assign(slot, to int) {
	c.t.Helper()
	const looks = 5
	end := time.Now().Add(startTime)
	for agreed := 0; agreed < looks; time.Sleep(20 * time.Millisecond) {
		differs := func(s *Server) bool { return !c.owns(s, slot, to) }
		if agreed++; !slices.ContainsFunc(c.Masters, differs) {
			continue
		}
		if time.Now().After(end) {
			c.t.Fatalf("slot %d has not moved", slot)
		}
		agreed = 0
		dst := c.Masters[to]
		c.do(dst, "CLUSTER", "SETSLOT", slot, "NODE", c.ids[to])
		c.do(dst, "CLUSTER", "BUMPEPOCH")
		for i, s := range c.Masters {
			if i != to {
				c.do(s, "CLUSTER", "SETSLOT", slot, "NODE", c.ids[to])
			}
		}
	}
}

func (c *Cluster) owns(s *Server, slot, i int) bool {
	for _, entry := range c.do(s, "CLUSTER", "SLOTS").([]any) {
		e := entry.([]any)
		if int(e[0].(int64)) <= slot && slot <= int(e[1].(int64)) && e[2].([]any)[2].(string) == c.ids[i] {
			return true
		}
	}
	return false
}

// do sends one command to one master, over a connection of its own.
func (c *Cluster) do(s *Server, args ...any) any {
	c.t.Helper()
	client := redis.NewClient(&redis.Options{Addr: s.Addr, Protocol: 2})
	defer client.Close()
	v, err := client.Do(context.Background(), args...).Result()
	if err != nil {
		c.t.Fatalf("%v: %v", args, err)
	}
	return v
}

func (c *Cluster) await(ready func(*Server) bool) {
	c.t.Helper()
	end := time.Now().Add(startTime)
	for _, s := range c.Masters {
		for !ready(s) {
			if time.Now().After(end) {
				s.fatal("the cluster did not come up")
			}
			time.Sleep(10 * time.Millisecond)
		}
	}
}
