package redisstreams_test

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"parley/adapters/redisconn"
	"parley/adapters/redisconn/redistest"
	"parley/adapters/redisstreams"
	"parley/server/socketio"
	"parley/server/socketiotest"
)

// found waits until Redis knows the servers as those that are asked for sessions.
func found(t *testing.T, client *redis.Client, opts *redisstreams.Options, servers int64) {
	t.Helper()
	channel := opts.ChannelPrefix + "-parley#/stage#"
	(&site{T: t}).until("the servers listen", func() bool {
		return client.PubSubNumSub(context.Background(), channel).Val()[channel] == servers
	})
}

// takesOver lets a client come from one server to another, without the first one's noticing.
func takesOver(from, to *site) {
	from.Helper()
	c := from.dial(socketiotest.State{})
	state := c.State()
	c.Pause()
	to.recovers(state, true).Abort()
	c.Abort()
}

// TestNodeServersHearNothingOfTakeovers: what servers ask each other about sessions is on no channel, and in no key, that is Node's.
func TestNodeServersHearNothingOfTakeovers(t *testing.T) {
	t.Parallel()
	client := redistest.Start(t).Client(t)
	opts := options()
	s := sites(t, 2, client, opts, socketio.Recovery{MaxWait: patience})
	found(t, client, opts, 2)
	ctx := context.Background()
	node := client.PSubscribe(ctx, opts.ChannelPrefix+"#*")
	defer node.Close()
	if _, err := node.Receive(ctx); err != nil {
		t.Fatal(err)
	}
	before := client.XLen(ctx, opts.StreamName).Val()
	takesOver(s[0], s[1])
	s[0].dial(socketiotest.State{PID: "unknown"})
	if after := client.XLen(ctx, opts.StreamName).Val(); after != before {
		t.Errorf("%d entries more", after-before)
	}
	if err := client.Publish(ctx, opts.ChannelPrefix+"#end", "").Err(); err != nil {
		t.Fatal(err)
	}
	if m := <-node.Channel(); m.Channel != opts.ChannelPrefix+"#end" {
		t.Errorf("a message on %s: %q", m.Channel, m.Payload)
	}
}

// TestServersThatDoNotAnswer are waited for, but not for long, and not each time. Those that are gone are not waited for.
func TestServersThatDoNotAnswer(t *testing.T) {
	t.Parallel()
	client := redistest.Start(t).Client(t)
	opts := options()
	const wait = 3 * time.Second
	s := sites(t, 3, client, opts, socketio.Recovery{MaxWait: wait})
	found(t, client, opts, 3)
	frozen := client.Subscribe(context.Background(), opts.ChannelPrefix+"-parley#/stage#")
	defer frozen.Close()
	found(t, client, opts, 4)
	stale := func() time.Duration {
		begin := time.Now()
		s[0].recovers(socketiotest.State{PID: "unknown"}, false)
		return time.Since(begin)
	}
	takesOver(s[1], s[0]) // those that are there answer
	takesOver(s[2], s[1])
	if first := stale(); first < wait {
		t.Errorf("waited %v for a server that may still answer", first)
	}
	begin := time.Now()
	for range 5 {
		stale()
	}
	if all := time.Since(begin); all > 3*wait {
		t.Errorf("five waited %v", all)
	}
	_ = frozen.Close()
	found(t, client, opts, 3)
	c := s[2].dial(socketiotest.State{})
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := s[2].cluster.Close(ctx); err != nil { // it has its socket, and nobody hears of it
		t.Fatal(err)
	}
	found(t, client, opts, 2)
	begin = time.Now()
	s[1].recovers(c.State(), false)
	if waited := time.Since(begin); waited >= wait {
		t.Errorf("waited %v for a server that is gone", waited)
	}
}

// TestWhileRedisIsAway nobody waits long for a session that may be elsewhere.
func TestWhileRedisIsAway(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	opts := options()
	opts.Conn = &redisconn.Options{Logger: opts.Logger, MaxAge: 300 * time.Millisecond, Timeout: 300 * time.Millisecond}
	s := sites(t, 2, server.Client(t), opts, socketio.Recovery{})
	c := s[0].dial(socketiotest.State{})
	server.Kill()
	begin := time.Now()
	s[1].recovers(c.State(), false)
	if waited := time.Since(begin); waited > 5*time.Second {
		t.Errorf("waited %v", waited)
	}
}

// TestForgedLettersEndNoSockets: with a secret whoever has none is not heard, and without one a pid must be known.
func TestForgedLettersEndNoSockets(t *testing.T) {
	t.Parallel()
	client := redistest.Start(t).Client(t)
	for _, secret := range [][]byte{nil, []byte("0123456789abcdef")} {
		opts := options()
		opts.Secret = secret
		s := sites(t, 2, client, opts, socketio.Recovery{MaxWait: patience})
		prefix := opts.ChannelPrefix
		if secret != nil {
			prefix = "parley-signed:" + prefix
		}
		all := prefix + "-parley#/stage#"
		s[0].until("the servers listen", func() bool {
			return client.PubSubNumSub(context.Background(), all).Val()[all] == 2
		})
		c := s[0].dial(socketiotest.State{})
		pid, bad := c.State().PID, s[0].cluster.Health().BadMessages
		if secret == nil {
			pid = "guessed"
		}
		letters := []string{"", "{", "[]", `{"kind":7}`, `{"kind":"answer","nsp":"/stage","request":1,"held":true}`}
		for _, kind := range []string{"find", "release", "unknown"} {
			text, err := json.Marshal(map[string]any{"kind": kind, "nsp": "/stage", "from": "forged", "request": 1, "pid": pid})
			if err != nil {
				t.Fatal(err)
			}
			letters = append(letters, string(text), string(text[:len(text)-1])+`,"user":{}}`)
		}
		for _, text := range letters {
			if err := client.Publish(context.Background(), all, text).Err(); err != nil {
				t.Fatal(err)
			}
		}
		s[0].until("they are refused", func() bool { return s[0].cluster.Health().BadMessages > bad })
		takesOver(s[1], s[0]) // they can talk
		if s[0].emit(1); s[0].next(c) != 1 {
			t.Error("the socket is gone")
		}
	}
}

// TestHooksThatTakeLong hold up a client that comes to another server for Options.Timeout at most. Then it starts anew.
func TestHooksThatTakeLong(t *testing.T) {
	t.Parallel()
	client := redistest.Start(t).Client(t)
	opts := options()
	opts.Timeout = 200 * time.Millisecond
	s := sites(t, 2, client, opts, socketio.Recovery{MaxWait: patience})
	found(t, client, opts, 2)
	goOn := make(chan struct{})
	s[0].ns.OnDisconnect(func(context.Context, *socketio.Socket, socketio.Reason) { <-goOn })
	c := s[0].dial(socketiotest.State{})
	state := c.State()
	c.Pause()
	s[1].recovers(state, false)
	close(goOn)
	s[0].until("the old socket has left", func() bool { return s[0].server.Stats().Away == 1 })
	s[1].recovers(state, true) // the session is in Redis now
	c.Abort()
}
