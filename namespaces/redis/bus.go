package redis

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"strings"
	"sync"

	"parley/adapters/redisconn"
	"parley/namespaces/plain"
)

// senderSize is the size of what begins each message of a bus: who has sent it.
const senderSize = 8

// bus is a plain.Bus by publish and subscribe: a message comes at most once.
type bus struct {
	db      *DB
	channel string
	sender  [senderSize]byte

	here  sync.Map          // the places of this node's clients, of which each has its own
	seats *places[struct{}] // the same, as far as Redis knows
	gone  func(userID string)

	mu      sync.Mutex // guards what follows
	fresh   []string   // places of which Redis is to be told
	telling bool       // a goroutine does
}

var _ plain.Roll = (*bus)(nil)

// Bus returns what ties the hubs of /ws together, for one hub.
func (db *DB) Bus() plain.Bus {
	b := &bus{db: db, channel: db.channel("ws"), gone: func(string) {}}
	rand.Read(b.sender[:])
	b.seats = newPlaces(db, "ws", placeHooks[struct{}]{
		restore: b.restore,
		leave:   func(context.Context, string, string) error { return nil },
		evict:   b.evict,
	})
	return b
}

func (b *bus) Watch(gone func(userID string)) { b.gone = gone }

// Enter does not wait for Redis. What it cannot be told at once, it is when the node's lease is renewed.
func (b *bus) Enter(userID string) (leave func()) {
	place := rand.Text() + " " + userID
	b.here.Store(place, struct{}{})
	b.seats.lag(place, "", struct{}{})
	b.announce(place)
	return func() {
		b.here.Delete(place)
		b.seats.remove(place, "")
		b.announce(place)
	}
}

// announce has Redis told of who has come to a place or left it: a node may die long before its lease is to be renewed.
func (b *bus) announce(place string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.fresh = append(b.fresh, place)
	if !b.telling {
		b.telling = b.db.spawn(b.tell)
	}
}

func (b *bus) tell() {
	for {
		b.mu.Lock()
		places := b.fresh
		b.fresh = nil
		b.telling = len(places) > 0
		b.mu.Unlock()
		if len(places) == 0 {
			return
		}
		_ = each(places, func(place string) error { // those after a failure lag
			if _, here := b.here.Load(place); here {
				return b.restore(b.db.life, place, "", struct{}{})
			}
			return b.db.node.unlist(b.db.life, b.db.node.current(), b.seats.kind, []any{place})
		})
	}
}

func (b *bus) restore(ctx context.Context, place, socket string, _ struct{}) error {
	_, err := b.seats.add(ctx, place, socket, struct{}{})
	if err != nil {
		b.seats.lag(place, socket, struct{}{})
	}
	if _, here := b.here.Load(place); !here { // it has gone meanwhile
		b.seats.remove(place, socket)
	}
	return err
}

func (b *bus) evict(_ context.Context, place, _ string) error {
	_, user, _ := strings.Cut(place, " ")
	b.gone(user)
	return nil
}

func (b *bus) Publish(message []byte) error {
	return b.db.conn.Publish(b.channel, nil, "PUBLISH", b.channel, b.seal(append(b.sender[:senderSize:senderSize], message...)))
}

// seal puts a signature before a message, if there is a secret.
func (b *bus) seal(m []byte) []byte {
	if b.db.opts.Secret == nil {
		return m
	}
	return append(b.mac(m), m...)
}

// open undoes seal.
func (b *bus) open(sealed []byte) ([]byte, error) {
	if b.db.opts.Secret == nil {
		return sealed, nil
	}
	if len(sealed) < sha256.Size || !hmac.Equal(sealed[:sha256.Size], b.mac(sealed[sha256.Size:])) {
		return nil, errors.New("redis: a message without the right signature")
	}
	return sealed[sha256.Size:], nil
}

// mac is the HMAC-SHA256 (RFC 2104) of the channel and a message.
func (b *bus) mac(m []byte) []byte {
	h := hmac.New(sha256.New, b.db.opts.Secret)
	h.Write([]byte(b.channel + "\n"))
	h.Write(m)
	return h.Sum(nil)
}

func (b *bus) Subscribe(f func(message []byte)) (stop func()) {
	var mu sync.Mutex // held during a call of f
	stopped := false
	s := b.db.conn.Subscribe(redisconn.SubOptions{Channel: b.channel, Handler: func(_ string, sealed []byte) error {
		m, err := b.open(sealed)
		if err != nil {
			return err
		}
		if len(m) < senderSize {
			return errors.New("redis: a message without a sender")
		}
		mu.Lock()
		defer mu.Unlock()
		if !stopped && !bytes.Equal(m[:senderSize], b.sender[:]) {
			f(m[senderSize:])
		}
		return nil
	}})
	return func() {
		s.Close()
		mu.Lock()
		defer mu.Unlock()
		stopped = true
	}
}
