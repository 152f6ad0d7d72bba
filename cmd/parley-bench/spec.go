package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"
)

// scenarioNames are the scenarios in the order in which they are run.
var scenarioNames = []string{"echo", "ack", "pipelined", "paced", "burst", "rooms", "connect", "idle"}

// acrossNames are the scenarios of two processes of a server that share a Redis, which are run only when asked for.
var acrossNames = []string{"across", "flood"}

// A serverSpec names one server to drive: a command that is started for every scenario, or an address where it runs.
type serverSpec struct {
	Name    string `json:"name"`
	Command string `json:"command,omitempty"`
	Addr    string `json:"addr,omitempty"`
	PID     int    `json:"pid,omitempty"`
}

// placeOfRedis stands in a command for the host:port of the Redis that two servers share.
const placeOfRedis = "{redis}"

// A runSpec is what `parley-bench run` was asked to do.
type runSpec struct {
	Servers   []serverSpec  `json:"servers"`
	Scenarios []string      `json:"scenarios"`
	Rounds    int           `json:"rounds"`
	Payload   int           `json:"payloadBytes"`
	Scale     float64       `json:"scale"`
	Idle      time.Duration `json:"idleNanoseconds"`
	Patience  time.Duration `json:"patienceNanoseconds"`
	JSON      string        `json:"-"`
}

const runUsage = `usage: parley-bench run --server 'name=command {addr}' [--server …] [flags]

Drives Socket.IO servers over WebSocket, one after the other, and prints their figures side by side. A --server is
started afresh for every scenario and round (split at spaces, no shell; {addr} becomes host:port); a server that runs
already is given with --at. Exits with 1 if anything was lost, out of order or never completed.

`

// parseRun reads the arguments of `parley-bench run`. What the flag package has to say goes to out.
func parseRun(args []string, out io.Writer) (runSpec, error) {
	spec := runSpec{Scenarios: slices.Clone(scenarioNames)}
	flags := flag.NewFlagSet("parley-bench run", flag.ContinueOnError)
	flags.SetOutput(out)
	flags.Usage = func() {
		fmt.Fprint(out, runUsage)
		flags.PrintDefaults()
	}
	add := func(parse func(string) (serverSpec, error)) func(string) error {
		return func(value string) error {
			s, err := parse(value)
			spec.Servers = append(spec.Servers, s)
			return err
		}
	}
	flags.Func("server", "`name=command` of a server to start; repeat it to compare, the first is the measure", add(parseCommand))
	flags.Func("at", "`name=host:port[,pid]` of a server that runs; without its process id no CPU and memory figures", add(parseAddr))
	flags.Func("scenarios", "comma-separated `list`; "+strings.Join(scenarioNames, ",")+" if left out; "+strings.Join(acrossNames, ",")+
		" start two processes of each server, and a Redis whose host:port takes the place of {redis} in the command", func(value string) error {
		spec.Scenarios = strings.Split(value, ",")
		return nil
	})
	flags.IntVar(&spec.Rounds, "rounds", 2, "how often each scenario is run on each server, in turns: A B A B")
	flags.IntVar(&spec.Payload, "payload", 64, fmt.Sprintf("`bytes` of JSON in each message, at least %d", minPayload))
	flags.Float64Var(&spec.Scale, "scale", 1, "`factor` on all numbers of messages and clients, for a quick look")
	flags.DurationVar(&spec.Idle, "idle", 26*time.Second, "how long the idle scenario watches; every client is pinged within 25 s")
	flags.DurationVar(&spec.Patience, "patience", 10*time.Second, "how long a server may be silent before what is due counts as lost")
	flags.StringVar(&spec.JSON, "json", "", "also write a report to this `file`")
	if err := flags.Parse(args); err != nil {
		return runSpec{}, err
	}
	if flags.NArg() > 0 {
		return runSpec{}, fmt.Errorf("unexpected argument %q", flags.Arg(0))
	}
	return spec, spec.check()
}

func (s *runSpec) check() error {
	if len(s.Servers) == 0 {
		return errors.New("no server: give at least one --server or --at")
	}
	names := make(map[string]bool)
	for _, server := range s.Servers {
		if names[server.Name] {
			return fmt.Errorf("two servers are named %q", server.Name)
		}
		names[server.Name] = true
	}
	for _, name := range s.Scenarios {
		if !slices.Contains(scenarioNames, name) && !slices.Contains(acrossNames, name) {
			return fmt.Errorf("unknown scenario %q, known: %s", name, strings.Join(slices.Concat(scenarioNames, acrossNames), ", "))
		}
	}
	for _, server := range s.Servers {
		if across := slices.Contains(acrossNames, s.Scenarios[0]); across != strings.Contains(server.Command, placeOfRedis) {
			return fmt.Errorf("server %q: %s in the command is for the scenarios %s", server.Name, placeOfRedis, strings.Join(acrossNames, ", "))
		}
	}
	for _, name := range s.Scenarios {
		if slices.Contains(acrossNames, name) != slices.Contains(acrossNames, s.Scenarios[0]) {
			return fmt.Errorf("--scenarios: %s cannot be in one run with others", strings.Join(acrossNames, ", "))
		}
	}
	switch {
	case s.Rounds < 1 || s.Rounds > 100:
		return fmt.Errorf("--rounds %d: from 1 to 100", s.Rounds)
	case s.Payload < minPayload || s.Payload > 64<<10:
		return fmt.Errorf("--payload %d: from %d to %d", s.Payload, minPayload, 64<<10)
	case !(s.Scale > 0 && s.Scale <= 10):
		return fmt.Errorf("--scale %g: above 0, at most 10", s.Scale)
	case s.Patience <= 0 || s.Patience > time.Minute:
		return fmt.Errorf("--patience %v: above 0, at most 1m", s.Patience)
	case s.Idle <= 0 || s.Idle > 10*time.Minute:
		return fmt.Errorf("--idle %v: above 0, at most 10m", s.Idle)
	}
	return nil
}

// scaled applies the factor --scale to a number of the full load; at least least is left.
func (s *runSpec) scaled(n, least int) int {
	return max(least, int(float64(n)*s.Scale))
}

func parseCommand(value string) (serverSpec, error) {
	name, command, ok := strings.Cut(value, "=")
	if !ok || name == "" || strings.TrimSpace(command) == "" {
		return serverSpec{}, errors.New("want name=command")
	}
	if !strings.Contains(command, "{addr}") {
		return serverSpec{}, errors.New("the command lacks {addr}, the place for host:port")
	}
	return serverSpec{Name: name, Command: command}, nil
}

func parseAddr(value string) (serverSpec, error) {
	name, addr, ok := strings.Cut(value, "=")
	if !ok || name == "" {
		return serverSpec{}, errors.New("want name=host:port")
	}
	addr, process, withPID := strings.Cut(addr, ",")
	if _, err := netip.ParseAddrPort(addr); err != nil {
		return serverSpec{}, fmt.Errorf("%q is not an IP address and a port", addr)
	}
	s := serverSpec{Name: name, Addr: addr}
	if withPID {
		var err error
		if s.PID, err = strconv.Atoi(process); err != nil || s.PID <= 0 {
			return serverSpec{}, fmt.Errorf("%q is not a process id", process)
		}
	}
	return s, nil
}
