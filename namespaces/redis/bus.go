package redis

import (
	"bytes"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"errors"
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
}

// Bus returns what ties the hubs of /ws together, for one hub.
func (db *DB) Bus() plain.Bus {
	b := &bus{db: db, channel: db.channel("ws")}
	rand.Read(b.sender[:])
	return b
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
