package main

import (
	"crypto/rand"
	"errors"
	"flag"
	"fmt"
	"io"
	"strings"
	"time"

	"parley/namespaces/identity"
)

// tokenConfig is what "parley token" is told besides the key.
type tokenConfig struct {
	user, name string
	ttl        time.Duration
	scopes     []string
	channels   []string // nil: all
	privateKey string
}

const tokenUsage = `Usage: parley token --user <id> [flags]

Prints a token that a server with the same key accepts.

`

// flagsOnly are the settings without an environment variable: they are about one token.
var flagsOnly = []string{"user", "name", "ttl", "scope", "channels", "jwt-private-key"}

var tokenSettings = append([]setting{
	{"user", "id", "", "user id",
		func(c *config, v string) error { c.token.user = v; return nil }},
	{"name", "text", "", "user name; the id if left out",
		func(c *config, v string) error { c.token.name = v; return nil }},
	{"ttl", "duration", "1h", "time until the token expires",
		func(c *config, v string) (err error) { c.token.ttl, err = parseDuration(v, time.Second); return }},
	{"scope", "list", "", "scopes, separated by commas, such as notifications:write",
		func(c *config, v string) error { c.token.scopes = splitList(v); return nil }},
	{"channels", "list", "", "patterns, separated by commas, of the channels of the main namespace that the user may use, such as news.*; all if left out",
		func(c *config, v string) error { c.token.channels = splitList(v); return nil }},
	{"jwt-private-key", "file", "", "PEM file with the private key, where the server has --jwt-public-key or --jwt-jwks",
		func(c *config, v string) error { c.token.privateKey = v; return nil }},
}, keySettings...)

// printToken is the command "parley token".
func printToken(args, environ []string, stdout, stderr io.Writer) int {
	c, _, err := parse(tokenSettings, args, environ)
	if errors.Is(err, flag.ErrHelp) {
		printHelp(stdout, tokenUsage, tokenSettings)
		return exitOK
	}
	var token string
	if err == nil {
		token, err = c.sign(time.Now())
	}
	if err != nil {
		fmt.Fprintf(stderr, "parley token: %v\nRun parley token --help for the flags.\n", err)
		return exitUsage
	}
	fmt.Fprintln(stdout, token)
	return exitOK
}

func (c *config) sign(now time.Time) (string, error) {
	if c.token.user == "" {
		return "", errors.New("--user is missing")
	}
	for _, name := range []struct{ flag, value string }{{"--user", c.token.user}, {"--name", c.token.name}} {
		if len(name.value) > identity.MaxName {
			return "", fmt.Errorf("%s is longer than %d bytes", name.flag, identity.MaxName)
		}
	}
	o := identity.SignerOptions{PrivateKeyFile: c.token.privateKey, Issuer: c.keys.issuer, Audience: c.keys.audience}
	source := "--jwt-private-key"
	switch {
	case o.PrivateKeyFile != "":
	case c.keys.secret != "" || c.keys.secretFile != "":
		if err := c.keys.check(); err != nil {
			return "", err
		}
		var err error
		if o.Secret, err = c.keys.readSecret(); err != nil {
			return "", c.keys.blame(err)
		}
		source = c.keys.sources()[0]
	case c.keys.given():
		return "", fmt.Errorf("--jwt-private-key is missing: %s has public keys, which cannot sign", c.keys.sources()[0])
	default:
		return "", errors.New("there is no key: give --jwt-secret-file, --jwt-private-key or PARLEY_JWT_SECRET, as the server has it; without a key the server needs no tokens")
	}
	s, err := identity.NewSigner(o)
	if err != nil {
		return "", fmt.Errorf("%s: %s", source, strings.TrimPrefix(err.Error(), "identity: "))
	}
	return s.Sign(identity.Claims{
		User:     identity.User{UserID: c.token.user, Username: c.token.name},
		ID:       rand.Text(),
		Issued:   now,
		Expires:  now.Add(c.token.ttl),
		Scopes:   c.token.scopes,
		Channels: c.token.channels,
	})
}
