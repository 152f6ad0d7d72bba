package main

import (
	"bytes"
	"slices"
	"strings"
	"testing"
)

func TestRedisURLIsTaken(t *testing.T) {
	c, err := parseConfig([]string{"--redis-url", "rediss://ann:p%40ss%2Fword@h1,h2:7000,[::1]/?cluster=true", "--redis-adapter", "pubsub"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	o := c.redis.url
	if !slices.Equal(o.Addrs, []string{"h1:6379", "h2:7000", "[::1]:6379"}) || !o.IsClusterMode || o.TLSConfig == nil {
		t.Errorf("%+v", o)
	}
	if o.Username != "ann" || o.Password != "p@ss/word" || !o.ContextTimeoutEnabled || c.redis.adapter != "pubsub" {
		t.Errorf("%+v", c.redis)
	}
	o, err = parseRedisURL("redis://:secret@s1:26379,s2:26379/3?sentinel=mymaster&sentinel_password=x%26y")
	if err != nil {
		t.Fatal(err)
	}
	if o.MasterName != "mymaster" || o.SentinelPassword != "x&y" || o.DB != 3 || o.Password != "secret" || o.Username != "" || o.TLSConfig != nil {
		t.Errorf("%+v", o)
	}
}

func TestWrongRedisURLIsToldWithoutItsPassword(t *testing.T) {
	const password = "hunter2"
	for _, v := range []string{
		"localhost:6379", "http://:hunter2@localhost", "redis://", "redis:///0", "redis://:hunter2@:6379", "redis://:hunter2@h:port", "redis://:hunter2@h:0",
		"redis://:hunter2@h/x", "redis://:hunter2@h/-1", "redis://:hunter2%zz@h", "redis://:hunter2@h?x=hunter2", "redis://:hunter2@a,b", "redis://:hunter2@h?cluster=hunter2",
		"redis://:hunter2@a,b?cluster=true&sentinel=m", "redis://:hunter2@a/1?cluster=true", "redis://a?sentinel_password=hunter2", "redis://a?sentinel=",
		"redis://a?sentinel=m&sentinel=hunter2", "redis://a?ca=ca.pem", "rediss://a?ca=/nowhere", "rediss://a?ca=redisconfig_test.go", "redis://:hunter2/x@h", "redis://a?%zz",
		"redis://::1", "redis://a b:hunter2@h d",
	} {
		for _, given := range []struct{ args, environ []string }{{[]string{"--redis-url", v}, nil}, {nil, []string{"PARLEY_REDIS_URL=" + v}}} {
			_, err := parseConfig(given.args, given.environ)
			if err == nil {
				t.Errorf("%q is taken", v)
			} else if text := err.Error(); !strings.Contains(text, "--redis-url") || strings.Contains(text, password) {
				t.Errorf("%q: %s", v, text)
			}
		}
	}
}

func TestFileAndRedisExcludeEachOther(t *testing.T) {
	var stdout, stderr bytes.Buffer
	if code := run([]string{"--data", "x", "--redis-url", "redis://localhost"}, nil, nil, &stdout, &stderr); code != exitUsage {
		t.Errorf("code %d", code)
	}
	if text := stderr.String(); !strings.Contains(text, "--data") || !strings.Contains(text, "--redis-url") {
		t.Error(text)
	}
}

func TestRedisSecretIsNotShown(t *testing.T) {
	var stdout, stderr bytes.Buffer
	if code := run([]string{"--redis-url", "redis://localhost", "--redis-secret", "hunter2"}, nil, nil, &stdout, &stderr); code != exitUsage || strings.Contains(stderr.String(), "hunter2") {
		t.Errorf("code %d: %s", code, &stderr)
	}
}
