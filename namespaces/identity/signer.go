package identity

import (
	"crypto"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"os"

	"github.com/golang-jwt/jwt/v5"
)

// SignerOptions configure a Signer. One of Secret and PrivateKeyFile is needed.
type SignerOptions struct {
	// Secret is the key of HS256, 32 bytes or more.
	Secret []byte
	// PrivateKeyFile holds a private key in PEM: RSA for RS256, P-256 for ES256,
	// Ed25519 for EdDSA.
	PrivateKeyFile string
	// Issuer and Audience, where not empty, are written into each token.
	Issuer, Audience string
}

// A Signer makes tokens. It may be used by any number of goroutines.
type Signer struct {
	method           jwt.SigningMethod
	key              any
	issuer, audience string
}

// NewSigner reads the key. Its error names the option that is wrong.
func NewSigner(o SignerOptions) (*Signer, error) {
	s := &Signer{issuer: o.Issuer, audience: o.Audience}
	switch {
	case (len(o.Secret) > 0) == (o.PrivateKeyFile != ""):
		return nil, errors.New("identity: one of Secret and PrivateKeyFile is needed, and only one")
	case o.PrivateKeyFile != "":
		key, method, err := privateKeyFile(o.PrivateKeyFile)
		if err != nil {
			return nil, fmt.Errorf("identity: PrivateKeyFile: %w", err)
		}
		s.key, s.method = key, jwt.GetSigningMethod(method)
	case len(o.Secret) < minSecret:
		return nil, fmt.Errorf("identity: Secret has %d bytes, %d are needed", len(o.Secret), minSecret)
	default:
		s.key, s.method = o.Secret, jwt.SigningMethodHS256
	}
	return s, nil
}

func privateKeyFile(name string) (key crypto.Signer, method string, err error) {
	text, err := os.ReadFile(name)
	if err != nil {
		return nil, "", err
	}
	block, _ := pem.Decode(text)
	if block == nil {
		return nil, "", errors.New("no PEM block")
	}
	var parsed any
	switch block.Type {
	case "PRIVATE KEY":
		parsed, err = x509.ParsePKCS8PrivateKey(block.Bytes)
	case "RSA PRIVATE KEY":
		parsed, err = x509.ParsePKCS1PrivateKey(block.Bytes)
	case "EC PRIVATE KEY":
		parsed, err = x509.ParseECPrivateKey(block.Bytes)
	default:
		err = fmt.Errorf("a %s is no private key", block.Type)
	}
	if err != nil {
		return nil, "", err
	}
	key, ok := parsed.(crypto.Signer)
	if !ok {
		return nil, "", errors.New("a key that signs nothing")
	}
	method, err = methodOf(key.Public())
	return key, method, err
}

// Sign returns a token that says what c says; what is empty is left out. Its times
// are whole seconds.
func (s *Signer) Sign(c Claims) (string, error) {
	claims := jwt.MapClaims{"sub": c.UserID, "exp": c.Expires.Unix()}
	put := func(name string, value any, there bool) {
		if there {
			claims[name] = value
		}
	}
	put("name", c.Username, c.Username != "")
	put("jti", c.ID, c.ID != "")
	put("iat", c.Issued.Unix(), !c.Issued.IsZero())
	put("iss", s.issuer, s.issuer != "")
	put("aud", s.audience, s.audience != "")
	put("scopes", c.Scopes, len(c.Scopes) > 0)
	put("channels", c.Channels, c.Channels != nil)
	return jwt.NewWithClaims(s.method, claims).SignedString(s.key)
}
