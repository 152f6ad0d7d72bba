package main

import (
	"bytes"
	"errors"
	"flag"
	"io"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestRunArguments(t *testing.T) {
	got, err := parseRun([]string{
		"--server", "ours=parley-bench serve --addr {addr}", "--at", "theirs=127.0.0.1:3000,42", "--rounds", "3",
		"--scenarios", "burst,idle", "--payload", "100", "--scale", "0.5", "--idle", "5s", "--patience", "2s", "--json", "r.json",
	}, io.Discard)
	want := runSpec{
		Servers: []serverSpec{
			{Name: "ours", Command: "parley-bench serve --addr {addr}"},
			{Name: "theirs", Addr: "127.0.0.1:3000", PID: 42},
		},
		Scenarios: []string{"burst", "idle"}, Rounds: 3, Payload: 100, Scale: 0.5,
		Idle: 5 * time.Second, Patience: 2 * time.Second, JSON: "r.json",
	}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, error %v\nwant %+v", got, err, want)
	}
}

func TestRunArgumentsLeftOut(t *testing.T) {
	got, err := parseRun([]string{"--at", "a=127.0.0.1:1"}, io.Discard)
	if err != nil || !slices.Equal(got.Scenarios, scenarioNames) || got.Rounds != 2 || got.Scale != 1 {
		t.Errorf("got %+v, error %v", got, err)
	}
}

func TestImpossibleRunArgumentsAreNamed(t *testing.T) {
	for _, c := range []struct{ args, want string }{
		{"", "no server"},
		{"--server a", "name=command"},
		{"--server a=node", "{addr}"},
		{"--at a=localhost", "not an IP address"},
		{"--at a=127.0.0.1:1,x", "not a process id"},
		{"--at a=127.0.0.1:1 --at a=127.0.0.1:2", `named "a"`},
		{"--at a=127.0.0.1:1 --scenarios echo,nap", `"nap"`},
		{"--at a=127.0.0.1:1 --rounds 0", "--rounds"},
		{"--at a=127.0.0.1:1 --payload 1", "--payload"},
		{"--at a=127.0.0.1:1 --scale 0", "--scale"},
		{"--at a=127.0.0.1:1 --scale NaN", "--scale"},
		{"--at a=127.0.0.1:1 --idle -1s", "--idle"},
		{"--at a=127.0.0.1:1 --patience 0s", "--patience"},
		{"--at a=127.0.0.1:1 more", `"more"`},
		{"--at a=127.0.0.1:1 --scenarios across", "{redis}"},
	} {
		if _, err := parseRun(strings.Fields(c.args), io.Discard); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want it to contain %s", c.args, err, c.want)
		}
	}
}

func TestHelpListsTheFlags(t *testing.T) {
	var out bytes.Buffer
	if _, err := parseRun([]string{"--help"}, &out); !errors.Is(err, flag.ErrHelp) || !strings.Contains(out.String(), "-scenarios list") {
		t.Errorf("error %v, help:\n%s", err, &out)
	}
}
