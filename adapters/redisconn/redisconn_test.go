package redisconn_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/logging"

	"parley/adapters/redisconn"
	"parley/adapters/redisconn/redistest"
)

func TestMain(m *testing.M) {
	redis.SetLogger(new(logging.VoidLogger))
	code := m.Run()
	buf := make([]byte, 4<<20)
	if left := string(buf[:runtime.Stack(buf, true)]); code == 0 && strings.Contains(left, "redisconn.(*") {
		fmt.Fprintln(os.Stderr, "the tests left goroutines:\n"+left)
		code = 1
	}
	os.Exit(code)
}

var quick = redisconn.Options{
	MaxAge: time.Second, Timeout: 300 * time.Millisecond, MinBackoff: 5 * time.Millisecond, MaxBackoff: 50 * time.Millisecond,
	ProbeInterval: 400 * time.Millisecond, Logger: slog.New(slog.NewTextHandler(io.Discard, nil)),
}

func open(t *testing.T, client redis.UniversalClient, opts redisconn.Options) *redisconn.Conn {
	t.Helper()
	c := redisconn.New(client, &opts)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		_ = c.Close(ctx)
	})
	return c
}

// listener collects what a channel brings.
type listener struct {
	t   *testing.T
	sub *redisconn.Subscription

	mu   sync.Mutex
	got  []string
	gaps int
}

func listen(t *testing.T, c *redisconn.Conn, opts redisconn.SubOptions) *listener {
	t.Helper()
	l := &listener{t: t}
	opts.Handler = func(_ string, payload []byte) error {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.got = append(l.got, string(payload))
		return nil
	}
	opts.OnGap = func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.gaps++
	}
	l.sub = c.Subscribe(opts)
	return l
}

func (l *listener) ready() *listener {
	l.t.Helper()
	ctx, cancel := context.WithTimeout(l.t.Context(), 10*time.Second)
	defer cancel()
	if err := l.sub.Ready(ctx); err != nil {
		l.t.Fatalf("%s: %v", l.sub.Channel(), err)
	}
	return l
}

func (l *listener) state() (got []string, gaps int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]string(nil), l.got...), l.gaps
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); !ok(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("never: " + what)
		}
	}
}

func publish(t *testing.T, c *redisconn.Conn, pin string, args ...any) {
	t.Helper()
	if err := c.Publish(pin, nil, args...); err != nil {
		t.Fatal(err)
	}
}

func syncNow(t *testing.T, c *redisconn.Conn, subs ...*redisconn.Subscription) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if err := c.Sync(ctx, subs...); err != nil {
		t.Fatal(err)
	}
}

func TestOrderUnderLoad(t *testing.T) {
	s := redistest.Start(t)
	for _, sharded := range []bool{false, true} {
		a, b := open(t, s.Client(t), redisconn.Options{}), open(t, s.Client(t), redisconn.Options{})
		l := listen(t, b, redisconn.SubOptions{Channel: "ch", Sharded: sharded}).ready()
		own := listen(t, a, redisconn.SubOptions{Channel: "ch", Sharded: sharded}).ready()
		command := map[bool]string{false: "publish", true: "spublish"}[sharded]
		const count = 20_000
		for i := range count {
			publish(t, a, "ch", command, "ch", fmt.Sprint(i))
		}
		syncNow(t, a, own.sub)
		syncNow(t, b, l.sub)
		for _, l := range []*listener{l, own} {
			got, gaps := l.state()
			if len(got) != count || gaps != 0 {
				t.Fatalf("sharded %t: %d messages, %d gaps", sharded, len(got), gaps)
			}
			for i, payload := range got {
				if payload != fmt.Sprint(i) {
					t.Fatalf("sharded %t: message %d is %s", sharded, i, payload)
				}
			}
		}
		if n, err := a.Count(t.Context(), "ch", sharded); n != 2 || err != nil {
			t.Fatalf("sharded %t: %d subscribers, %v", sharded, n, err)
		}
		l.sub.Close()
		own.sub.Close()
		eventually(t, "nobody is subscribed", func() bool {
			n, _ := a.Count(t.Context(), "ch", sharded)
			return n == 0
		})
	}
}

func TestOneSubscriptionForAllListeners(t *testing.T) {
	s := redistest.Start(t)
	c := open(t, s.Client(t), quick)
	a := listen(t, c, redisconn.SubOptions{Channel: "ch"}).ready()
	b := listen(t, c, redisconn.SubOptions{Channel: "ch"}).ready()
	a.sub.Close()
	publish(t, c, "ch", "publish", "ch", "x")
	syncNow(t, c, b.sub)
	if got, _ := b.state(); len(got) != 1 {
		t.Fatalf("got %q", got)
	}
	if got, _ := a.state(); len(got) != 0 {
		t.Fatalf("a closed listener got %q", got)
	}
}

func TestBadHandler(t *testing.T) {
	s := redistest.Start(t)
	c := open(t, s.Client(t), quick)
	sub := c.Subscribe(redisconn.SubOptions{Channel: "ch", Handler: func(_ string, payload []byte) error {
		if string(payload) == "panic" {
			panic("oops")
		}
		return errors.New("bad")
	}})
	publish(t, c, "ch", "publish", "ch", "early") // may be too early
	syncNow(t, c, sub)
	before := c.Health().BadMessages
	publish(t, c, "ch", "publish", "ch", "panic")
	publish(t, c, "ch", "publish", "ch", "bad")
	syncNow(t, c, sub)
	if n := c.Health().BadMessages - before; n != 2 {
		t.Fatalf("%d bad messages", n)
	}
}

// A handler that takes long keeps the goroutine that reads; its connection is not taken for dead.
func TestLongHandlersKeepTheirConnection(t *testing.T) {
	t.Parallel()
	s := redistest.Start(t)
	opts := quick
	opts.Timeout, opts.ProbeInterval = 600*time.Millisecond, 600*time.Millisecond
	c := open(t, s.Client(t), opts)
	const long = 2500 * time.Millisecond // several checks
	var got, gaps atomic.Int32
	done := make(chan struct{})
	sub := c.Subscribe(redisconn.SubOptions{
		Channel: "ch",
		OnGap:   func() { gaps.Add(1) },
		Handler: func(string, []byte) error {
			if got.Add(1) == 3 {
				close(done)
			}
			time.Sleep(long)
			return nil
		},
	})
	if err := sub.Ready(t.Context()); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if err := c.Publish("ch", nil, "publish", "ch", "x"); err != nil {
			t.Fatal(err)
		}
	}
	select {
	case <-done:
	case <-time.After(20 * time.Second):
		t.Fatal("not all came")
	}
	if n := gaps.Load(); n > 0 {
		t.Errorf("%d gaps", n)
	}
}

// What has come while a handler kept the goroutine that reads is read while others are handled, so that it does not stay in Redis.
func TestWhatHasComeIsReadWhileOthersAreHandled(t *testing.T) {
	t.Parallel()
	s := redistest.Start(t)
	c := open(t, s.Client(t), quick)
	const calm = 500 * time.Millisecond
	c.Calm(calm)
	n := 0
	entered, release, done := make(chan struct{}), make(chan struct{}), make(chan bool, 1)
	sub := c.Subscribe(redisconn.SubOptions{Channel: "ch", Handler: func(string, []byte) error {
		switch n++; n {
		case 1:
			close(entered)
			<-release
			time.Sleep(calm + 100*time.Millisecond) // longer than that since it has come
		case 2:
			end := time.Now().Add(5 * time.Second)
			for !c.Waiting() && time.Now().Before(end) {
				time.Sleep(time.Millisecond)
			}
			done <- c.Waiting()
		}
		return nil
	}})
	if err := sub.Ready(t.Context()); err != nil {
		t.Fatal(err)
	}
	publish(t, c, "ch", "publish", "ch", "1")
	<-entered
	publish(t, c, "ch", "publish", "ch", "2")
	publish(t, c, "ch", "publish", "ch", "3")
	if err := c.Flush(t.Context(), "ch"); err != nil {
		t.Fatal(err)
	}
	close(release)
	if !<-done {
		t.Error("the third message has not been read while the second was handled")
	}
}

// TestWaiting: also of messages that are handed out together each knows of those behind it.
func TestWaiting(t *testing.T) {
	t.Parallel()
	s := redistest.Start(t)
	c := open(t, s.Client(t), quick)
	c.ReadAhead()
	const count = 5
	release, waiting := make(chan struct{}), make(chan bool, count)
	sub := c.Subscribe(redisconn.SubOptions{Channel: "ch", Handler: func(string, []byte) error {
		<-release
		waiting <- c.Waiting()
		return nil
	}})
	if err := sub.Ready(t.Context()); err != nil {
		t.Fatal(err)
	}
	for range count {
		publish(t, c, "ch", "publish", "ch", "x")
	}
	eventually(t, "all have come", func() bool { return c.Health().InboxBytes >= (count-1)*64 })
	close(release)
	for i := range count {
		if got, want := <-waiting, i < count-1; got != want {
			t.Errorf("message %d of %d: others wait: %t", i+1, count, got)
		}
	}
}

func TestKilledAndRestarted(t *testing.T) {
	s := redistest.Start(t)
	c := open(t, s.Client(t), quick)
	l := listen(t, c, redisconn.SubOptions{Channel: "ch"}).ready()
	sh := listen(t, c, redisconn.SubOptions{Channel: "sh", Sharded: true}).ready()
	eventually(t, "healthy", func() bool { return c.Health().OK() })
	s.Kill()
	eventually(t, "it is seen that Redis is away", func() bool { return !c.Health().Subscribed })
	waited := make(chan error, 1)
	if err := c.Publish("ch", func(err error) { waited <- err }, "publish", "ch", "too old"); err != nil {
		t.Fatal(err)
	}
	if err := <-waited; !errors.Is(err, redisconn.ErrExpired) {
		t.Fatalf("while Redis was away: %v", err)
	}
	if err := c.Publish("ch", func(err error) { waited <- err }, "publish", "ch", "kept"); err != nil {
		t.Fatal(err)
	}
	s.Restart()
	if err := <-waited; err != nil {
		t.Fatalf("after the restart: %v", err)
	}
	syncNow(t, c, l.sub, sh.sub)
	publish(t, c, "ch", "publish", "ch", "new")
	publish(t, c, "sh", "spublish", "sh", "new")
	syncNow(t, c, l.sub, sh.sub)
	for _, l := range []*listener{l, sh} {
		if got, gaps := l.state(); len(got) == 0 || got[len(got)-1] != "new" || gaps != 2 {
			t.Fatalf("%s: %q, %d gaps", l.sub.Channel(), got, gaps)
		}
	}
	eventually(t, "healthy again", func() bool { return c.Health().OK() && c.Health().Reconnects > 0 })
}

// TestAfter: when it calls, the commands of the pin that were queued before have been carried out.
func TestAfter(t *testing.T) {
	t.Parallel()
	client := redistest.Start(t).Client(t)
	c := open(t, client, quick)
	for round := range 20 {
		key := fmt.Sprint("after", round)
		if err := c.Publish(key, nil, "SET", key, "x"); err != nil {
			t.Fatal(err)
		}
		done := make(chan struct{})
		if err := c.After(key, func() { close(done) }); err != nil {
			t.Fatal(err)
		}
		<-done
		if client.Exists(t.Context(), key).Val() != 1 {
			t.Fatal("After came before the command")
		}
	}
	if err := c.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := c.After("k", func() { t.Error("called though closed") }); !errors.Is(err, redisconn.ErrClosed) {
		t.Errorf("closed: %v", err)
	}
}
