package main

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"parley/adapters/redisconn/redistest"
	"parley/server/socketiotest"
)

var (
	chaosTime = flag.Duration("chaos", 8*time.Second, "how long the test of many nodes lasts with each adapter")
	chaosSeed = flag.Uint64("chaos-seed", 0, "seed of the faults in the test of many nodes; 0: another each time")
)

// goneWithin is how long the users of a node that was killed may stay while Redis and another node work all the time.
const goneWithin = 20 * time.Second

// A node is a server that is killed and started again.
type node struct {
	chaos *chaos
	index int

	mu      sync.Mutex
	program *program
	address string // empty while it is down
	life    int
	since   time.Time // of its start, or its last standstill
}

func (n *node) up() string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.address
}

func (n *node) start() {
	p := startProgram(n.chaos.t, n.chaos.args...)
	address, ok := <-p.url
	if !ok {
		n.chaos.t.Errorf("node %d does not start:\n%s", n.index, p.log)
	}
	n.mu.Lock()
	n.program, n.address, n.since = p, address, time.Now()
	n.life++
	n.mu.Unlock()
	n.chaos.people.arrive(n)
}

func (n *node) kill() {
	n.mu.Lock()
	p := n.program
	n.address = ""
	n.mu.Unlock()
	p.kill()
}

func (n *node) signal(s syscall.Signal) {
	n.mu.Lock()
	defer n.mu.Unlock()
	_ = n.program.cmd.Process.Signal(s)
	n.since = time.Now()
}

// chaos is one run of TestChaos.
type chaos struct {
	t      *testing.T
	args   []string
	redis  *redistest.Server
	nodes  []*node
	rooms  []*room
	people people
	outage atomic.Int64 // how long Redis was away or frozen, in all
	faults map[string]int
}

// TestChaos kills and freezes Redis and nodes at random under clients whose messages always cross nodes. What is acknowledged stays, once;
// nothing arrives twice; who is told that it recovered has missed nothing; the users of a dead node go, those of others stay.
//
//	go test ./cmd/parley -run Chaos -chaos 10m -timeout 30m -v
func TestChaos(t *testing.T) {
	for _, adapter := range []string{"streams", "pubsub"} {
		t.Run(adapter, func(t *testing.T) {
			t.Parallel()
			runChaos(t, adapter)
		})
	}
}

func runChaos(t *testing.T, adapter string) {
	seed := *chaosSeed
	if seed == 0 {
		seed = rand.Uint64()
	}
	t.Logf("-chaos-seed %d", seed)
	r := redistest.Start(t, "--appendonly", "yes", "--appendfsync", "always")
	c := &chaos{
		t: t, redis: r, faults: make(map[string]int),
		args: []string{"--redis-url", "redis://" + r.Addr, "--redis-adapter", adapter, "--recovery", "1m"},
	}
	c.people.chaos = c
	c.people.ctx, c.people.end = context.WithCancel(t.Context())
	defer c.people.end()
	for i := range 3 {
		c.nodes = append(c.nodes, &node{chaos: c, index: i})
	}
	for _, n := range c.nodes {
		n.start()
	}
	stop, end := context.WithCancel(t.Context())
	defer end()
	var all, history sync.WaitGroup
	historyEnd := make(chan struct{})
	for i := range c.nodes {
		room := newRoom(t, fmt.Sprint("room", i))
		c.rooms = append(c.rooms, room)
		others := []*node{c.nodes[(i+1)%3], c.nodes[(i+2)%3]}
		for j := range 2 {
			all.Go(func() { room.write(stop, c.nodes[i], fmt.Sprint("w", i, j)) })
			rc := &receiver{room: room, nodes: others, name: fmt.Sprint("r", i, j), rnd: rand.New(rand.NewPCG(seed, uint64(10*i+j)))}
			room.receivers = append(room.receivers, rc)
			all.Go(func() { rc.run(stop) })
		}
		history.Go(func() { room.follow(t.Context(), others, historyEnd) })
	}
	c.rage(rand.New(rand.NewPCG(seed, 0)), time.Now().Add(*chaosTime))
	settle := time.Now().Add(patience)
	for _, room := range c.rooms { // everybody gets through again
		before := room.count()
		for room.count() < before+5 && time.Now().Before(settle) {
			time.Sleep(10 * time.Millisecond)
		}
		if room.count() < before+5 {
			t.Errorf("%s: nothing is acknowledged after the end", room.name)
		}
	}
	end()
	all.Wait()
	close(historyEnd)
	history.Wait()
	if *chaosTime < goneWithin { // waiting would be most of the test
		c.people.end()
	}
	c.people.work.Wait()
	c.report(adapter)
	for _, n := range c.nodes {
		n.kill()
	}
}

// rage does one thing after another until the end, and mends everything.
func (c *chaos) rage(rnd *rand.Rand, end time.Time) {
	span := func(most time.Duration) time.Duration { return time.Duration(rnd.Int64N(int64(most))) }
	var busy sync.WaitGroup
	for time.Now().Before(end) {
		time.Sleep(200*time.Millisecond + span(time.Second))
		n := c.nodes[rnd.IntN(len(c.nodes))]
		switch rnd.IntN(5) {
		case 0:
			c.faults["Redis killed"]++
			start := time.Now()
			c.redis.Kill()
			time.Sleep(span(2 * time.Second))
			c.redis.Restart()
			c.outage.Add(int64(time.Since(start)))
		case 1:
			c.faults["Redis frozen"]++
			start := time.Now()
			c.redis.Pause()
			time.Sleep(span(4 * time.Second))
			c.redis.Resume()
			c.outage.Add(int64(time.Since(start)))
		case 2, 3:
			busy.Wait()
			c.faults["node killed"]++
			n.kill()
			c.people.lost(n)
			pause := span(3 * time.Second)
			busy.Go(func() { // Redis may go meanwhile
				time.Sleep(pause)
				n.start()
			})
			if rnd.IntN(2) == 0 {
				busy.Wait()
			}
		case 4:
			busy.Wait()
			c.faults["node frozen"]++
			n.signal(syscall.SIGSTOP)
			time.Sleep(span(4 * time.Second))
			n.signal(syscall.SIGCONT)
		}
	}
	busy.Wait()
}

// people are users who come and go with the nodes: one on each node alone, and one on all of them.
type people struct {
	chaos *chaos
	ctx   context.Context
	end   context.CancelFunc
	work  sync.WaitGroup

	mu      sync.Mutex
	alone   map[*node]string               // who
	shared  map[*node]*socketiotest.Client // of the user on all nodes
	longest time.Duration                  // until somebody was gone
	watched int
}

const (
	square   = "square"
	everyone = "everywhere"
)

// arrive connects the two users of a node.
func (p *people) arrive(n *node) {
	ctx, cancel := context.WithTimeout(p.chaos.t.Context(), patience)
	defer cancel()
	address, name := n.up(), fmt.Sprint("alone-", n.index, "-", n.life)
	shared, err := visit(ctx, address, everyone, square)
	if err != nil {
		return // Redis is away
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.shared == nil {
		p.alone, p.shared = make(map[*node]string), make(map[*node]*socketiotest.Client)
	}
	p.shared[n] = shared
	if _, err := visit(ctx, address, name, square); err == nil {
		p.alone[n] = name
	}
}

// lost watches the users of a node that has been killed.
func (p *people) lost(n *node) {
	p.mu.Lock()
	defer p.mu.Unlock()
	name := p.alone[n]
	delete(p.alone, n)
	delete(p.shared, n)
	if name != "" {
		p.watched++
		p.work.Go(func() { p.watch(name) })
	}
}

func (p *people) watch(name string) {
	killed, start, outage := time.Now(), time.Now(), p.chaos.outage.Load()
	var witness *socketiotest.Client
	defer func() {
		if witness != nil {
			witness.Abort()
		}
	}()
	for p.ctx.Err() == nil {
		time.Sleep(200 * time.Millisecond)
		ctx, cancel := context.WithTimeout(p.ctx, 5*time.Second)
		users, ok := p.look(ctx, &witness)
		cancel()
		if now := p.chaos.outage.Load(); now != outage { // after an outage everybody has time to say that they live
			start, outage = time.Now(), now
		}
		took := min(time.Since(start), p.chaos.steady())
		switch {
		case ok && !users[name]:
			p.mu.Lock()
			p.longest = max(p.longest, time.Since(killed))
			p.mu.Unlock()
			return
		case ok && took > goneWithin:
			p.chaos.t.Errorf("%s is still there %s after its node was killed", name, time.Since(killed))
			return
		case !ok && time.Since(start) > 3*goneWithin:
			p.chaos.t.Errorf("nobody can tell whether %s is still there", name)
			return
		}
	}
}

// steady is for how long one node has worked all the time.
func (c *chaos) steady() time.Duration {
	longest := time.Duration(0)
	for _, n := range c.nodes {
		n.mu.Lock()
		if n.address != "" {
			longest = max(longest, time.Since(n.since))
		}
		n.mu.Unlock()
	}
	return longest
}

// look asks who is there. The user on all nodes must be, if one of its connections has stood all the while.
func (p *people) look(ctx context.Context, witness **socketiotest.Client) (map[string]bool, bool) {
	p.mu.Lock()
	stood := make(map[*socketiotest.Client]bool)
	for n, c := range p.shared {
		stood[c] = n.up() != "" && !over(c)
	}
	p.mu.Unlock()
	if *witness == nil || over(*witness) {
		for _, n := range p.chaos.nodes {
			if address := n.up(); address != "" {
				if c, err := visit(ctx, address, "witness", square); err == nil {
					*witness = c
					break
				}
			}
		}
	}
	if *witness == nil {
		return nil, false
	}
	var out struct{ Users []struct{ UserID string } }
	r, err := (*witness).EmitAck(ctx, "join", map[string]any{"roomId": square})
	if err == nil {
		err = r.Decode(&out)
	}
	if err != nil || len(out.Users) == 0 {
		(*witness).Abort()
		*witness = nil
		return nil, false
	}
	users := make(map[string]bool)
	for _, u := range out.Users {
		users[u.UserID] = true
	}
	for c, before := range stood {
		if before && !over(c) && !users[everyone] {
			p.chaos.t.Errorf("a user who is on a living node has gone with another node")
		}
	}
	return users, true
}

func over(c *socketiotest.Client) bool {
	select {
	case <-c.Done():
		return true
	default:
		return false
	}
}

func (c *chaos) report(adapter string) {
	var acked, live, lost, late, recovered, refused int
	for _, room := range c.rooms {
		room.check()
		acked += len(room.acked)
		for _, r := range room.receivers {
			live, recovered, refused = live+len(r.live), recovered+r.recovered, refused+r.refused
			lost, late = lost+r.lost(), late+r.late
		}
	}
	c.t.Logf("%s: %v; %d messages acknowledged, %d delivered live, %d of them late, %d not while a receiver was connected; "+
		"%d sessions recovered, %d refused; %d users watched, gone within %s; Redis away %s",
		adapter, c.faults, acked, live, late, lost, recovered, refused, c.people.watched, c.people.longest.Round(time.Millisecond),
		time.Duration(c.outage.Load()).Round(time.Millisecond))
	if acked < 10 || recovered == 0 && *chaosTime >= goneWithin {
		c.t.Errorf("%d messages acknowledged, %d sessions recovered", acked, recovered)
	}
}
