package main

import (
	"bytes"
	"errors"
	"flag"
	"log/slog"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestDefaultsAreThoseOfTheContract(t *testing.T) {
	c, err := parseConfig(nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	want := &config{
		addr:           "127.0.0.1:3000",
		path:           "/socket.io/",
		transports:     []string{"polling", "websocket"},
		pingInterval:   25 * time.Second,
		pingTimeout:    20 * time.Second,
		connectTimeout: 45 * time.Second,
		recovery:       2 * time.Minute,
		maxPayload:     1_000_000,
		allowEIO3:      true,
		drain:          30 * time.Second,
		logFormat:      "text",
		logLevel:       slog.LevelInfo,

		redis:            redisConfig{adapter: "streams"},
		peer:             peerConfig{forward: true},
		rateLimit:        10,
		eventRate:        50,
		connectionsPerIP: 1000,
	}
	if !reflect.DeepEqual(c, want) {
		t.Errorf("%+v", c)
	}
}

func TestFlagWinsOverEnvironment(t *testing.T) {
	environ := []string{"PARLEY_PATH=/env", "PARLEY_PING_INTERVAL=7s", "PARLEY_DRAIN=", "PATH=/bin", "PARLEY_NOTHING=hidden", "PARLEY_USER=ann"}
	c, err := parseConfig([]string{"--path", "/flag/", "-max-payload=5"}, environ)
	if err != nil {
		t.Fatal(err)
	}
	if c.path != "/flag/" {
		t.Errorf("path %q", c.path)
	}
	if c.pingInterval != 7*time.Second {
		t.Errorf("ping interval %v", c.pingInterval)
	}
	if c.drain != 30*time.Second {
		t.Errorf("an empty variable made the drain time %v", c.drain)
	}
	if c.maxPayload != 5 {
		t.Errorf("max payload %d", c.maxPayload)
	}
	if !slices.Equal(c.unknownEnv, []string{"PARLEY_NOTHING", "PARLEY_USER"}) {
		t.Errorf("variables without effect: %q", c.unknownEnv)
	}
}

func TestSwitchNeedsNoValue(t *testing.T) {
	for args, want := range map[string]bool{"--allow-eio3": true, "--allow-eio3=off": false, "--allow-eio3=true": true, "--allow-eio3=false": false} {
		c, err := parseConfig([]string{args}, []string{"PARLEY_ALLOW_EIO3=off"})
		if err != nil || c.allowEIO3 != want {
			t.Errorf("%s: %+v, %v", args, c, err)
		}
	}
	if c, err := parseConfig(nil, []string{"PARLEY_ALLOW_EIO3=off"}); err != nil || c.allowEIO3 {
		t.Errorf("environment: %+v, %v", c, err)
	}
}

func TestListsAreTaken(t *testing.T) {
	c, err := parseConfig([]string{"--origins", "https://app.example, https://*.app.example,app://local,*", "--transports", "websocket"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(c.origins, []string{"https://app.example", "https://*.app.example", "app://local", "*"}) {
		t.Errorf("origins %q", c.origins)
	}
	if !slices.Equal(c.transports, []string{"websocket"}) {
		t.Errorf("transports %q", c.transports)
	}
}

func TestWrongValueIsToldWithItsFlag(t *testing.T) {
	for flagName, values := range map[string][]string{
		"addr":               {"", "3000", "localhost", "127.0.0.1:http", "127.0.0.1:65536", "127.0.0.1:-1", "::1:80"},
		"origins":            {"example.com", "https://app.example/", "https://app.example/x", "null", "//app.example", "https://a b", "https://u@h/", "https://app.example:443", "https://app.*"},
		"path":               {"", "/", "//", "socket.io", "/a//b", "/../x", "/a?b", "/{x}", "/a b", "/healthz", "/readyz/", "/stats"},
		"transports":         {"", ",", "webtransport", "polling,polling", "Polling"},
		"ping-interval":      {"", "0", "0s", "-1s", "25", "1us", "25h", "x"},
		"ping-timeout":       {"0s", "-1s"},
		"allow-eio3":         {"", "yes", "On"},
		"connect-timeout":    {"0s", "soon"},
		"max-payload":        {"", "0", "-1", "1.5", "1e6", "1MB", "1073741825", "99999999999999999999"},
		"rate-limit":         {"", "-1", "many", "100001"},
		"event-rate":         {"", "-1", "1000001"},
		"connections-per-ip": {"", "-1"},
		"trusted-proxies":    {"proxy", "10.0.0.0/33", "10.0.0.1,x", "fe80::1%eth0"},
		"ops-addr":           {"9090", "localhost"},
		"drain":              {"-1s", "30", "25h"},
		"log-format":         {"", "xml", "JSON"},
		"log-level":          {"", "loud", "INFO"},
		"redis-adapter":      {"", "classic", "Streams"},
		"redis-prefix":       {"a b", "a#b", "{a}", strings.Repeat("x", 65)},
	} {
		for _, v := range values {
			if _, err := parseConfig([]string{"--" + flagName + "=" + v}, nil); err == nil || !strings.Contains(err.Error(), "--"+flagName+" ") {
				t.Errorf("--%s=%q: %v", flagName, v, err)
			}
			if v == "" {
				continue // an empty variable says nothing
			}
			env := "PARLEY_" + strings.ToUpper(strings.ReplaceAll(flagName, "-", "_"))
			if _, err := parseConfig(nil, []string{env + "=" + v}); err == nil || !strings.Contains(err.Error(), "--"+flagName+" ") || !strings.Contains(err.Error(), env) {
				t.Errorf("%s=%q: %v", env, v, err)
			}
		}
	}
}

func TestUnknownFlagEndsWithCode2(t *testing.T) {
	for _, args := range [][]string{
		{"--redis-adapter", "sharded"}, {"--redis-prefix", "x"}, {"--redis-secret", "short"}, {"--redis-secret", strings.Repeat("x", 32)}, {"--jwt-secret", "short"}, {"--jwt-public-key", "/nowhere"}, {"--jwt-secret-file", "/nowhere"},
		{"--jwt-jwks", "/nowhere"}, {"--jwt-issuer", "me"}, {"--jwt-audience", "us"}, {"--jwt-secret", strings.Repeat("x", 32), "--jwt-jwks", "keys.json"},
		{"--recovery", "-1s"}, {"--user", "ann"}, {"--nonsense"}, {"serve"}, {"--addr"}, {"--drain", "x"},
	} {
		var stdout, stderr bytes.Buffer
		if code := run(args, nil, nil, &stdout, &stderr); code != exitUsage || stdout.Len() > 0 {
			t.Errorf("%q: code %d, stdout %q", args, code, &stdout)
		}
		if !strings.Contains(stderr.String(), args[0]) {
			t.Errorf("%q is not named in %q", args[0], &stderr)
		}
	}
}

func TestHelpListsAllFlags(t *testing.T) {
	for _, arg := range []string{"--help", "-h"} {
		if _, err := parseConfig([]string{arg}, nil); !errors.Is(err, flag.ErrHelp) {
			t.Errorf("%s: %v", arg, err)
		}
	}
	var stdout, stderr bytes.Buffer
	if code := run([]string{"--help"}, nil, nil, &stdout, &stderr); code != exitOK || stderr.Len() > 0 {
		t.Errorf("code %d, stderr %q", code, &stderr)
	}
	for _, s := range settings {
		for _, part := range []string{"--" + s.name, s.kind, s.env(), s.def, s.help} {
			if !strings.Contains(stdout.String(), part) {
				t.Errorf("the help says nothing of %q", part)
			}
		}
	}
}
