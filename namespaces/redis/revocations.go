package redis

import (
	"context"
	"strings"
	"sync"
	"time"

	"github.com/go-json-experiment/json"

	"parley/adapters/redisconn"
	"parley/namespaces/identity"
)

var (
	scriptRevoke  = script("revoke")
	scriptRevoked = script("revoked")
)

// revocations keep the deny lists of all nodes the same.
type revocations struct {
	db   *DB
	list *identity.Revocations
	wake chan struct{} // of capacity 1: there is a change

	// For the goroutine that reads the changes.
	known  string // the list in Redis that was read last
	change string // and its last change that was

	added func()

	mu     sync.Mutex // guards loaded
	loaded bool
}

// revocation is an entry of the list in Redis.
type revocation struct {
	Before time.Time `json:"before,omitzero"` // of a user
	Until  time.Time `json:"until"`
}

const (
	maxRevocations = 1_000_000              // as in identity
	revokedPage    = 1000                   // entries that are read at once
	revokedPoll    = 500 * time.Millisecond // what is published may be lost
	tokenEntry     = "token:"
	userEntry      = "user:"
)

// Revocations returns the deny list of all nodes, which is empty until it has been read: Health says
// when. What one node adds holds on the others within a second while Redis can be
// reached; added, if not nil, is called when others have added something, and is to end
// the sockets that this concerns. To be called once.
func (db *DB) Revocations(added func()) *identity.Revocations {
	r := &revocations{db: db, list: new(identity.Revocations), wake: make(chan struct{}, 1), change: "0", added: added}
	r.list.Keeper = r
	db.mu.Lock()
	db.revocations = r
	db.mu.Unlock()
	db.conn.Subscribe(redisconn.SubOptions{Channel: db.channel("revocations"), OnGap: r.changed, Handler: func(string, []byte) error {
		r.changed()
		return nil
	}})
	db.spawn(r.follow)
	return r.list
}

// complete reports whether the list has been read.
func (r *revocations) complete() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.loaded
}

func (r *revocations) changed() {
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// follow reads changes until the DB is closed.
func (r *revocations) follow() {
	poll := time.NewTicker(revokedPoll)
	defer poll.Stop()
	ill := false
	for {
		more, err := r.read()
		if err != nil && !ill {
			r.db.trouble("revocations of other nodes not heard of", err)
		}
		if ill = err != nil; more {
			continue
		}
		select {
		case <-r.wake:
		case <-poll.C:
		case <-r.db.life.Done():
			return
		}
	}
}

// read takes in some changes, and reports whether there may be more.
func (r *revocations) read() (more bool, err error) {
	v, err := r.db.run(r.db.life, scriptRevoked, r.keys(), r.change, r.known, r.db.op(), revokedPage)
	if err != nil {
		return false, err
	}
	names, entries := reply{v}.at(2).texts(), reply{v}.at(3).texts()
	for i, name := range names {
		var e revocation
		if json.Unmarshal([]byte(entries[i]), &e) != nil {
			continue // it is over, and gone
		}
		if id, is := strings.CutPrefix(name, tokenEntry); is {
			err = r.list.LearnToken(id, e.Until)
		} else {
			err = r.list.LearnUser(strings.TrimPrefix(name, userEntry), e.Before, e.Until)
		}
		if err != nil {
			return false, err
		}
	}
	r.known, r.change = reply{v}.at(0).text(), reply{v}.at(1).text()
	if more = len(names) == revokedPage; !more {
		r.mu.Lock()
		r.loaded = true
		r.mu.Unlock()
	}
	if len(names) > 0 && r.added != nil {
		r.added()
	}
	return more, nil
}

func (r *revocations) keys() []string {
	keys := make([]string, 0, 4)
	for _, part := range []string{"entries", "log", "ends", "counters"} {
		keys = append(keys, r.db.key("revocations", "", part))
	}
	return keys
}

func (r *revocations) KeepToken(id string, until time.Time) error {
	return r.keep(tokenEntry+id, revocation{Until: until})
}

func (r *revocations) KeepUser(userID string, before, until time.Time) error {
	return r.keep(userEntry+userID, revocation{before, until})
}

func (r *revocations) keep(name string, e revocation) error {
	text, err := json.Marshal(e)
	if err != nil {
		return err
	}
	v, err := r.db.run(context.WithoutCancel(r.db.life), scriptRevoke, r.keys(), name, text, e.Until.UnixMilli(), maxRevocations, r.db.channel("revocations"))
	if err == nil && (reply{v}).int() == 0 {
		err = identity.ErrTooManyRevocations
	}
	return err
}
