package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"parley/server/socketiotest"
)

// entry is a message of a room's history.
type entry struct {
	ID, ClientID string
	Timestamp    time.Time
}

// A room has writers on one node and receivers on others. Its whole history is put together from what the server keeps.
type room struct {
	t         *testing.T
	name      string
	receivers []*receiver

	mu      sync.Mutex
	began   map[string]int       // how many were acknowledged when a message was first sent that is not yet
	acked   map[string]string    // clientId to id
	ackedAt map[string]time.Time // by id
	log     []entry
	place   map[string]int // of an id in log
	sent    map[string]int // of a clientId in log
}

func newRoom(t *testing.T, name string) *room {
	return &room{
		t: t, name: name, began: make(map[string]int), acked: make(map[string]string), ackedAt: make(map[string]time.Time),
		place: make(map[string]int), sent: make(map[string]int),
	}
}

func (r *room) count() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.acked)
}

// begin reports whether a message may be sent, perhaps again: what the server keeps must reach back to all that is not acknowledged, or not yet
// seen in the history.
func (r *room) begin(clientID string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	const most = 40
	if len(r.acked)-len(r.log) > most {
		return false
	}
	for other, count := range r.began {
		if other != clientID && len(r.acked)-count > most {
			return false
		}
	}
	if _, again := r.began[clientID]; !again {
		r.began[clientID] = len(r.acked)
	}
	return true
}

// write sends messages until ctx ends, each until it is acknowledged.
func (r *room) write(ctx context.Context, n *node, name string) {
	var c *socketiotest.Client
	defer func() {
		if c != nil {
			c.Abort()
		}
	}()
	for next := 0; ctx.Err() == nil; {
		time.Sleep(5 * time.Millisecond)
		id := fmt.Sprint(name, "-", next)
		if !r.begin(id) {
			continue
		}
		attempt, cancel := context.WithTimeout(ctx, 8*time.Second)
		err := fmt.Errorf("node is down")
		if c == nil {
			if address := n.up(); address != "" {
				c, err = visit(attempt, address, name, r.name)
			}
		}
		if c != nil {
			var answer reply
			answer, err = ask(attempt, c, "chat-message", map[string]string{"roomId": r.name, "content": "x", "clientId": id})
			if err == nil {
				r.mu.Lock()
				delete(r.began, id)
				r.acked[id], r.ackedAt[answer.Message.ID] = answer.Message.ID, time.Now()
				r.mu.Unlock()
				next++
			}
		}
		cancel()
		if err != nil && c != nil {
			c.Abort()
			c = nil
		}
	}
}

// follow puts the history together until all that was acknowledged after end is in it.
func (r *room) follow(ctx context.Context, nodes []*node, end <-chan struct{}) {
	var c *socketiotest.Client
	defer func() {
		if c != nil {
			c.Abort()
		}
	}()
	for i := 0; ; i++ {
		last := false
		select {
		case <-end:
			last = true
		case <-time.After(100 * time.Millisecond):
		}
		attempt, cancel := context.WithTimeout(ctx, 8*time.Second)
		var err error
		if c == nil {
			if address := nodes[i%len(nodes)].up(); address != "" {
				c, err = visit(attempt, address, "historian", r.name)
			}
		}
		if c != nil {
			var out struct{ Messages []entry }
			var answer socketiotest.Reply
			if answer, err = c.EmitAck(attempt, "history", map[string]any{"roomId": r.name, "limit": 100}); err == nil {
				err = answer.Decode(&out)
			}
			if err == nil && out.Messages != nil {
				r.extend(out.Messages)
				if last {
					cancel()
					return
				}
			}
		}
		cancel()
		if err != nil && c != nil {
			c.Abort()
			c = nil
		}
		if ctx.Err() != nil {
			return
		}
	}
}

// extend adds what is new.
func (r *room) extend(newest []entry) {
	r.mu.Lock()
	defer r.mu.Unlock()
	fresh := newest
	if len(r.log) > 0 {
		tail, found := r.log[len(r.log)-1].ID, false
		for i, e := range newest {
			if e.ID == tail {
				fresh, found = newest[i+1:], true
			}
		}
		if !found {
			r.t.Errorf("%s: %s is no longer in the history", r.name, tail)
		}
	}
	for _, e := range fresh {
		if len(r.log) > 0 && e.ID <= r.log[len(r.log)-1].ID {
			r.t.Errorf("%s: %s comes after %s", r.name, e.ID, r.log[len(r.log)-1].ID)
		}
		if first, twice := r.sent[e.ClientID]; twice {
			r.t.Errorf("%s: %s is there twice, as %s and %s, %d apart", r.name, e.ClientID, r.log[first].ID, e.ID, len(r.log)-first)
		}
		r.sent[e.ClientID] = len(r.log)
		r.place[e.ID] = len(r.log)
		r.log = append(r.log, e)
	}
}

// check compares everything at the end.
func (r *room) check() {
	for clientID, id := range r.acked {
		i, there := r.place[id]
		if !there || r.log[i].ClientID != clientID {
			r.t.Errorf("%s: %s was acknowledged as %s and is lost", r.name, clientID, id)
		}
	}
	for _, rc := range r.receivers {
		for _, l := range rc.live {
			if _, there := r.place[l.id]; !there {
				r.t.Errorf("%s: %s got %s, which is not in the history", r.name, rc.name, l.id)
			}
		}
		for _, p := range rc.promises {
			for i := r.place[p.before] + 1; p.before != "" && i < r.place[p.after]; i++ {
				if id := r.log[i].ID; !rc.seen[id] && !r.ackedAt[id].IsZero() && r.ackedAt[id].Before(p.at) {
					r.t.Errorf("%s: %s was told that it recovered (%s to %s), and never got %s", r.name, rc.name, p.before, p.after, id)
				}
			}
		}
	}
}

// A receiver is a client that is cut off now and then, and comes back on any of its nodes.
type receiver struct {
	room  *room
	nodes []*node
	name  string
	rnd   *rand.Rand

	last               string // the newest message that it has
	live               []delivery
	seen               map[string]bool // what is in live
	late               int             // messages that came after newer ones
	promises           []promise
	recovered, refused int
}

// delivery is a message that came as an event, at once behind the one before, or after a pause or late.
type delivery struct {
	id    string
	apart bool
}

// promise is what the server said by recovering a session: nothing of before at is missing between two messages.
type promise struct {
	before, after string
	at            time.Time
}

func (rc *receiver) run(ctx context.Context) {
	rc.seen = make(map[string]bool)
	var state socketiotest.State
	for ctx.Err() == nil {
		address := rc.nodes[rc.rnd.IntN(len(rc.nodes))].up()
		if address == "" {
			time.Sleep(10 * time.Millisecond)
			continue
		}
		c, recovered, err := rc.connect(ctx, address, state)
		if err != nil {
			time.Sleep(10 * time.Millisecond)
			continue
		}
		if state.PID != "" {
			if recovered {
				rc.recovered++
			} else {
				rc.refused++
			}
		}
		rc.listen(ctx, c, recovered)
		state = c.State()
	}
}

func (rc *receiver) connect(ctx context.Context, address string, state socketiotest.State) (*socketiotest.Client, bool, error) {
	ctx, cancel := context.WithTimeout(ctx, 8*time.Second)
	defer cancel()
	auth := map[string]string{"userId": rc.name, "username": rc.name}
	if state.PID != "" {
		auth["pid"], auth["offset"] = state.PID, state.Offset
	}
	c, err := dialWith(ctx, address, "/chat", auth)
	if err != nil {
		return nil, false, err
	}
	if c.State().PID == state.PID && state.PID != "" {
		return c, true, nil
	}
	answer, err := ask(ctx, c, "join", map[string]any{"roomId": rc.room.name})
	if err != nil {
		c.Abort()
		return nil, false, err
	}
	rc.last = ""
	if n := len(answer.Messages); n > 0 {
		rc.last = answer.Messages[n-1].ID
	}
	return c, false, nil
}

// listen takes events until the connection ends, which it sees to itself after a while.
func (rc *receiver) listen(ctx context.Context, c *socketiotest.Client, recovered bool) {
	at := time.Now()
	ctx, cancel := context.WithTimeout(ctx, time.Duration(rc.rnd.Int64N(int64(4*time.Second))))
	defer cancel()
	stop := context.AfterFunc(ctx, c.Abort)
	defer stop()
	for first := true; ; {
		e, err := c.Next(context.Background()) // what came before the end is there after it
		if err != nil {
			return
		}
		if e.Name != "chat-message" {
			continue
		}
		var m entry
		if err := e.Decode(&m); err != nil { // with the offset as a further argument
			var offset string
			if err := e.Decode(&m, &offset); err != nil {
				rc.room.t.Errorf("%s: %v", rc.name, err)
			}
		}
		if rc.seen[m.ID] {
			rc.room.t.Errorf("%s: %s got %s twice", rc.room.name, rc.name, m.ID)
		}
		rc.seen[m.ID] = true
		if m.ID <= rc.last {
			rc.late++
			rc.live = append(rc.live, delivery{m.ID, true})
			continue
		}
		if first && recovered {
			rc.promises = append(rc.promises, promise{rc.last, m.ID, at})
		}
		rc.live = append(rc.live, delivery{m.ID, first})
		rc.last, first = m.ID, false
	}
}

// lost counts the messages that never came while it was connected.
func (rc *receiver) lost() int {
	n := 0
	for i, l := range rc.live {
		if l.apart {
			continue
		}
		for j := rc.room.place[rc.live[i-1].id] + 1; j < rc.room.place[l.id]; j++ {
			if !rc.seen[rc.room.log[j].ID] {
				n++
			}
		}
	}
	return n
}
