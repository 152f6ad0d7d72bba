package redis

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"parley/adapters/redisconn/redistest"
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
