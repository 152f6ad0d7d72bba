package cluster_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"parley/adapters/cluster"
	"parley/server/adapter"
)

// TestEveryRequestIsAnsweredOnce, with none where there is nothing.
func TestEveryRequestIsAnsweredOnce(t *testing.T) {
	sid := adapter.Selection{Rooms: []string{"sid"}}
	nobody := adapter.Selection{Rooms: []string{"nobody"}}
	for _, c := range []struct {
		question cluster.Message
		want     cluster.Kind
	}{
		{cluster.Message{Kind: cluster.Broadcast}, cluster.Expect},
		{cluster.Message{Kind: cluster.Fetch}, cluster.SocketList},
		{cluster.Message{Kind: cluster.ServerSide}, cluster.Gone},
		{cluster.Message{Kind: cluster.ListRooms}, cluster.RoomList},
		{cluster.Message{Kind: cluster.ListIDs}, cluster.IDList},
		{cluster.Message{Kind: cluster.Join, Selection: sid}, cluster.Done},
		{cluster.Message{Kind: cluster.Leave, Selection: sid}, cluster.Done},
		{cluster.Message{Kind: cluster.Disconnect, Selection: sid}, cluster.Done},
		{cluster.Message{Kind: cluster.Join, Selection: nobody}, 0},
	} {
		w := &wire{}
		l, _ := newLink(w, nil)
		q := c.question
		q.Namespace, q.From, q.Request = "/", "a", "r"
		_ = l.Receive(&q)
		want := ""
		if c.want != 0 {
			want = fmt.Sprintf("%d>a#r:0", c.want)
		}
		if got := w.take(); got != want {
			t.Errorf("kind %d: got %q, want %q", q.Kind, got, want)
		}
	}
}

func TestMessagesForOthersAreIgnored(t *testing.T) {
	w := &wire{}
	l, s := newLink(w, nil)
	_ = l.Receive(&cluster.Message{Kind: cluster.Broadcast, Namespace: "/", From: "me"}) // the echo
	if err := l.Receive(&cluster.Message{Kind: cluster.Broadcast, Namespace: "/other", From: "a"}); err == nil {
		t.Error("no error for another namespace")
	}
	if err := l.Receive(&cluster.Message{Kind: 99, Namespace: "/", From: "a"}); err != nil {
		t.Error(err) // an answer to nobody
	}
	if err := l.Receive(&cluster.Message{Namespace: "/", From: "a"}); err == nil {
		t.Error("no error for a message of no kind")
	}
	_ = l.Receive(&cluster.Message{Kind: cluster.Fetch, Namespace: "/", From: "a"}) // without a request
	if got := w.take(); s.got != 0 || got != "" {
		t.Errorf("%d delivered, sent %s", s.got, got)
	}
}

func question(request string, timeout time.Duration) *cluster.Message {
	return &cluster.Message{Kind: cluster.Broadcast, Namespace: "/", From: "a", Request: request, Flags: adapter.Flags{Timeout: timeout}}
}

func TestAnswersArePassedOnUntilTheTimeIsOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &wire{}
		l, s := newLink(w, &cluster.Options{Timeout: time.Second, MaxAckTimeout: time.Minute})
		s.receivers = 2
		stopped := int64(0)
		for _, c := range []struct{ asked, waits time.Duration }{
			{0, time.Second}, {30 * time.Second, 30 * time.Second}, {1 << 62, time.Minute},
		} {
			if err := l.Receive(question("r", c.asked)); err != nil {
				t.Fatal(err)
			}
			time.Sleep(c.waits - time.Nanosecond)
			synctest.Wait()
			if s.stopped.Load() != stopped {
				t.Errorf("%v: stopped too early", c.asked)
			}
			time.Sleep(time.Nanosecond)
			synctest.Wait()
			if stopped++; s.stopped.Load() != stopped {
				t.Errorf("%v: not stopped", c.asked)
			}
		}
		w.take()
		_ = l.Receive(question("r", time.Minute))
		s.acks[len(s.acks)-1].Answer(payload("[1]"))
		s.acks[len(s.acks)-1].Gone(fmt.Errorf("why"))
		_ = l.Receive(&cluster.Message{Kind: cluster.Cancel, Namespace: "/", From: "a", Request: "r"})
		if got, want := w.take(), "32>a#r:2 33>a#r:0[1] 34>a#r:0"; got != want || s.stopped.Load() != stopped {
			t.Errorf("got %s, want %s; %d stopped", got, want, s.stopped.Load())
		}
		_ = l.Receive(question("r", time.Minute))
		_ = l.Receive(&cluster.Message{Kind: cluster.Bye, Namespace: "/", From: "a"})
		if s.stopped.Load() != stopped+1 {
			t.Error("who has left is still answered")
		}
	})
}

func TestFloodOfRequestsIsBounded(t *testing.T) {
	w := &wire{}
	l, s := newLink(w, &cluster.Options{MaxAnswering: 2})
	s.receivers = 1
	for _, request := range []string{"1", "2"} {
		if err := l.Receive(question(request, time.Hour)); err != nil {
			t.Fatal(err)
		}
	}
	w.take()
	if err := l.Receive(question("2", time.Hour)); err == nil || w.take() != "" {
		t.Errorf("a repeated request: %v", err)
	}
	err := l.Receive(question("3", time.Hour))
	if got := w.take(); err == nil || !strings.Contains(err.Error(), "Options.MaxAnswering is 2") || got != "32>a#3:0" {
		t.Errorf("got %s, %v", got, err)
	}
	s.acks[0].Answer(payload("[1]"))
	if err := l.Receive(question("3", time.Hour)); err != nil || len(s.acks) != 3 {
		t.Errorf("%v, %d were asked", err, len(s.acks))
	}
	if err := l.Close(t.Context()); err != nil || s.stopped.Load() != 2 {
		t.Errorf("%v, %d stopped", err, s.stopped.Load())
	}
}
