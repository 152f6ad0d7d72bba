package main

import (
	"cmp"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"strconv"
	"strings"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"
)

// redisConfig says how nodes share a Redis. Without an address there is one node, in memory.
type redisConfig struct {
	url     *redis.UniversalOptions // nil: none
	adapter string
	prefix  string // empty: those of Node, and of the stores
	secret  string // empty: none
}

// secretURL is the kind of a setting whose value may hold a password and is never shown.
const secretURL = "url"

// leastRedisSecret is in bytes: as many as the MAC has.
const leastRedisSecret = 32

var redisSettings = []setting{
	{"redis-url", secretURL, "", "Redis 7 that nodes share, as redis://user:password@host:6379/0, or rediss:// for TLS; several hosts are separated by commas and need ?cluster=true or ?sentinel=name-of-the-master; " +
		"more: sentinel_username, sentinel_password, ca=file with the root certificates for TLS; in a password all but letters and digits is percent-encoded; better in the environment, as other users of the machine can read command lines; none: one node, in memory",
		func(c *config, v string) (err error) { c.redis.url, err = parseRedisURL(v); return }},
	{"redis-adapter", "streams|pubsub|sharded", "streams", "how nodes talk, as the Node servers on the same Redis do: @socket.io/redis-streams-adapter 0.3, createAdapter or createShardedAdapter of @socket.io/redis-adapter; " +
		"only with streams can a client recover on another node",
		func(c *config, v string) (err error) {
			c.redis.adapter, err = parseWord(v, "streams", "pubsub", "sharded")
			return
		}},
	{"redis-prefix", "text", "", "begin of all names in Redis; none: socket.io for what Node servers share (their key, channelPrefix and streamName), parley for the rest",
		func(c *config, v string) (err error) { c.redis.prefix, err = parseRedisPrefix(v); return }},
	{"redis-secret", secret, "", "key of 32 bytes or more, the same for all nodes, by which messages between nodes are authenticated; Node servers and emitters cannot take part then",
		func(c *config, v string) (err error) { c.redis.secret, err = parseRedisSecret(v); return }},
}

// own begins the names of what only our servers use.
func (r *redisConfig) own() string { return cmp.Or(r.prefix, "parley") }

// derived returns a key for one purpose, none the key of another; nil if there is no secret.
func (r *redisConfig) derived(purpose string) []byte {
	if r.secret == "" {
		return nil
	}
	h := hmac.New(sha256.New, []byte(r.secret))
	h.Write([]byte(purpose))
	return h.Sum(nil)
}

// check refuses what contradicts itself.
func (r *redisConfig) check(given map[string]bool, data string) error {
	switch {
	case r.url != nil && data != "":
		return errors.New("--data and --redis-url: the file is for one server, Redis for many; only one of them can keep the data")
	case r.url != nil:
		return nil
	}
	for _, s := range redisSettings {
		if given[s.name] && s.name != "redis-url" {
			return fmt.Errorf("--%s: there is no --redis-url", s.name)
		}
	}
	return nil
}

// parseRedisURL never repeats what it was given: there may be a password in it.
func parseRedisURL(v string) (*redis.UniversalOptions, error) {
	if v == "" {
		return nil, nil
	}
	scheme, rest, _ := strings.Cut(v, "://")
	if scheme != "redis" && scheme != "rediss" {
		return nil, errors.New("want redis://host:port or rediss://host:port")
	}
	rest, query, _ := strings.Cut(rest, "?")
	authority, db, _ := strings.Cut(rest, "/")
	o := &redis.UniversalOptions{
		ContextTimeoutEnabled: true, ClientName: "parley",
		MaintNotificationsConfig: &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}, // we find out ourselves
	}
	if at := strings.LastIndex(authority, "@"); at >= 0 {
		user, password, _ := strings.Cut(authority[:at], ":")
		var err1, err2 error
		o.Username, err1 = url.PathUnescape(user)
		o.Password, err2 = url.PathUnescape(password)
		if err1 != nil || err2 != nil {
			return nil, errors.New("user or password is not percent-encoded")
		}
		authority = authority[at+1:]
	}
	if err := redisHosts(o, authority); err != nil {
		return nil, err
	}
	if err := redisDB(o, db); err != nil {
		return nil, err
	}
	if scheme == "rediss" {
		o.TLSConfig = &tls.Config{MinVersion: tls.VersionTLS12}
	}
	if err := redisQuery(o, query); err != nil {
		return nil, err
	}
	switch {
	case o.IsClusterMode && o.MasterName != "":
		return nil, errors.New("cluster and sentinel exclude each other")
	case o.IsClusterMode && o.DB != 0:
		return nil, errors.New("a cluster has no other database than 0")
	case len(o.Addrs) > 1 && !o.IsClusterMode && o.MasterName == "":
		return nil, errors.New("several hosts are for ?cluster=true or ?sentinel=name-of-the-master")
	}
	return o, nil
}

func redisHosts(o *redis.UniversalOptions, list string) error {
	for host := range strings.SplitSeq(list, ",") {
		if host != "" && !strings.Contains(host[strings.LastIndex(host, "]")+1:], ":") {
			host = net.JoinHostPort(strings.Trim(host, "[]"), "6379")
		}
		if name, port, err := net.SplitHostPort(host); err != nil || name == "" || strings.ContainsAny(name, " @/\\%") {
			return errors.New("want host:port")
		} else if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
			return errors.New("want a port from 1 to 65535")
		}
		o.Addrs = append(o.Addrs, host)
	}
	return nil
}

func redisDB(o *redis.UniversalOptions, v string) (err error) {
	if v == "" {
		return nil
	}
	o.DB, err = parseNumber(v, 0, 1<<20)
	if err != nil {
		return errors.New("want the number of a database behind the last slash")
	}
	return nil
}

func redisQuery(o *redis.UniversalOptions, text string) error {
	query, err := url.ParseQuery(text)
	if err != nil {
		return errors.New("what is behind ? cannot be read")
	}
	for name, values := range query {
		v := values[0]
		switch {
		case len(values) > 1:
			return fmt.Errorf("%.20q is there twice", name)
		case name == "cluster":
			if o.IsClusterMode, err = strconv.ParseBool(v); err != nil {
				err = errors.New("want true or false")
			}
		case name == "sentinel" && v != "":
			o.MasterName = v
		case name == "sentinel_username":
			o.SentinelUsername = v
		case name == "sentinel_password":
			o.SentinelPassword = v
		case name == "ca":
			err = redisRoots(o, v)
		default:
			return errors.New("behind ? may stand cluster=true, sentinel=…, sentinel_username=…, sentinel_password=… and ca=…")
		}
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	if o.MasterName == "" && (o.SentinelUsername != "" || o.SentinelPassword != "") {
		return errors.New("sentinel_username and sentinel_password are for ?sentinel=name-of-the-master")
	}
	return nil
}

func redisRoots(o *redis.UniversalOptions, file string) error {
	if o.TLSConfig == nil {
		return errors.New("is for rediss://")
	}
	pem, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	o.TLSConfig.RootCAs = x509.NewCertPool()
	if !o.TLSConfig.RootCAs.AppendCertsFromPEM(pem) {
		return fmt.Errorf("%s: there is no certificate in it", file)
	}
	return nil
}

// parseRedisPrefix refuses what has a meaning in names of channels and keys.
func parseRedisPrefix(v string) (string, error) {
	if len(v) > 64 || strings.ContainsAny(v, "#*?[]{}\\ ") {
		return "", errors.New(`want at most 64 bytes, without any of #*?[]{}\ and blanks`)
	}
	return v, nil
}

func parseRedisSecret(v string) (string, error) {
	if v != "" && len(v) < leastRedisSecret {
		return "", fmt.Errorf("want %d bytes or more", leastRedisSecret)
	}
	return v, nil
}
