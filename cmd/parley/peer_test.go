package main

import (
	"net"
	"strings"
	"testing"
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
