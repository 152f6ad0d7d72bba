package main

import (
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"

	"parley/adapters/redisconn/redistest"
)

func TestPeerFlags(t *testing.T) {
	const shared = "--redis-url=redis://localhost"
	for args, want := range map[string]peerConfig{
		"":                                 {true, "", ""},
		shared + " --forward=off":          {false, "", ""},
		shared + " --peer-addr=:3001":      {true, ":3001", ""},
		shared + " --peer-url=http://a:1/": {true, "", "http://a:1"},
	} {
		c, err := parseConfig(strings.Fields(args), nil)
		if err != nil || c.peer != want {
			t.Errorf("%s: %+v, %v", args, c, err)
		}
	}
	for args, flag := range map[string]string{
		"--peer-addr=:3001":                       "--peer-addr",
		"--peer-url=http://a:1":                   "--peer-url",
		shared + " --forward=off --peer-addr=:1":  "--peer-addr",
		shared + " --peer-addr=x":                 "--peer-addr",
		shared + " --peer-url=a:1":                "--peer-url",
		shared + " --peer-url=http://a":           "--peer-url",
		shared + " --peer-url=http://a:1/path":    "--peer-url",
		shared + " --peer-url=http://me@a:1":      "--peer-url",
		shared + " --forward=perhaps --peer-url=": "--forward",
	} {
		if _, err := parseConfig(strings.Fields(args), nil); err == nil || !strings.Contains(err.Error(), flag) {
			t.Errorf("%s: %v", args, err)
		}
	}
}

func TestWhereANodeIsReached(t *testing.T) {
	for _, c := range []struct {
		at   string
		want string
	}{
		{"192.0.2.7:3000", "192.0.2.7:3000"},
		{"[2001:db8::1]:3000", "[2001:db8::1]:3000"},
		{"0.0.0.0:3000", "127.0.0.1:3000"}, // on the way to this Redis
		{"[::]:3000", "127.0.0.1:3000"},
	} {
		at, err := net.ResolveTCPAddr("tcp", c.at)
		if err != nil {
			t.Fatal(err)
		}
		if got := reachable(at, []string{"no.such.host.invalid:6379", "127.0.0.1:6379"}); got != c.want {
			t.Errorf("%s: %s, want %s", c.at, got, c.want)
		}
	}
}

// TestAnyNodeServesASession, also one that other nodes reach at an address of their own, until its node has gone.
func TestAnyNodeServesASession(t *testing.T) {
	redis := redistest.Start(t)
	a, b := startNode(t, redis), startNode(t, redis, "--peer-addr", "127.0.0.1:0")
	off := startNode(t, redis, "--forward=off")
	const unknown = `{"code":1,"message":"Session ID unknown"}`
	for _, c := range []struct{ owner, door *running }{{a, b}, {b, a}} {
		client := connect(t, c.owner.url, "/socket.io/", `40/chat,{"userId":"u1"}`)
		elsewhere := pollClient{strings.Replace(client.url, c.owner.url, c.door.url, 1)}
		elsewhere.send(t, `42/chat,0["rooms"]`)
		client.await(t, `43/chat,0[{"ok":true`)
		client.send(t, `42/chat,1["rooms"]`)
		elsewhere.await(t, `43/chat,1[{"ok":true`)
		if status, text := get(t, strings.Replace(client.url, c.owner.url, off.url, 1)); status != http.StatusBadRequest || text != unknown {
			t.Errorf("without forwarding: %d %q", status, text)
		}
	}
	for _, line := range []string{"parley_forward_accepted_total 2", "parley_forward_failed_total 0", "parley_forward_open 0", "parley_forward_nodes 1", "parley_forward_listed 1"} {
		if _, figures := get(t, a.url+"/metrics"); !strings.Contains(figures, "\n"+line+"\n") {
			t.Errorf("no %s in the metrics:\n%s", line, figures)
		}
	}

	client := connect(t, a.url, "/socket.io/", "40")
	a.signals <- syscall.SIGTERM
	if code := a.ended(t); code != exitOK {
		t.Errorf("code %d", code)
	}
	if status, text := get(t, strings.Replace(client.url, a.url, b.url, 1)); status != http.StatusBadRequest || text != unknown {
		t.Errorf("of a node that has gone: %d %q", status, text)
	}
}
