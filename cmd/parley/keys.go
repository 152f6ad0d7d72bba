package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"parley/namespaces/identity"
)

// keyConfig says how tokens are checked. Without a key there are none: open mode.
type keyConfig struct {
	secret, secretFile, publicKey, jwks string
	issuer, audience                    string
}

var keySettings = []setting{
	{"jwt-secret", secret, "", "key of HS256 tokens, 32 bytes or more; other users of the machine can read command lines, so better use the environment, or --jwt-secret-file",
		func(c *config, v string) error { c.keys.secret = v; return nil }},
	{"jwt-secret-file", "file", "", "file with the key of HS256 tokens; line ends behind it do not count",
		func(c *config, v string) error { c.keys.secretFile = v; return nil }},
	{"jwt-public-key", "file", "", "PEM file with the public key of the tokens: RSA for RS256, P-256 for ES256, Ed25519 for EdDSA",
		func(c *config, v string) error { c.keys.publicKey = v; return nil }},
	{"jwt-jwks", "file", "", "JSON Web Key Set with the public keys of the tokens; read again when it changes",
		func(c *config, v string) error { c.keys.jwks = v; return nil }},
	{"jwt-issuer", "text", "", "issuer that tokens must name",
		func(c *config, v string) error { c.keys.issuer = v; return nil }},
	{"jwt-audience", "text", "", "audience that tokens must name",
		func(c *config, v string) error { c.keys.audience = v; return nil }},
}

// sources lists the flags that bring a key.
func (k *keyConfig) sources() []string {
	var list []string
	for _, s := range []struct{ flag, value string }{
		{"--jwt-secret", k.secret}, {"--jwt-secret-file", k.secretFile},
		{"--jwt-public-key", k.publicKey}, {"--jwt-jwks", k.jwks},
	} {
		if s.value != "" {
			list = append(list, s.flag)
		}
	}
	return list
}

// given reports whether there is a key.
func (k *keyConfig) given() bool { return len(k.sources()) > 0 }

// check refuses what contradicts itself. Who asks for an issuer does not mean open mode.
func (k *keyConfig) check() error {
	switch sources := k.sources(); {
	case len(sources) > 1:
		return fmt.Errorf("%s: only one of them can bring the key", strings.Join(sources, ", "))
	case len(sources) == 1:
		return nil
	case k.issuer != "":
		return errors.New("--jwt-issuer: there is no key to check tokens with")
	case k.audience != "":
		return errors.New("--jwt-audience: there is no key to check tokens with")
	}
	return nil
}

// gate reads the keys. Its error names the flag that is wrong, and never the secret.
func (k *keyConfig) gate(revoked *identity.Revocations) (*identity.Gate, error) {
	if !k.given() {
		return identity.NewGate(nil), nil
	}
	o := identity.Options{
		PublicKeyFile: k.publicKey, JWKSFile: k.jwks, Issuer: k.issuer, Audience: k.audience, Revocations: revoked,
	}
	var err error
	if o.Secret, err = k.readSecret(); err != nil {
		return nil, k.blame(err)
	}
	v, err := identity.NewVerifier(o)
	if err != nil {
		return nil, k.blame(err)
	}
	return identity.NewGate(v), nil
}

// blame puts the flag of the key in front of what is wrong with it.
func (k *keyConfig) blame(err error) error {
	return fmt.Errorf("%s: %s", k.sources()[0], strings.TrimPrefix(err.Error(), "identity: "))
}

// maxSecret bounds the file of a secret, in bytes.
const maxSecret = 64 << 10

// readSecret returns the secret, nil if the key is another.
func (k *keyConfig) readSecret() ([]byte, error) {
	if k.secretFile == "" {
		return []byte(k.secret), nil
	}
	f, err := os.Open(k.secretFile)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxSecret+1))
	if err != nil {
		return nil, err
	}
	if len(text) > maxSecret {
		return nil, fmt.Errorf("larger than %d bytes", maxSecret)
	}
	if text = bytes.TrimRight(text, "\r\n"); len(text) == 0 {
		return nil, errors.New("the file is empty")
	}
	return text, nil
}
