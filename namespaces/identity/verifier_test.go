package identity

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

var (
	secret = []byte("0123456789abcdef0123456789abcdef")
	noon   = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)
)

func clock() time.Time { return noon }

// good are claims that pass; with changes what a row is about.
func good(changes jwt.MapClaims) jwt.MapClaims {
	c := jwt.MapClaims{"userId": "u1", "username": "Ann", "exp": noon.Add(time.Hour).Unix(), "iat": noon.Unix()}
	for k, v := range changes {
		if v == nil {
			delete(c, k)
		} else {
			c[k] = v
		}
	}
	return c
}

func sign(t *testing.T, method jwt.SigningMethod, key any, kid string, c jwt.MapClaims) string {
	t.Helper()
	token := jwt.NewWithClaims(method, c)
	if kid != "" {
		token.Header["kid"] = kid
	}
	text, err := token.SignedString(key)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func verifier(t *testing.T, o Options) *Verifier {
	t.Helper()
	o.Now = clock
	v, err := NewVerifier(o)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func codeOf(err error) string {
	var e *Error
	if errors.As(err, &e) {
		return e.Code
	}
	return ""
}

func TestTokens(t *testing.T) {
	var denied Revocations
	if err := errors.Join(denied.RevokeToken("t1", noon.Add(time.Hour)),
		denied.RevokeUser("u2", noon.Add(-time.Minute), noon.Add(time.Hour))); err != nil {
		t.Fatal(err)
	}
	v := verifier(t, Options{Secret: secret, Issuer: "me", Audience: "parley", Revocations: &denied})
	base := jwt.MapClaims{"iss": "me", "aud": "parley"}
	hs := func(changes jwt.MapClaims) string {
		c := good(base)
		for k, x := range changes {
			if x == nil {
				delete(c, k)
			} else {
				c[k] = x
			}
		}
		return sign(t, jwt.SigningMethodHS256, secret, "", c)
	}
	whole := hs(nil)
	for _, c := range []struct{ name, token, code string }{
		{"good", whole, ""},
		{"sub and name", hs(jwt.MapClaims{"userId": nil, "username": nil, "sub": "u1", "name": "Ann"}), ""},
		{"audience among others", hs(jwt.MapClaims{"aud": []string{"x", "parley"}}), ""},
		{"expires next second", hs(jwt.MapClaims{"exp": noon.Add(time.Second).Unix()}), ""},
		{"none", "", CodeMissing},
		{"rubbish", "rubbish", CodeInvalid},
		{"dots", strings.Repeat(".", 5000), CodeInvalid},
		{"two dots", "..", CodeInvalid},
		{"too large", hs(jwt.MapClaims{"pad": strings.Repeat("x", MaxToken)}), CodeInvalid},
		{"expired", hs(jwt.MapClaims{"exp": noon.Unix()}), CodeExpired},
		{"never expires", hs(jwt.MapClaims{"exp": nil}), CodeInvalid},
		{"not yet", hs(jwt.MapClaims{"nbf": noon.Add(time.Minute).Unix()}), CodeNotActive},
		{"another issuer", hs(jwt.MapClaims{"iss": "you"}), CodeInvalid},
		{"no issuer", hs(jwt.MapClaims{"iss": nil}), CodeInvalid},
		{"another audience", hs(jwt.MapClaims{"aud": "x"}), CodeInvalid},
		{"nobody", hs(jwt.MapClaims{"userId": nil}), CodeInvalid},
		{"a number for a user", hs(jwt.MapClaims{"userId": 7}), CodeInvalid},
		{"a long user", hs(jwt.MapClaims{"userId": strings.Repeat("u", MaxName+1)}), CodeInvalid},
		{"signed by another", sign(t, jwt.SigningMethodHS256, []byte(strings.Repeat("x", 32)), "", good(base)), CodeInvalid},
		{"another algorithm", sign(t, jwt.SigningMethodHS512, secret, "", good(base)), CodeInvalid},
		{"unsigned", sign(t, jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, "", good(base)), CodeInvalid},
		{"signature cut off", whole[:strings.LastIndexByte(whole, '.')+1], CodeInvalid},
		{"revoked by id", hs(jwt.MapClaims{"jti": "t1"}), CodeRevoked},
		{"not revoked", hs(jwt.MapClaims{"jti": "t2"}), ""},
		{"revoked by user", hs(jwt.MapClaims{"userId": "u2", "iat": noon.Add(-time.Hour).Unix()}), CodeRevoked},
		{"revoked by user, without a time", hs(jwt.MapClaims{"userId": "u2", "iat": nil}), CodeRevoked},
		{"issued since", hs(jwt.MapClaims{"userId": "u2"}), ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := v.Verify(c.token)
			if codeOf(err) != c.code || err == nil != (c.code == "") {
				t.Fatalf("%v, want %q", err, c.code)
			}
			if err == nil && (got.UserID == "" || got.Username != "Ann") {
				t.Errorf("%+v", got)
			}
			if err != nil && len(c.token) > 10 && strings.Contains(err.Error(), c.token[:10]) {
				t.Errorf("the error quotes the token: %v", err)
			}
		})
	}
}

func TestScopesAndChannels(t *testing.T) {
	v := verifier(t, Options{Secret: secret})
	c, err := v.Verify(sign(t, jwt.SigningMethodHS256, secret, "", good(jwt.MapClaims{
		"scope": "a b", "scopes": []string{"c"}, "channels": []string{}})))
	if err != nil || strings.Join(c.Scopes, " ") != "a b c" || c.Channels == nil || len(c.Channels) != 0 {
		t.Errorf("%+v %v", c, err)
	}
	c, err = v.Verify(sign(t, jwt.SigningMethodHS256, secret, "", good(nil)))
	if err != nil || c.Scopes != nil || c.Channels != nil {
		t.Errorf("%+v %v", c, err)
	}
	if _, err = v.Verify(sign(t, jwt.SigningMethodHS256, secret, "", good(jwt.MapClaims{"scope": 7}))); codeOf(err) != CodeInvalid {
		t.Errorf("a number for a scope: %v", err)
	}
}

// pemFile writes a public key and returns the file's name.
func pemFile(t *testing.T, key any) string {
	t.Helper()
	der, err := x509.MarshalPKIXPublicKey(key)
	if err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(t.TempDir(), "key.pem")
	if err := os.WriteFile(name, pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

func TestPublicKeys(t *testing.T) {
	rsaKey, err1 := rsa.GenerateKey(rand.Reader, 2048)
	ecKey, err2 := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	edPublic, edKey, err3 := ed25519.GenerateKey(rand.Reader)
	if err := errors.Join(err1, err2, err3); err != nil {
		t.Fatal(err)
	}
	rsaFile := pemFile(t, rsaKey.Public())
	rsaPEM, err := os.ReadFile(rsaFile)
	if err != nil {
		t.Fatal(err)
	}
	tokens := map[string]string{
		"RS256": sign(t, jwt.SigningMethodRS256, rsaKey, "", good(nil)),
		"PS256": sign(t, jwt.SigningMethodPS256, rsaKey, "", good(nil)),
		"ES256": sign(t, jwt.SigningMethodES256, ecKey, "", good(nil)),
		"EdDSA": sign(t, jwt.SigningMethodEdDSA, edKey, "", good(nil)),
		// The public key as the secret of another algorithm.
		"HS256": sign(t, jwt.SigningMethodHS256, rsaPEM, "", good(nil)),
	}
	for method, file := range map[string]string{
		"RS256": rsaFile, "ES256": pemFile(t, ecKey.Public()), "EdDSA": pemFile(t, edPublic),
	} {
		v := verifier(t, Options{PublicKeyFile: file})
		for name, token := range tokens {
			if _, err := v.Verify(token); err == nil != (name == method) {
				t.Errorf("a token of %s with a key for %s: %v", name, method, err)
			}
		}
	}
}

func TestKeySetIsReadAgain(t *testing.T) {
	first, err1 := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	second, err2 := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err := errors.Join(err1, err2); err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(t.TempDir(), "jwks.json")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(jwks(t, "k1", &first.PublicKey))
	at := noon
	v, err := NewVerifier(Options{JWKSFile: name, Now: func() time.Time { return at }})
	if err != nil {
		t.Fatal(err)
	}
	old := sign(t, jwt.SigningMethodES256, first, "k1", good(nil))
	new := sign(t, jwt.SigningMethodES256, second, "key2", good(nil))
	check := func(when string, oldOK, newOK bool) {
		t.Helper()
		at = at.Add(lookAgain)
		_, err1 := v.Verify(old)
		_, err2 := v.Verify(new)
		if err1 == nil != oldOK || err2 == nil != newOK {
			t.Errorf("%s: the old token: %v, the new one: %v", when, err1, err2)
		}
	}
	check("at first", true, false)
	write(jwks(t, "key2", &second.PublicKey))
	check("after a change", false, true)
	write("rubbish")
	check("with a bad file", false, true)
	if err := os.Remove(name); err != nil {
		t.Fatal(err)
	}
	check("without a file", false, true)
	secretSet := `{"keys":[{"kty":"oct","kid":"s","alg":"HS256","k":"` + base64.RawURLEncoding.EncodeToString(secret) + `"}]}`
	write(secretSet)
	if _, err := NewVerifier(Options{JWKSFile: name}); err == nil {
		t.Error("a key set of secrets was taken")
	}
}

func jwks(t *testing.T, kid string, key *ecdsa.PublicKey) string {
	t.Helper()
	point, err := key.Bytes() // 4, then both coordinates
	if err != nil {
		t.Fatal(err)
	}
	coordinate := func(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }
	text, err := json.Marshal(map[string]any{"keys": []any{map[string]string{
		"kty": "EC", "crv": "P-256", "kid": kid, "alg": "ES256", "use": "sig", "x": coordinate(point[1:33]), "y": coordinate(point[33:]),
	}}})
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestWhatNewVerifierRefuses(t *testing.T) {
	// Nothing is signed with it, so a modulus of the right size will do.
	weak := &rsa.PublicKey{N: new(big.Int).Lsh(big.NewInt(1), 1023), E: 65537}
	for name, o := range map[string]Options{
		"nothing":       {},
		"two keys":      {Secret: secret, PublicKeyFile: "x"},
		"short secret":  {Secret: secret[:31]},
		"no such file":  {PublicKeyFile: filepath.Join(t.TempDir(), "none")},
		"no such set":   {JWKSFile: filepath.Join(t.TempDir(), "none")},
		"weak RSA key":  {PublicKeyFile: pemFile(t, weak)},
		"no public key": {PublicKeyFile: "verifier_test.go"},
	} {
		if _, err := NewVerifier(o); err == nil {
			t.Errorf("%s was taken", name)
		} else if !strings.HasPrefix(err.Error(), "identity: ") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzVerify(f *testing.F) {
	v, err := NewVerifier(Options{Secret: secret, Now: clock})
	if err != nil {
		f.Fatal(err)
	}
	f.Add("eyJhbGciOiJub25lIn0.e30.")
	f.Add("..")
	f.Fuzz(func(t *testing.T, token string) {
		if _, err := v.Verify(token); codeOf(err) == "" {
			t.Errorf("%q: %v", token, err)
		}
	})
}
