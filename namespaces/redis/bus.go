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
	"time"

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

	here  sync.Map          // plain.Gone, what tells of the end of this node's clients, by their places, of which each has its own
	seats *places[struct{}] // the same, as far as Redis knows
	gone  func(userID string)
	told  recent // places of dead nodes of whose clients it was told, until they are off their lists

	mu      sync.Mutex // guards what follows
	fresh   []string   // places of which Redis is to be told
	telling bool       // a goroutine does
}

// maxTold bounds bus.told: some may be taken off by other nodes.
const maxTold = 1000

var _ plain.Roll = (*bus)(nil)

// Bus returns what ties the hubs of /ws together, for one hub.
//
// That a client has gone is told by its own node or, if that was taken for dead, by another one, whoever is first to claim it.
func (db *DB) Bus() plain.Bus {
	b := &bus{db: db, channel: db.channel("ws"), gone: func(string) {}, told: recent{max: maxTold}}
	rand.Read(b.sender[:])
	b.seats = newPlaces(db, "ws", placeHooks[struct{}]{restore: b.restore, leave: b.leave, evict: b.evict})
	return b
}

func (b *bus) Watch(gone func(userID string)) { b.gone = gone }

// Enter does not wait for Redis. What it cannot be told at once, it is when the node's lease is renewed.
func (b *bus) Enter(userID string, gone plain.Gone) (leave func()) {
	place := rand.Text() + " " + userID
	gone.Here = sync.OnceFunc(gone.Here)
	b.here.Store(place, gone)
	b.seats.lag(place, "", struct{}{})
	b.announce(place)
	return func() {
		if b.leave(b.db.life, place, "") != nil {
			b.seats.owe(place, "") // the others are told when Redis can be asked
		}
	}
}

// announce has Redis told of who has come to a place: a node may die long before its lease is to be renewed.
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
			return b.restore(b.db.life, place, "", struct{}{})
		})
	}
}

// hereAnyway is how long the clients of this node wait for Redis to say whether they have heard already that one has gone.
const hereAnyway = 250 * time.Millisecond

// leave ends the stay of a client and tells of it, unless another node has done so.
func (b *bus) leave(ctx context.Context, place, socket string) error {
	gone := plain.Gone{Here: func() {}, Elsewhere: func() {}}
	if at, here := b.here.Load(place); here {
		gone = at.(plain.Gone)
	}
	late := time.AfterFunc(hereAnyway, gone.Here) // also while Redis is still being told that the client has come
	defer late.Stop()
	return b.seats.alone(place, socket, func() error {
		node, tells := b.seats.mark(place, socket)
		if node != "" { // else nobody else knows it
			claimed, err := b.claim(ctx, place, node, true)
			if err != nil {
				gone.Here()
				return err
			}
			tells = claimed
		}
		b.seats.remove(place, socket)
		b.here.Delete(place)
		if tells {
			gone.Here()
			gone.Elsewhere()
		}
		return nil
	})
}

var scriptClaim = script("ws_claim")

// claimMemory is how long it is known that another node has told that a client has gone: its own one, taken for dead, may hear
// late of that.
const claimMemory = 24 * time.Hour

// claim reports whether this node is to tell that a client has gone which is on the list of a node, that of this one or of
// a dead one.
func (b *bus) claim(ctx context.Context, place, node string, own bool) (bool, error) {
	id, _, _ := strings.Cut(place, " ")
	keys := []string{b.db.node.listKey(node, "ws"), b.db.key("node", node, "told:"+id)}
	v, err := b.db.run(ctx, scriptClaim, keys, place, b.db.id, claimMemory.Milliseconds(), flag(own))
	return reply{v}.int() == 1, err
}

// restore has a place listed. One that was on the list of this node when it was taken for dead must be claimed before: else
// the others have heard that the client has gone, and are not told again.
func (b *bus) restore(ctx context.Context, place, socket string, _ struct{}) error {
	return b.seats.alone(place, socket, func() error {
		node, there := b.seats.mark(place, socket)
		if !there || b.seats.owed(place, socket) {
			return nil
		}
		if node != "" && node != b.db.node.current() {
			switch claimed, err := b.claim(ctx, place, node, true); {
			case err != nil:
				return err
			case !claimed:
				b.seats.remove(place, socket)
				return nil
			}
			b.seats.unmark(place, socket)
		}
		_, err := b.seats.add(ctx, place, socket, struct{}{})
		if err != nil {
			b.seats.lag(place, socket, struct{}{})
		}
		return err
	})
}

// evict tells that a client of a dead node has gone, once however often it is called again after an error.
func (b *bus) evict(ctx context.Context, place, node string) error {
	if _, here := b.here.Load(place); here {
		return nil // the dead node is what this one was taken for
	}
	claimed, err := b.claim(ctx, place, node, false)
	if err != nil {
		return err
	}
	if claimed && b.told.add(place) {
		_, user, _ := strings.Cut(place, " ")
		b.gone(user)
	}
	if err := b.db.node.unlist(ctx, node, "ws", []any{place}); err != nil {
		return err
	}
	b.told.remove(place)
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
