package redis

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"parley/adapters/redisconn/redistest"
	"parley/namespaces/chat"
)

// Whatever clients do while Redis cuts connections, in the end it knows who is where.
func TestPresenceIsRightAfterTrouble(t *testing.T) {
	t.Parallel()
	s := redistest.Start(t)
	nodes := []*testNode{startNode(t, s, "a"), startNode(t, s, "b")}
	watch := join(nodes[0], "watch", "r0")
	var wg sync.WaitGroup
	var mu sync.Mutex
	here := map[string][]string{"r0": {"watch"}} // users by room
	for i := range 6 {
		wg.Go(func() {
			rnd := rand.New(rand.NewPCG(uint64(i), 1))
			user := fmt.Sprint("u", i/2) // of two clients each
			for round := range 4 {
				g := visit(nodes[(i+round)%2], user)
				in := map[string]bool{}
				for range 8 {
					room := fmt.Sprint("r", rnd.IntN(3))
					switch rnd.IntN(4) {
					case 0, 1:
						g.insist("join", object{"roomId": room})
						in[room] = true
					case 2:
						if in[room] {
							g.insist("leave", object{"roomId": room})
							delete(in, room)
						}
					case 3:
						if in[room] {
							g.insist("chat-message", object{"roomId": room, "content": "x", "clientId": fmt.Sprint(i, round)})
						}
					}
				}
				if round < 3 {
					g.Abort()
					continue
				}
				mu.Lock()
				for room := range in {
					here[room] = append(here[room], user)
				}
				mu.Unlock()
			}
		})
	}
	stop := make(chan struct{})
	var trouble sync.WaitGroup
	trouble.Go(func() {
		admin := s.Client(t)
		for {
			select {
			case <-stop:
				return
			case <-time.After(20 * time.Millisecond):
				_ = admin.ClientKillByFilter(t.Context(), "TYPE", "normal", "SKIPME", "yes").Err() // there may be none
			}
		}
	})
	wg.Wait()
	close(stop)
	trouble.Wait()
	for room, users := range here {
		slices.Sort(users)
		users = slices.Compact(users)
		until(t, fmt.Sprint(room, " has ", users), func() bool {
			r, err := watch.ask("join", object{"roomId": room})
			if err != nil {
				t.Fatal(err)
			}
			list, _ := r["users"].([]any)
			var got []string
			for _, u := range list {
				got = append(got, u.(object)["userId"].(string))
			}
			slices.Sort(got)
			if room != "r0" {
				got = slices.DeleteFunc(got, func(u string) bool { return u == "watch" })
			}
			return slices.Equal(got, users)
		})
	}
	until(t, "the list of rooms is right", func() bool {
		rooms, _, err := nodes[1].store.Rooms(t.Context(), 100)
		right := err == nil
		for _, r := range rooms {
			e, err := nodes[1].client.ZCard(t.Context(), nodes[1].db.key("chat", r.ID, "users")).Result()
			right = right && err == nil && int(e) == r.UserCount
		}
		return right
	})
	for _, n := range nodes {
		n.stop()
	}
	left, err := s.Client(t).Keys(t.Context(), "parley:*:sockets").Result()
	if err != nil || len(left) != 0 {
		t.Errorf("left behind: %s, %v", strings.Join(left, " "), err)
	}
}

func TestWhoJoinsAgainWhileRedisIsAwayStays(t *testing.T) {
	t.Parallel()
	s := redistest.Start(t, "--appendonly", "yes", "--appendfsync", "always")
	n := startNode(t, s, "a")
	ann := join(n, "ann", "tea")
	s.Kill()
	if r, err := ann.ask("join", object{"roomId": "tea"}); err != nil || r["ok"] == true {
		t.Fatalf("%v, %v", r, err)
	}
	s.Restart()
	until(t, "Redis knows all", func() bool { return n.db.Health() == nil && len(n.store.seats.unsettled()) == 0 })
	bob := visit(n, "bob")
	if users := bob.must("join", object{"roomId": "tea"})["users"].([]any); len(users) != 2 {
		t.Errorf("in the room: %v", users)
	}
	ann.must("chat-message", object{"content": "x"})
	bob.Expect("chat-message")
	ann.must("leave", object{})
	bob.Expect("user-left")
}

// An ambush runs something before the first command of a name that a client sends.
type ambush struct {
	command string
	once    sync.Once
	f       func()
}

func (a *ambush) DialHook(next redis.DialHook) redis.DialHook { return next }

func (a *ambush) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		if cmd.Name() == a.command {
			a.once.Do(a.f)
		}
		return next(ctx, cmd)
	}
}

func (a *ambush) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return next
}

// meanwhile starts f and returns when it is over, or waits for its turn to change the place of ann's socket.
func meanwhile(t *testing.T, c *chatStore, f func()) (over <-chan struct{}) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		f()
	}()
	until(t, "it is over, or waits", func() bool {
		select {
		case <-done:
			return true
		default:
		}
		c.online.mu.Lock()
		defer c.online.mu.Unlock()
		change := c.online.busy[sitting{"ann", "s1"}]
		return change != nil && change.users > 1
	})
	return done
}

// Who goes in the moment in which a node puts its users back is not online, and who comes back while a node takes
// out whom it owes is.
func TestOnlineIsWhatHappenedLast(t *testing.T) {
	t.Parallel()
	s := redistest.Start(t)
	for command, last := range map[string]func(*chatStore) error{
		"hset":    func(c *chatStore) error { return c.Depart(context.Background(), "ann", "s1") },
		"evalsha": func(c *chatStore) error { return c.Arrive(context.Background(), "ann", "s1") },
	} {
		client := connect(t, s)
		c := open(t, client, &Options{Prefix: command, Alive: time.Hour}).Chat(&chat.Options{}).(*chatStore)
		if err := c.Arrive(t.Context(), "ann", "s1"); err != nil {
			t.Fatal(err)
		}
		if command == "hset" {
			c.online.lag("ann", "s1", struct{}{})
		} else {
			c.online.owe("ann", "s1")
		}
		var over <-chan struct{}
		client.AddHook(&ambush{command: command, f: func() { over = meanwhile(t, c, func() { _ = last(c) }) }})
		c.online.mend(t.Context())
		if over == nil {
			t.Fatalf("there was no %s", command)
		}
		<-over
		online, err := c.Online(t.Context(), "ann")
		_, there := c.online.mark("ann", "s1")
		if want := command == "evalsha"; online != want || there != want || err != nil {
			t.Errorf("%s: online %t (%v), there %t, want %t", command, online, err, there, want)
		}
	}
}

// TestDeadNodesDoNotWaitForEachOther: their users are taken out without a pause between the nodes.
func TestDeadNodesDoNotWaitForEachOther(t *testing.T) {
	t.Parallel()
	db := open(t, connect(t, redistest.Start(t)), &Options{Alive: time.Hour})
	until(t, "the node is known", db.node.alive)
	dead := db.node.keys()[1]
	for i := range 10 {
		if err := db.client.ZAdd(t.Context(), dead, redis.Z{Member: fmt.Sprint("dead ", i)}).Err(); err != nil {
			t.Fatal(err)
		}
	}
	db.node.renew()
	until(t, "all are buried", func() bool { return db.client.ZCard(t.Context(), dead).Val() == 0 })
}

// Whoever has a room's turn after a socket has left it knows that it has: else a socket that is put in again there is
// forgotten, and stays for ever.
func TestWhoLeavesIsGoneWithItsTurn(t *testing.T) {
	t.Parallel()
	c := open(t, connect(t, redistest.Start(t)), &Options{Alive: time.Hour, Sync: synced}).Chat(nil).(*chatStore)
	ann := chat.User{UserID: "ann"}
	if _, err := c.Enter(t.Context(), "tea", "s1", ann, func(chat.Entered) {}); err != nil {
		t.Fatal(err)
	}
	next := make(chan bool, 1)
	err := c.Leave(t.Context(), "tea", "s1", func(chat.User) {
		unlock := sync.OnceFunc(c.seats.mu.Unlock)
		go func() {
			_ = c.db.turns.do(t.Context(), c.turn("tea"), false, func(context.Context, *hold) error {
				unlock()
				_, there := c.seats.mark("tea", "s1")
				next <- there
				return nil
			})
		}()
		until(t, "the next call waits for the turn", func() bool {
			c.db.turns.mu.Lock()
			defer c.db.turns.mu.Unlock()
			return len(c.db.turns.all[c.turn("tea")].waiting) == 1
		})
		c.seats.mu.Lock() // so that what is done behind the turn comes late
		time.AfterFunc(100*time.Millisecond, unlock)
	})
	if err != nil {
		t.Fatal(err)
	}
	if <-next {
		t.Error("it is still there")
	}
}
