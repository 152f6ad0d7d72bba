package redisconn_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"parley/adapters/redisconn"
	"parley/adapters/redisconn/redistest"
)

func TestCluster(t *testing.T) {
	t.Parallel()
	cluster := redistest.StartCluster(t, 3)
	opts := quick
	opts.MaxAge = 5 * time.Second
	a, b := open(t, cluster.Client(t), opts), open(t, cluster.Client(t), opts)
	const channels, rounds = 60, 50
	var at []*listener
	var subs []*redisconn.Subscription
	for i := range channels {
		l := listen(t, b, redisconn.SubOptions{Channel: fmt.Sprint("ch", i), Sharded: i%2 == 0, Pin: fmt.Sprint("pin", i%5)})
		at, subs = append(at, l), append(subs, l.sub)
	}
	total := 0
	say := func(l *listener, text string) {
		t.Helper()
		if total++; at[0] != l && l.sub.Channel() == "" {
			t.Fatal("no channel")
		}
		i := 0
		fmt.Sscanf(l.sub.Channel(), "ch%d", &i)
		if i%2 == 0 {
			publish(t, a, l.sub.Channel(), "spublish", l.sub.Channel(), text)
		} else {
			publish(t, a, fmt.Sprint("pin", i%5), "publish", l.sub.Channel(), text)
		}
	}
	syncNow(t, b, subs...)
	for r := range rounds {
		for _, l := range at {
			say(l, fmt.Sprint(r))
		}
	}
	settled := func() {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		for i := range channels {
			if err := a.Flush(ctx, fmt.Sprint("pin", i%5)); err != nil {
				t.Fatal(err)
			}
			if err := a.Flush(ctx, fmt.Sprint("ch", i)); err != nil {
				t.Fatal(err)
			}
		}
		syncNow(t, b, subs...)
	}
	settled()
	for _, l := range at {
		got, gaps := l.state()
		if len(got) != rounds || gaps != 0 {
			t.Fatalf("%s: %d messages, %d gaps", l.sub.Channel(), len(got), gaps)
		}
		for r, text := range got {
			if text != fmt.Sprint(r) {
				t.Fatalf("%s: message %d is %s", l.sub.Channel(), r, text)
			}
		}
	}
	everywhere := func(text string) {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		for _, l := range at {
			n, err := a.Count(ctx, l.sub.Channel(), l.sub.Channel() != "" && isSharded(l))
			for ; err == nil && n != 1; n, err = a.Count(ctx, l.sub.Channel(), isSharded(l)) {
				time.Sleep(5 * time.Millisecond)
			}
			if err != nil {
				t.Fatalf("after %s: %s: %v", text, l.sub.Channel(), err)
			}
			say(l, text)
		}
		settled()
		for _, l := range at {
			got, _ := l.state()
			n := 0
			for _, have := range got {
				if have == text {
					n++
				}
			}
			if n != 1 {
				t.Fatalf("after %s: %s got it %d times", text, l.sub.Channel(), n)
			}
		}
	}
	for i, l := range at[:6] {
		slot := cluster.Slot(l.sub.Channel())
		cluster.Move(slot, (cluster.Owner(l.sub.Channel())+1+i%2)%3)
	}
	everywhere("slots moved")
	for _, s := range cluster.Masters {
		s.Client(t).Do(t.Context(), "client", "kill", "type", "pubsub")
	}
	everywhere("connections killed")
	cluster.Masters[1].Restart()
	everywhere("a master killed")
	if h := b.Health(); h.Reconnects < 3 || h.Gaps == 0 {
		t.Errorf("%+v", h)
	}
	eventually(t, "healthy again", func() bool { return a.Health().OK() && b.Health().OK() })
}

func isSharded(l *listener) bool {
	i := 0
	fmt.Sscanf(l.sub.Channel(), "ch%d", &i)
	return i%2 == 0
}
