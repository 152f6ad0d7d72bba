package identity

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/golang-jwt/jwt/v5"
)

// MaxToken is the size in bytes of the largest token that is looked at.
const MaxToken = 8 << 10

// An Error is why a token is refused. Its code may be told to the client.
type Error struct {
	Code string
	Err  error // may say more, but never the token; nil if there is no more
}

func (e *Error) Error() string {
	if e.Err == nil {
		return e.Code
	}
	return e.Code + ": " + e.Err.Error()
}

func (e *Error) Unwrap() error { return e.Err }

// CodeOf returns the code of an *Error, and CodeInvalid for any other error.
func CodeOf(err error) string {
	var e *Error
	if errors.As(err, &e) {
		return e.Code
	}
	return CodeInvalid
}

// The codes of an Error.
const (
	CodeMissing   = "token_missing"
	CodeInvalid   = "token_invalid"
	CodeExpired   = "token_expired"
	CodeNotActive = "token_not_active"
	CodeRevoked   = "token_revoked"
)

// Options configure a Verifier. Exactly one of Secret, PublicKeyFile and JWKSFile
// is needed.
type Options struct {
	// Secret is the key of HS256, 32 bytes or more.
	Secret []byte
	// PublicKeyFile holds a public key in PEM: RSA for RS256, P-256 for ES256,
	// Ed25519 for EdDSA.
	PublicKeyFile string
	// JWKSFile holds a JSON Web Key Set (RFC 7517) of such keys. It is read
	// again when it has changed; if the new one is bad the old one stays.
	JWKSFile string
	// Issuer and Audience, where not empty, must be the token's.
	Issuer, Audience string
	// Revocations, if not nil, are asked about each token.
	Revocations *Revocations
	// Now is the clock; nil is time.Now.
	Now func() time.Time
}

// A Verifier checks tokens. It may be used by any number of goroutines.
type Verifier struct {
	keys    keys
	parser  *jwt.Parser
	revoked *Revocations
}

// NewVerifier reads the keys. Its error names the option that is wrong.
func NewVerifier(o Options) (*Verifier, error) {
	k, err := loadKeys(o)
	if err != nil {
		return nil, err
	}
	now := o.Now
	if now == nil {
		now = time.Now
	}
	rules := []jwt.ParserOption{
		jwt.WithValidMethods(k.methods()),
		jwt.WithExpirationRequired(),
		jwt.WithTimeFunc(now),
		jwt.WithStrictDecoding(),
	}
	if o.Issuer != "" {
		rules = append(rules, jwt.WithIssuer(o.Issuer))
	}
	if o.Audience != "" {
		rules = append(rules, jwt.WithAudience(o.Audience))
	}
	return &Verifier{keys: k, parser: jwt.NewParser(rules...), revoked: o.Revocations}, nil
}

// claims are the token's payload as it comes.
type claims struct {
	jwt.RegisteredClaims
	UserID   string `json:"userId"`
	Username string `json:"username"`
	Name     string `json:"name"`
	Scope    words  `json:"scope"`
	Scopes   words  `json:"scopes"`
	Channels *words `json:"channels"`
}

// Verify returns what the token says. Every error is an *Error.
func (v *Verifier) Verify(token string) (Claims, error) {
	switch {
	case token == "":
		return Claims{}, &Error{Code: CodeMissing}
	case len(token) > MaxToken:
		return Claims{}, &Error{CodeInvalid, fmt.Errorf("larger than %d bytes", MaxToken)}
	case strings.Count(token, ".") != 2:
		return Claims{}, &Error{CodeInvalid, errors.New("not three parts")}
	}
	var c claims
	if _, err := v.parser.ParseWithClaims(token, &c, v.keys.key); err != nil {
		return Claims{}, refusal(err)
	}
	result := Claims{
		User:    User{UserID: first(c.UserID, c.Subject), Username: first(c.Username, c.Name)},
		ID:      c.ID,
		Expires: c.ExpiresAt.Time,
		Scopes:  slices.Concat(c.Scope, c.Scopes),
	}
	if result.Username == "" {
		result.Username = result.UserID
	}
	if c.IssuedAt != nil {
		result.Issued = c.IssuedAt.Time
	}
	if c.Channels != nil {
		result.Channels = append([]string{}, *c.Channels...)
	}
	switch {
	case !goodName(result.UserID):
		return Claims{}, &Error{CodeInvalid, errors.New("no usable userId or sub")}
	case !goodName(result.Username):
		return Claims{}, &Error{CodeInvalid, errors.New("no usable username or name")}
	case v.revoked.Has(result):
		return Claims{}, &Error{Code: CodeRevoked}
	}
	return result, nil
}

// refusal finds the code for what the parser says. What it says may quote the
// token, so only what kind of trouble it is goes on.
func refusal(err error) *Error {
	for _, kind := range []struct {
		is   error
		code string
	}{
		{jwt.ErrTokenMalformed, CodeInvalid},
		{jwt.ErrTokenUnverifiable, CodeInvalid},
		{jwt.ErrTokenSignatureInvalid, CodeInvalid},
		{jwt.ErrTokenExpired, CodeExpired},
		{jwt.ErrTokenNotValidYet, CodeNotActive},
		{jwt.ErrTokenUsedBeforeIssued, CodeNotActive},
		{jwt.ErrTokenInvalidIssuer, CodeInvalid},
		{jwt.ErrTokenInvalidAudience, CodeInvalid},
		{jwt.ErrTokenRequiredClaimMissing, CodeInvalid},
	} {
		if errors.Is(err, kind.is) {
			return &Error{kind.code, kind.is}
		}
	}
	return &Error{Code: CodeInvalid}
}

func first(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

func goodName(s string) bool {
	return s != "" && len(s) <= MaxName && utf8.ValidString(s)
}
