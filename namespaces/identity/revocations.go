package identity

import (
	"errors"
	"sync"
	"time"
)

// maxRevocations bounds a deny list, in entries.
const maxRevocations = 1_000_000

// ErrTooManyRevocations: the deny list is full. Entries leave it when the tokens
// that they are about have expired.
var ErrTooManyRevocations = errors.New("identity: the deny list is full, at 1,000,000 entries")

// Revocations are a deny list of tokens: single ones by their id, and those of a
// user that were issued before a moment. The zero value is empty and ready, and
// nil denies nothing.
type Revocations struct {
	// Keeper, if not nil, keeps each entry before it counts. To be set before use.
	Keeper RevocationKeeper

	mu     sync.RWMutex         // guards what follows
	tokens map[string]time.Time // by id, until when
	users  map[string]userRevocation
}

// A RevocationKeeper keeps the entries of Revocations over a restart. A method
// returns when its entry is safe.
type RevocationKeeper interface {
	KeepToken(id string, until time.Time) error
	KeepUser(userID string, before, until time.Time) error
}

type userRevocation struct{ before, until time.Time }

// RevokeToken denies the token with this id, which expires at until.
func (r *Revocations) RevokeToken(id string, until time.Time) error {
	if err := r.room(); err != nil {
		return err
	}
	if r.Keeper != nil {
		if err := r.Keeper.KeepToken(id, until); err != nil {
			return err
		}
	}
	r.addToken(id, until)
	return nil
}

// LearnToken is RevokeToken for an entry that the Keeper has already.
func (r *Revocations) LearnToken(id string, until time.Time) error {
	if err := r.room(); err != nil {
		return err
	}
	r.addToken(id, until)
	return nil
}

func (r *Revocations) addToken(id string, until time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.tokens == nil {
		r.tokens = make(map[string]time.Time)
	}
	r.tokens[id] = until
}

// RevokeUser denies the user's tokens that were issued at or before a moment, the
// last of which expires at until. A token that does not say when it was issued is
// denied too.
func (r *Revocations) RevokeUser(userID string, before, until time.Time) error {
	if err := r.room(); err != nil {
		return err
	}
	if r.Keeper != nil {
		if err := r.Keeper.KeepUser(userID, before, until); err != nil {
			return err
		}
	}
	r.addUser(userID, before, until)
	return nil
}

// LearnUser is RevokeUser for an entry that the Keeper has already.
func (r *Revocations) LearnUser(userID string, before, until time.Time) error {
	if err := r.room(); err != nil {
		return err
	}
	r.addUser(userID, before, until)
	return nil
}

func (r *Revocations) addUser(userID string, before, until time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.users == nil {
		r.users = make(map[string]userRevocation)
	}
	r.users[userID] = userRevocation{before, until}
}

// room makes room for one more entry.
func (r *Revocations) room() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.tokens)+len(r.users) < maxRevocations {
		return nil
	}
	now := time.Now()
	for id, until := range r.tokens {
		if until.Before(now) {
			delete(r.tokens, id)
		}
	}
	for id, u := range r.users {
		if u.until.Before(now) {
			delete(r.users, id)
		}
	}
	if len(r.tokens)+len(r.users) >= maxRevocations {
		return ErrTooManyRevocations
	}
	return nil
}

// Has reports whether a token is denied.
func (r *Revocations) Has(c Claims) bool {
	if r == nil {
		return false
	}
	r.mu.RLock()
	defer r.mu.RUnlock()
	if _, denied := r.tokens[c.ID]; denied && c.ID != "" {
		return true
	}
	u, denied := r.users[c.UserID]
	return denied && !c.Issued.After(u.before)
}
