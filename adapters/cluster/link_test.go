package cluster_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"parley/adapters/cluster"
	"parley/server/adapter"
)

// A wire is a Bus whose other end is the test.
type wire struct {
	peers cluster.Peers
	err   error // of Peers
	lost  error // of Send

	mu   sync.Mutex
	sent []cluster.Message
}

func (w *wire) ID() string { return "me" }

func (w *wire) Send(m *cluster.Message) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.sent = append(w.sent, *m)
	return w.lost
}

func (w *wire) Reply(to string, m *cluster.Message) error {
	if m.To != to {
		panic("an answer to somebody else")
	}
	return w.Send(m)
}
func (w *wire) Peers(context.Context) (cluster.Peers, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.peers, w.err
}
func (w *wire) RoomCreated(string, bool)    {}
func (w *wire) RoomRemoved(string, bool)    {}
func (w *wire) Close(context.Context) error { return nil }

// take returns what was sent, as text, and forgets it.
func (w *wire) take() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	var all []string
	for _, m := range w.sent {
		all = append(all, fmt.Sprintf("%d>%s#%s:%d%s", m.Kind, m.To, m.Request, m.Count, m.Payload.Data))
	}
	w.sent = nil
	return strings.Join(all, " ")
}

// request is the id of the newest message.
func (w *wire) request() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.sent[len(w.sent)-1].Request
}

// A stage is a Local whose sockets answer when the test says so.
type stage struct {
	adapter.Local
	receivers int
	acks      []adapter.Acks
	stopped   atomic.Int64
	got       int
}

func (s *stage) Namespace() string        { return "/" }
func (s *stage) HasRoom(name string) bool { return name == "sid" }
func (s *stage) Rooms() []string          { return []string{"sid", "red"} }
func (s *stage) Sockets(to adapter.Selection) []adapter.Socket {
	return []adapter.Socket{{ID: "sid"}}
}

func (s *stage) Deliver(adapter.Payload, adapter.Selection, adapter.Flags) error {
	s.got++
	return nil
}

func (s *stage) DeliverAck(_ adapter.Payload, _ adapter.Selection, _ adapter.Flags, acks adapter.Acks) (func(), error) {
	s.acks = append(s.acks, acks)
	acks.Expect(s.receivers)
	return func() { s.stopped.Add(1) }, nil
}

func (s *stage) Join(adapter.Selection, []string) error                  { return nil }
func (s *stage) Disconnect(adapter.Selection, bool)                      {}
func (s *stage) Leave(adapter.Selection, []string)                       {}
func (s *stage) ServerSide(adapter.Payload, func(adapter.Payload)) error { return errors.New("full") }

// acks are the Acks of a test.
type acks struct {
	mu             sync.Mutex
	expected, gone int
	answers        []string
}

func (a *acks) Expect(n int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.expected += n
}

func (a *acks) Answer(p adapter.Payload) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.answers = append(a.answers, string(p.Data)); len(a.answers) > a.expected {
		panic("an answer that is not expected")
	}
}

func (a *acks) Gone(error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.gone++
}

func payload(text string) adapter.Payload { return adapter.Payload{Data: []byte(text)} }

// A call is one that waits.
type call struct {
	sockets  []adapter.Socket
	payloads []adapter.Payload
	err      error
}

// asked begins a call and waits until it waits. Must be called in a bubble.
func asked(w *wire, f func() call) (request string, result chan call) {
	result = make(chan call, 1)
	go func() { result <- f() }()
	synctest.Wait()
	return w.request(), result
}

func mustBePartial(t *testing.T, err error, answered, expected int, cause error) {
	t.Helper()
	var p *adapter.PartialError
	if !errors.As(err, &p) || p.Answered != answered || p.Expected != expected || !errors.Is(err, cause) {
		t.Errorf("got %v, want %d of %d because of %v", err, answered, expected, cause)
	}
}

func newLink(w *wire, opts *cluster.Options) (*cluster.Link, *stage) {
	s := &stage{}
	return cluster.NewLink(s, w, opts), s
}

func TestUnnamedServersAreCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &wire{peers: cluster.Peers{Count: 2}}
		l, _ := newLink(w, nil)
		id, result := asked(w, func() (c call) {
			c.sockets, c.err = l.Sockets(context.Background(), adapter.Selection{})
			return c
		})
		answer := func(request, socket string) {
			_ = l.Receive(&cluster.Message{Kind: cluster.SocketList, Namespace: "/", Request: request, Sockets: []adapter.Socket{{ID: socket}}})
		}
		answer("another", "x")
		answer(id, "a")
		answer(id, "b")
		c := <-result
		answer(id, "c") // too late
		if c.err != nil || len(c.sockets) != 2 {
			t.Errorf("got %v, %v", c.sockets, c.err)
		}
	})
}

func TestServerAnswersOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &wire{peers: cluster.Peers{Count: 2}}
		l, _ := newLink(w, nil)
		call := func() (string, chan call) {
			return asked(w, func() (c call) {
				c.payloads, c.err = l.ServerSideCall(context.Background(), payload(`["x"]`))
				return c
			})
		}
		reply := func(request, from string) {
			_ = l.Receive(&cluster.Message{Kind: cluster.Reply, Namespace: "/", From: from, Request: request, Payload: payload("[1]")})
		}
		id, result := call()
		reply(id, "a")
		reply(id, "b")
		if c := <-result; c.err != nil || len(c.payloads) != 2 {
			t.Errorf("got %v, %v", c.payloads, c.err)
		}
		id, result = call()
		reply(id, "a")
		reply(id, "a")
		c := <-result
		mustBePartial(t, c.err, 1, 2, context.DeadlineExceeded)
		if len(c.payloads) != 1 || !strings.Contains(c.err.Error(), "no answer of b") {
			t.Errorf("got %v, %v", c.payloads, c.err)
		}
	})
}

func TestAcknowledgementsMayComeInAnyOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, from := range []string{"", "a"} {
			w := &wire{peers: cluster.Peers{Count: 1}}
			l, _ := newLink(w, nil)
			var got acks
			id, result := asked(w, func() call {
				return call{err: l.BroadcastAck(t.Context(), payload(`["x"]`), adapter.Selection{}, adapter.Flags{}, &got)}
			})
			receive := func(kind cluster.Kind, count int, text string) {
				_ = l.Receive(&cluster.Message{Kind: kind, Namespace: "/", From: from, To: "me", Request: id, Count: count, Payload: payload(text)})
			}
			receive(cluster.Answer, 0, "[1]") // overtakes the number
			receive(cluster.Expect, 3, "")
			receive(cluster.Answer, 0, "[2]")
			receive(cluster.Gone, 0, "")
			receive(cluster.Answer, 0, "[3]") // one too many
			if c := <-result; c.err != nil || got.expected != 3 || got.gone != 1 || fmt.Sprint(got.answers) != "[[1] [2]]" {
				t.Errorf("from %q: %d expected, %d gone, %v, %v", from, got.expected, got.gone, got.answers, c.err)
			}
		}
	})
}

func TestImpossibleCountsHarmNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &wire{peers: cluster.Peers{Count: 2}}
		l, _ := newLink(w, nil)
		var got acks
		id, result := asked(w, func() call {
			return call{err: l.BroadcastAck(t.Context(), payload(`["x"]`), adapter.Selection{}, adapter.Flags{}, &got)}
		})
		for from, count := range map[string]int{"a": -5, "b": 1 << 62} {
			_ = l.Receive(&cluster.Message{Kind: cluster.Expect, Namespace: "/", From: from, Request: id, Count: count})
		}
		if c := <-result; c.err != nil || got.expected < 0 {
			t.Errorf("%d expected, %v", got.expected, c.err)
		}
	})
}

// TestSilentServersAreGivenUp: a dead one does not hold up a call until its deadline.
func TestSilentServersAreGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &wire{peers: cluster.Peers{Count: 2}}
		l, _ := newLink(w, &cluster.Options{Timeout: time.Second})
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		began := time.Now()
		id, result := asked(w, func() (c call) {
			c.sockets, c.err = l.Sockets(ctx, adapter.Selection{})
			return c
		})
		_ = l.Receive(&cluster.Message{Kind: cluster.SocketList, Namespace: "/", Request: id, Sockets: make([]adapter.Socket, 3)})
		c := <-result
		mustBePartial(t, c.err, 1, 2, context.DeadlineExceeded)
		if len(c.sockets) != 3 || time.Since(began) != time.Second {
			t.Errorf("%d sockets after %v", len(c.sockets), time.Since(began))
		}
	})
}

// TestServersThatGoAreNotWaitedFor, and one that was not counted changes nothing.
func TestServersThatGoAreNotWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &wire{peers: cluster.Peers{Count: 2}}
		l, _ := newLink(w, nil)
		id, result := asked(w, func() (c call) {
			c.payloads, c.err = l.ServerSideCall(context.Background(), payload(`["x"]`))
			return c
		})
		_ = l.Receive(&cluster.Message{Kind: cluster.Bye, Namespace: "/", From: "x"})
		_ = l.Receive(&cluster.Message{Kind: cluster.Reply, Namespace: "/", From: "a", Request: id, Payload: payload("[1]")})
		synctest.Wait()
		if len(result) > 0 {
			t.Error("not waited for the second server")
		}
		w.mu.Lock()
		w.peers.Count = 1
		w.mu.Unlock()
		began := time.Now()
		c := <-result
		if mustBePartial(t, c.err, 1, 2, net.ErrClosed); time.Since(began) > time.Second {
			t.Errorf("it took %v", time.Since(began))
		}
	})
}

func TestUnknownPeersAndFullQueuesArePartialResults(t *testing.T) {
	broken := errors.New("broken")
	w := &wire{err: broken}
	l, _ := newLink(w, nil)
	_, err := l.Sockets(t.Context(), adapter.Selection{})
	mustBePartial(t, err, 0, 0, broken)
	if got := w.take(); got != "" {
		t.Errorf("sent %s", got)
	}
	err = l.BroadcastAck(t.Context(), payload(`["x"]`), adapter.Selection{}, adapter.Flags{}, &acks{})
	mustBePartial(t, err, 0, 0, broken)
	if got := w.take(); !strings.Contains(got, `["x"]`) {
		t.Error("the event is lost")
	}
	w = &wire{peers: cluster.Peers{Count: 3}, lost: broken}
	l, _ = newLink(w, nil)
	_, err = l.ServerSideCall(t.Context(), payload(`["x"]`))
	mustBePartial(t, err, 0, 3, broken)
}

func TestClosedLink(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &wire{peers: cluster.Peers{Count: 1}}
		l, s := newLink(w, nil)
		_, result := asked(w, func() (c call) {
			c.sockets, c.err = l.Sockets(context.Background(), adapter.Selection{})
			return c
		})
		if err := errors.Join(l.Close(t.Context()), l.Close(t.Context())); err != nil {
			t.Error(err)
		}
		mustBePartial(t, (<-result).err, 0, 1, net.ErrClosed)
		_, err := l.ServerCount(t.Context())
		for _, err := range []error{err, l.Broadcast(payload("[]"), adapter.Selection{}, adapter.Flags{}), l.Leave(adapter.Selection{}, nil)} {
			if !errors.Is(err, net.ErrClosed) {
				t.Errorf("got %v", err)
			}
		}
		if err := l.Receive(&cluster.Message{Kind: cluster.Broadcast, Namespace: "/", From: "a"}); err != nil || s.got != 0 {
			t.Errorf("%d delivered, %v", s.got, err)
		}
	})
}

func TestImpossibleOptionsPanic(t *testing.T) {
	for field, opts := range map[string]cluster.Options{
		"Timeout": {Timeout: -1}, "MaxAckTimeout": {MaxAckTimeout: -1}, "MaxAnswering": {MaxAnswering: -1},
	} {
		func() {
			defer func() {
				if got, want := recover(), "cluster: Options."+field+" is negative"; got != want {
					t.Errorf("got %v, want %s", got, want)
				}
			}()
			newLink(&wire{}, &opts)
		}()
	}
}
