package main

import (
	"net/http"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"parley/adapters/redisconn/redistest"
)

// await polls a path until it has the status.
func (r *running) await(t *testing.T, path string, status int) (text string) {
	t.Helper()
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		got, body := get(t, r.url+path)
		if got == status {
			return body
		}
		text = body
	}
	t.Fatalf("%s never answers %d: %q\n%s", path, status, text, r.log)
	return ""
}

// startNode starts a server that shares the others' state.
func startNode(t *testing.T, redis *redistest.Server, args ...string) *running {
	t.Helper()
	return startNodeAt(t, "redis://"+redis.Addr, args...)
}

func startNodeAt(t *testing.T, redisURL string, args ...string) *running {
	t.Helper()
	r := start(t, append([]string{"--redis-url", redisURL}, args...)...)
	r.await(t, "/readyz", http.StatusOK)
	return r
}

func TestTwoNodesShareTheChat(t *testing.T) {
	alone := "redis://" + redistest.Start(t).Addr + "/0"
	var masters []string
	for _, m := range redistest.StartCluster(t, 3).Masters {
		masters = append(masters, m.Addr)
	}
	cluster := "redis://" + strings.Join(masters, ",") + "?cluster=true"
	signed := []string{"--redis-secret", strings.Repeat("s", 32)}
	for _, row := range []struct {
		adapter, url string
		args         []string
	}{
		{"streams", alone, nil}, {"pubsub", alone, signed}, {"sharded", alone, nil}, {"pubsub", cluster, nil}, {"sharded", cluster, signed},
		{"streams", cluster, []string{"--recovery", "0s"}},
	} {
		t.Run(row.adapter, func(t *testing.T) {
			args := append([]string{"--redis-adapter", row.adapter, "--redis-prefix", row.adapter}, row.args...)
			a, b := startNodeAt(t, row.url, args...), startNodeAt(t, row.url, args...)
			ann := connect(t, a.url, "/socket.io/", `40/chat,{"userId":"u1","username":"Ann"}`)
			bob := connect(t, b.url, "/socket.io/", `40/chat,{"userId":"u2","username":"Bob"}`)
			ann.send(t, `42/chat,0["join",{"roomId":"tea"}]`)
			ann.await(t, `43/chat,0[{"ok":true,`)
			bob.send(t, `42/chat,0["join",{"roomId":"tea"}]`)
			bob.await(t, `"users":[{"userId":"u1","username":"Ann"},{"userId":"u2","username":"Bob"}]`)
			ann.await(t, `42/chat,["user-joined",{"roomId":"tea","userId":"u2","username":"Bob",`)
			bob.send(t, `42/chat,["chat-message",{"content":"hello"}]`)
			ann.await(t, `"content":"hello"`)
			bob.await(t, `"content":"hello"`)
			ann.send(t, `42/chat,1["direct-message",{"recipientId":"u2","content":"psst"}]`)
			bob.await(t, `"content":"psst"`)
			b.signals <- syscall.SIGTERM
			if code := b.ended(t); code != exitOK {
				t.Errorf("code %d", code)
			}
			ann.await(t, `42/chat,["user-left",{"roomId":"tea","userId":"u2","username":"Bob",`)
			if log := a.log.String() + b.log.String(); strings.Contains(log, "level=ERROR") {
				t.Error(log)
			}
		})
	}
}

func TestReadinessFollowsRedis(t *testing.T) {
	redis := redistest.Start(t)
	redis.Kill()
	r := start(t, "--redis-url", "redis://"+redis.Addr)
	if status, _ := get(t, r.url+"/healthz"); status != http.StatusOK {
		t.Errorf("healthz: %d", status)
	}
	if status, _ := get(t, r.url+"/readyz"); status != http.StatusServiceUnavailable {
		t.Errorf("readyz without Redis: %d", status)
	}
	redis.Restart()
	r.await(t, "/readyz", http.StatusOK)
	ann := connect(t, r.url, "/socket.io/", "40")
	bob := connect(t, r.url, "/socket.io/", "40")
	ann.send(t, `42["subscribe","news"]`)

	for how, cycle := range map[string][2]func(){
		"killed": {redis.Kill, redis.Restart},
		"frozen": {redis.Pause, redis.Resume},
	} {
		cycle[0]()
		began := time.Now()
		r.await(t, "/readyz", http.StatusServiceUnavailable)
		if took := time.Since(began); took > 8*time.Second {
			t.Errorf("%s: noticed after %v", how, took)
		}
		if figures := r.await(t, "/metrics", http.StatusOK); !strings.Contains(figures, "\nparley_redis_up 0\n") {
			t.Errorf("%s: %s", how, figures)
		}
		bob.send(t, `42["publish",{"channel":"news","message":"`+how+`"}]`)
		ann.await(t, `42["message","`+how+`"`)
		cycle[1]()
		r.await(t, "/readyz", http.StatusOK)
	}
	figures := r.await(t, "/metrics", http.StatusOK)
	for _, line := range []string{`parley_redis_up 1`, `parley_redis_reconnects_total [1-9]\d*`, `parley_redis_channels [1-9]\d*`, `parley_redis_bad_messages_total 0`} {
		if !regexp.MustCompile("(?m)^" + line + "$").MatchString(figures) {
			t.Errorf("no %s in the metrics:\n%s", line, figures)
		}
	}
	r.log.await(t, "Redis is away")
	r.log.await(t, "Redis is back")
}

func TestPasswordOfRedisIsNotLogged(t *testing.T) {
	redis := redistest.Start(t)
	if err := redis.Client(t).ConfigSet(t.Context(), "requirepass", "right").Err(); err != nil {
		t.Fatal(err)
	}
	const wrong = "hunter2"
	r := start(t, "--redis-url", "redis://:"+wrong+"@"+redis.Addr, "--log-level", "debug")
	r.log.await(t, "Redis is away.*WRONGPASS")
	if status, _ := get(t, r.url+"/readyz"); status != http.StatusServiceUnavailable {
		t.Errorf("readyz: %d", status)
	}
	r.signals <- syscall.SIGTERM
	if code := r.ended(t); code != exitOK {
		t.Errorf("code %d", code)
	}
	if log := r.log.String(); strings.Contains(log, wrong) {
		t.Error(log)
	}
}

func TestRevokedTokensAreRefusedOnAllNodes(t *testing.T) {
	redis := redistest.Start(t)
	redis.Kill()
	args := []string{"--redis-url", "redis://" + redis.Addr, secretFile(t)}
	a, ops := startOps(t, args...)
	const anything = "/socket.io/?EIO=4&transport=polling"
	if status, _ := get(t, a.url+anything); status != http.StatusServiceUnavailable {
		t.Errorf("before it is known who is revoked: %d", status)
	}
	if status, text := post(t, ops+"/admin/revoke", `{"userId":"u1"}`); status != http.StatusServiceUnavailable || !strings.Contains(text, "unavailable") {
		t.Errorf("without Redis: %d %s", status, text)
	}
	redis.Restart()
	a.await(t, "/readyz", http.StatusOK)
	b := start(t, args...)
	b.await(t, "/readyz", http.StatusOK)
	token := printed(t, "--user", "u1")
	c := connect(t, b.url, "/socket.io/", `40/chat,{"token":"`+token+`"}`)
	if status, text := post(t, ops+"/admin/revoke", `{"userId":"u1"}`); status != http.StatusOK {
		t.Fatalf("%d %s", status, text)
	}
	c.await(t, `42/chat,["error",{"code":"token_revoked",`)
	refusedBy(t, b.url, "/chat", `{"token":"`+token+`"}`)

	redis.Kill() // who was let in before knows the list
	if status, _ := get(t, b.url+anything); status != http.StatusOK {
		t.Errorf("without Redis, later: %d", status)
	}
}
