package identity

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"os"

	"github.com/golang-jwt/jwt/v5"
)

// minSecret is the size in bytes of the smallest secret (RFC 7518, section 3.2),
// minRSA that of the smallest RSA key in bits (section 3.3).
const (
	minSecret = 32
	minRSA    = 2048
)

// keys finds the key of a token.
type keys interface {
	methods() []string
	key(token *jwt.Token) (any, error)
}

func loadKeys(o Options) (keys, error) {
	given := 0
	for _, there := range []bool{len(o.Secret) > 0, o.PublicKeyFile != "", o.JWKSFile != ""} {
		if there {
			given++
		}
	}
	switch {
	case given != 1:
		return nil, errors.New("identity: one of Secret, PublicKeyFile and JWKSFile is needed, and only one")
	case o.PublicKeyFile != "":
		return publicKeyFile(o.PublicKeyFile)
	case o.JWKSFile != "":
		return newKeySet(o.JWKSFile, o.Now)
	case len(o.Secret) < minSecret:
		return nil, fmt.Errorf("identity: Secret has %d bytes, %d are needed", len(o.Secret), minSecret)
	}
	return oneKey{"HS256", o.Secret}, nil
}

// oneKey is a key for all tokens.
type oneKey struct {
	method string
	value  any
}

func (k oneKey) methods() []string           { return []string{k.method} }
func (k oneKey) key(*jwt.Token) (any, error) { return k.value, nil }

func publicKeyFile(name string) (keys, error) {
	text, err := os.ReadFile(name)
	if err != nil {
		return nil, fmt.Errorf("identity: PublicKeyFile: %w", err)
	}
	block, _ := pem.Decode(text)
	if block == nil {
		return nil, errors.New("identity: PublicKeyFile: no PEM block")
	}
	value, err := publicKey(block)
	if err != nil {
		return nil, fmt.Errorf("identity: PublicKeyFile: %w", err)
	}
	method, err := methodOf(value)
	if err != nil {
		return nil, fmt.Errorf("identity: PublicKeyFile: %w", err)
	}
	return oneKey{method, value}, nil
}

func publicKey(block *pem.Block) (any, error) {
	switch block.Type {
	case "PUBLIC KEY":
		return x509.ParsePKIXPublicKey(block.Bytes)
	case "RSA PUBLIC KEY":
		return x509.ParsePKCS1PublicKey(block.Bytes)
	case "CERTIFICATE":
		cert, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, err
		}
		return cert.PublicKey, nil
	}
	return nil, fmt.Errorf("a %s is no public key", block.Type)
}

// methodOf returns the one algorithm for which a key is taken, so that no token
// can choose another.
func methodOf(key any) (string, error) {
	switch k := key.(type) {
	case *rsa.PublicKey:
		if k.N.BitLen() < minRSA {
			return "", fmt.Errorf("an RSA key of %d bits, %d are needed", k.N.BitLen(), minRSA)
		}
		return "RS256", nil
	case *ecdsa.PublicKey:
		if k.Curve != elliptic.P256() {
			return "", errors.New("an elliptic curve other than P-256")
		}
		return "ES256", nil
	case ed25519.PublicKey:
		return "EdDSA", nil
	}
	return "", errors.New("neither RSA, P-256 nor Ed25519")
}
