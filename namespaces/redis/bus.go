package redis

import (
	"bytes"
	"crypto/rand"
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
	return b.db.conn.Publish(b.channel, nil, "PUBLISH", b.channel, append(b.sender[:senderSize:senderSize], message...))
}

func (b *bus) Subscribe(f func(message []byte)) (stop func()) {
	var mu sync.Mutex // held during a call of f
	stopped := false
	s := b.db.conn.Subscribe(redisconn.SubOptions{Channel: b.channel, Handler: func(_ string, m []byte) error {
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
