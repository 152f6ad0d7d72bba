package redis

import (
	"context"
	"time"
)

// listen hands what is published for this node to those it concerns.
func (db *DB) listen() {
	sub := db.client.Subscribe(db.life, db.channel("node:"+db.id))
	defer context.AfterFunc(db.life, func() { _ = sub.Close() })() // nothing else ends a receive
	defer sub.Close()
	for db.life.Err() == nil {
		m, err := sub.ReceiveMessage(db.life)
		if err != nil {
			select {
			case <-time.After(100 * time.Millisecond):
			case <-db.life.Done():
			}
			continue
		}
		if w, key, ok := parseWake(m.Payload); ok {
			db.turns.woken(w, key)
		}
	}
}
