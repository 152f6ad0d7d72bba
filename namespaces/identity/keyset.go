package identity

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/MicahParks/jwkset"
	"github.com/MicahParks/keyfunc/v3"
	"github.com/golang-jwt/jwt/v5"
)

// lookAgain is how often a key set's file is looked at, at most.
const lookAgain = time.Second

// maxKeySet is the size in bytes of the largest key set.
const maxKeySet = 1 << 20

// A keySet is the JSON Web Key Set of a file, read again when that has changed.
type keySet struct {
	name string
	now  func() time.Time

	mu     sync.Mutex // guards what follows
	set    keyfunc.Keyfunc
	looked time.Time
	stamp  stamp
}

// A stamp tells one state of a file from another.
type stamp struct {
	modified time.Time
	size     int64
}

func newKeySet(name string, now func() time.Time) (*keySet, error) {
	if now == nil {
		now = time.Now
	}
	k := &keySet{name: name, now: now}
	if err := k.read(); err != nil {
		return nil, fmt.Errorf("identity: JWKSFile: %w", err)
	}
	return k, nil
}

func (k *keySet) methods() []string { return []string{"RS256", "ES256", "EdDSA"} }

func (k *keySet) key(token *jwt.Token) (any, error) {
	set := k.current()
	value, err := set.Keyfunc(token)
	if err != nil {
		return nil, err
	}
	method, err := methodOf(value)
	if err != nil {
		return nil, err
	}
	if method != token.Method.Alg() {
		return nil, errors.New("the key is for another algorithm")
	}
	return value, nil
}

// current returns the keys, after a look at the file if the last one is a while
// ago. A file that is bad at the moment changes nothing.
func (k *keySet) current() keyfunc.Keyfunc {
	k.mu.Lock()
	defer k.mu.Unlock()
	if now := k.now(); now.Sub(k.looked) >= lookAgain {
		k.looked = now
		_ = k.read()
	}
	return k.set
}

// read takes the file in if it has changed. The caller has locked mu, or nobody
// else knows of k yet.
func (k *keySet) read() error {
	info, err := os.Stat(k.name)
	if err != nil {
		return err
	}
	now := stamp{info.ModTime(), info.Size()}
	if now == k.stamp {
		return nil
	}
	if info.Size() > maxKeySet {
		return fmt.Errorf("larger than %d bytes", maxKeySet)
	}
	text, err := os.ReadFile(k.name)
	if err != nil {
		return err
	}
	set, err := keyfunc.NewJWKSetJSON(text)
	if err != nil {
		return err
	}
	all, err := set.Storage().KeyReadAll(context.Background())
	if err != nil {
		return err
	}
	usable := slices.ContainsFunc(all, func(key jwkset.JWK) bool {
		_, err := methodOf(key.Key())
		return err == nil
	})
	if !usable {
		return errors.New("no RSA, P-256 or Ed25519 key")
	}
	k.set, k.stamp = set, now
	return nil
}
