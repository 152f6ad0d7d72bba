package redisconn_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"parley/adapters/redisconn"
	"parley/adapters/redisconn/redistest"
)

func TestAwayAtStart(t *testing.T) {
	t.Parallel()
	s := redistest.Start(t)
	s.Kill()
	c := open(t, s.Client(t), quick)
	l := listen(t, c, redisconn.SubOptions{Channel: "ch"})
	eventually(t, "the first attempt fails", func() bool { return c.Health().Err != nil })
	s.Restart()
	l.ready()
	publish(t, c, "ch", "publish", "ch", "x")
	syncNow(t, c, l.sub)
	if got, gaps := l.state(); len(got) != 1 || gaps != 0 {
		t.Fatalf("%q, %d gaps", got, gaps)
	}
}

func TestFrozen(t *testing.T) {
	t.Parallel()
	s := redistest.Start(t)
	c := open(t, redis.NewClient(&redis.Options{Addr: s.Addr, ReadTimeout: 300 * time.Millisecond}), quick)
	l := listen(t, c, redisconn.SubOptions{Channel: "ch"}).ready()
	eventually(t, "healthy", func() bool { return c.Health().OK() })
	s.Pause()
	eventually(t, "the silence is noticed", func() bool { return !c.Health().Subscribed })
	s.Resume()
	syncNow(t, c, l.sub)
	publish(t, c, "ch", "publish", "ch", "x")
	syncNow(t, c, l.sub)
	if got, gaps := l.state(); len(got) != 1 || gaps == 0 {
		t.Fatalf("%q, %d gaps", got, gaps)
	}
}

// kill ends connections until stop is called, which reports how often.
func kill(t *testing.T, s *redistest.Server, kinds ...string) (stop func()) {
	t.Helper()
	client, end, ended := s.Client(t), make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		for {
			for _, kind := range kinds {
				client.Do(t.Context(), "client", "kill", "type", kind, "skipme", "yes")
			}
			select {
			case <-end:
				return
			case <-time.After(20 * time.Millisecond):
			}
		}
	}()
	return func() {
		close(end)
		<-ended
	}
}

// Whatever happens to the connections: a command that was answered has been carried out once, one whose answer was lost at most once.
// TestCountEndsWithItsContext, long before the client's own timeouts.
func TestCountEndsWithItsContext(t *testing.T) {
	t.Parallel()
	s, cluster := redistest.Start(t), redistest.StartCluster(t, 3)
	for name, where := range map[string]struct {
		client  redis.UniversalClient
		servers []*redistest.Server
	}{"server": {s.Client(t), []*redistest.Server{s}}, "cluster": {cluster.Client(t), cluster.Masters}} {
		c := open(t, where.client, quick)
		if _, err := c.Count(t.Context(), "ch", false); err != nil {
			t.Fatal(name, err)
		}
		for _, frozen := range where.servers {
			frozen.Pause()
		}
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		began := time.Now()
		for _, sharded := range []bool{false, true} {
			_, err := c.Count(ctx, "ch", sharded)
			if took := time.Since(began); !errors.Is(err, context.DeadlineExceeded) || took > 3*time.Second {
				t.Errorf("%s, sharded %t: %v after %v", name, sharded, err, took)
			}
		}
		for _, frozen := range where.servers {
			frozen.Resume()
		}
	}
}

func TestNothingIsSentTwice(t *testing.T) {
	t.Parallel()
	s := redistest.Start(t)
	c := open(t, s.Client(t), quick)
	stop := kill(t, s, "normal", "pubsub")
	const count = 3000
	var answered, lost [count]atomic.Bool
	var done atomic.Int64
	for i := range count {
		err := c.Publish("k", func(err error) {
			answered[i].Store(err == nil)
			lost[i].Store(err != nil)
			done.Add(1)
		}, "rpush", "k", i)
		if err != nil {
			t.Fatal(err)
		}
		if i%10 == 0 {
			time.Sleep(time.Millisecond)
		}
	}
	if err := c.Flush(t.Context(), "k"); err != nil && !errors.Is(err, redisconn.ErrUnknown) {
		t.Error(err)
	}
	stop()
	list, err := s.Client(t).LRange(t.Context(), "k", 0, -1).Result()
	if err != nil {
		t.Fatal(err)
	}
	last := -1
	var times [count]int
	for _, v := range list {
		var i int
		fmt.Sscan(v, &i)
		times[i]++
		if i <= last {
			t.Errorf("%d after %d", i, last)
		}
		last = i
	}
	var missing int
	for i := range count {
		if answered[i].Load() && times[i] != 1 || times[i] > 1 {
			t.Errorf("command %d: answered %t, carried out %d times", i, answered[i].Load(), times[i])
		}
		if lost[i].Load() {
			missing++
		}
	}
	if done.Load() != count || missing > count/2 {
		t.Errorf("%d done, %d of them without an answer", done.Load(), missing)
	}
}

func TestSubscriberCutOff(t *testing.T) {
	t.Parallel()
	s := redistest.Start(t, "--client-output-buffer-limit", "pubsub 64kb 0 0")
	c := open(t, s.Client(t), quick)
	l := listen(t, c, redisconn.SubOptions{Channel: "ch"}).ready()
	for i := range 3 {
		publish(t, c, "ch", "publish", "ch", strings.Repeat("x", 256<<10))
		eventually(t, "the gap is reported", func() bool { _, gaps := l.state(); return gaps == 2*(i+1) })
	}
	publish(t, c, "ch", "publish", "ch", "x")
	syncNow(t, c, l.sub)
	if got, _ := l.state(); len(got) != 1 {
		t.Fatalf("%d messages", len(got))
	}
}

func TestReadOnlyAndLoading(t *testing.T) {
	t.Parallel()
	s := redistest.Start(t, "--key-load-delay", "2000", "--loading-process-events-interval-bytes", "1024")
	client := s.Client(t)
	for i := range 250 {
		client.Set(t.Context(), fmt.Sprint(i), strings.Repeat("x", 100), 0)
	}
	opts := quick
	opts.MaxAge = 10 * time.Second
	c := open(t, s.Client(t), opts)
	outcome := make(chan error, 3)
	push := func() {
		t.Helper()
		if err := c.Publish("list", func(err error) { outcome <- err }, "rpush", "list", "x"); err != nil {
			t.Fatal(err)
		}
	}
	client.Do(t.Context(), "replicaof", "127.0.0.1", "1")
	push()
	eventually(t, "READONLY", func() bool { err := c.Health().Err; return err != nil && strings.HasPrefix(err.Error(), "READONLY") })
	client.Do(t.Context(), "replicaof", "no", "one")
	if err := <-outcome; err != nil {
		t.Fatal(err)
	}
	if err := client.Save(t.Context()).Err(); err != nil {
		t.Fatal(err)
	}
	s.Kill()
	s.Launch()
	push()
	if err := <-outcome; err != nil {
		t.Fatal(err)
	}
	if n := client.LLen(t.Context(), "list").Val(); n != 2 {
		t.Fatalf("%d elements", n)
	}
	if err := c.Publish("list", func(err error) { outcome <- err }, "incr", "list"); err != nil {
		t.Fatal(err)
	}
	if err := <-outcome; err == nil || !strings.HasPrefix(err.Error(), "WRONGTYPE") {
		t.Fatalf("an error of the command itself: %v", err)
	}
}

func TestBounds(t *testing.T) {
	t.Parallel()
	s := redistest.Start(t)
	opts := quick
	opts.QueueCommands, opts.QueueBytes, opts.InboxBytes, opts.MaxAge = 10, 64<<10, 8<<10, time.Minute
	opts.ProbeInterval = time.Minute
	c := open(t, s.Client(t), opts)
	c.ReadAhead()
	release, entered := make(chan struct{}), make(chan struct{}, 1000)
	var gaps, handled atomic.Int64
	sub := c.Subscribe(redisconn.SubOptions{
		Channel: "ch", OnGap: func() { gaps.Add(1) },
		Handler: func(string, []byte) error {
			handled.Add(1)
			entered <- struct{}{}
			<-release
			return nil
		},
	})
	if err := sub.Ready(t.Context()); err != nil {
		t.Fatal(err)
	}
	for range 100 {
		if err := s.Client(t).Publish(t.Context(), "ch", strings.Repeat("x", 1024)).Err(); err != nil {
			t.Fatal(err)
		}
	}
	<-entered
	eventually(t, "the inbox overflows", func() bool { return c.Health().Overflowed > 0 && c.Health().InboxBytes <= opts.InboxBytes })
	close(release)
	eventually(t, "the gap is reported", func() bool { return gaps.Load() > 0 })
	h := c.Health()
	if uint64(handled.Load())+h.Overflowed != 100 {
		t.Errorf("%d handled, %d dropped", handled.Load(), h.Overflowed)
	}
	s.Kill()
	var err error
	for i := 0; err == nil && i < 20; i++ {
		err = c.Publish("ch", nil, "publish", "ch", "x")
	}
	if !errors.Is(err, redisconn.ErrQueueFull) || !strings.Contains(err.Error(), "QueueCommands") {
		t.Errorf("too many commands: %v", err)
	}
	opts.QueueCommands = 1000
	b := open(t, s.Client(t), opts)
	err = b.Publish("ch", nil, "publish", "ch", strings.Repeat("x", 65<<10))
	if !errors.Is(err, redisconn.ErrQueueFull) || !strings.Contains(err.Error(), "QueueBytes") {
		t.Errorf("too many bytes: %v", err)
	}
}

func TestClose(t *testing.T) {
	t.Parallel()
	s := redistest.Start(t)
	c := redisconn.New(s.Client(t), &quick)
	sub := c.Subscribe(redisconn.SubOptions{Channel: "ch", Handler: func(string, []byte) error { return nil }})
	if err := sub.Ready(t.Context()); err != nil {
		t.Fatal(err)
	}
	for range 1000 {
		publish(t, c, "k", "incr", "k")
	}
	if err := c.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n, _ := s.Client(t).Get(t.Context(), "k").Int(); n != 1000 {
		t.Errorf("%d of 1000 commands were carried out", n)
	}
	if err := c.Publish("k", nil, "incr", "k"); !errors.Is(err, redisconn.ErrClosed) {
		t.Errorf("Publish: %v", err)
	}
	if err := c.Sync(t.Context(), sub); !errors.Is(err, redisconn.ErrClosed) {
		t.Errorf("Sync: %v", err)
	}

	away := redisconn.New(s.Client(t), &quick)
	s.Kill()
	outcome := make(chan error, 1)
	if err := away.Publish("k", func(err error) { outcome <- err }, "incr", "k"); err != nil {
		t.Fatal(err)
	}
	if err := away.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := <-outcome; err == nil {
		t.Error("a command without a Redis was carried out")
	}
}
