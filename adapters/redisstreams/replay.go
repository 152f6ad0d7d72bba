package redisstreams

import (
	"context"
	"errors"

	"github.com/redis/go-redis/v9"

	"parley/adapters/nodewire"
	"parley/adapters/redisconn"
	"parley/server/adapter"
)

// unknown reports whether a command may have been carried out all the same.
func unknown(err error) bool { return errors.Is(err, redisconn.ErrUnknown) }

// A tail has the events that are delivered while a client catches up with those before.
type tail struct {
	rooms  stays
	events []placed
	bytes  int
	full   bool
}

// placed is an event at its place.
type placed struct {
	adapter.Event
	at id
}

// The bounds of a tail. A client that recovers may be sent less.
const (
	maxTail      = 10_000
	maxTailBytes = 8 << 20
)

// follow adds an event that is delivered to the tails that it is for. The caller holds l.mu.
func (l *log) follow(e adapter.Event, at id) {
	for t := range l.tails {
		if !t.rooms.among(e.Selection, at) {
			continue
		}
		t.bytes += len(e.Data)
		for _, a := range e.Attachments {
			t.bytes += len(a)
		}
		if t.full = t.full || len(t.events) >= maxTail || t.bytes > maxTailBytes; t.full {
			t.events = nil
			continue
		}
		t.events = append(t.events, placed{e, at})
	}
}

// Replay implements adapter.Recovery.
func (l *log) Replay(ctx context.Context, s adapter.Session, offset string, take func(adapter.Event, string) error, join func()) error {
	from, ok := parseID(offset)
	if !ok {
		return adapter.ErrLost
	}
	select {
	case l.bus.c.replays <- struct{}{}:
		defer func() { <-l.bus.c.replays }()
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	if err := l.catchUp(ctx, from); err != nil {
		return err
	}
	t := &tail{rooms: newStays(s)}
	l.mu.Lock()
	to := l.at()
	l.tails[t] = struct{}{}
	l.mu.Unlock()
	err := l.fetch(ctx, s, t.rooms, from, to, take)
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.tails, t)
	if err != nil {
		return err
	}
	if l.missing(from) || t.full || to.before(from) {
		return adapter.ErrLost
	}
	for _, e := range t.events {
		if err := take(e.Event, e.at.String()); err != nil {
			return err
		}
	}
	join()
	return nil
}

// catchUp waits until this server has come as far as the client has, which was on another.
func (l *log) catchUp(ctx context.Context, from id) error {
	l.mu.Lock()
	behind := l.at().before(from)
	l.mu.Unlock()
	if !behind {
		return nil
	}
	there, err := l.bus.c.exists(ctx, l.bus.stream.name, from)
	if err == nil && !there {
		err = adapter.ErrLost
	}
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, l.bus.c.opts.Timeout)
	defer cancel()
	return l.bus.reach(ctx, from)
}

// maxChunk is how many entries are fetched at once at most.
const maxChunk = 500

// fetch gives take what is in the stream after one entry and up to another. The first must
// still be there when all have been fetched: then none after it was trimmed.
func (l *log) fetch(ctx context.Context, s adapter.Session, rooms stays, from, to id, take func(adapter.Event, string) error) error {
	c, name := l.bus.c, l.bus.stream.name
	chunk := newPace(maxChunk)
	for at := from; ; {
		count := chunk.count
		pipe := c.reads().Pipeline()
		entries := pipe.XRangeN(ctx, name, "("+at.String(), to.String(), count)
		first := pipe.XRangeN(ctx, name, from.String(), from.String(), 1)
		if _, err := pipe.Exec(ctx); err != nil && !errors.Is(err, redis.Nil) {
			return err
		}
		if found := first.Val(); len(found) == 0 || s.Since == "" && !l.ours(found[0]) {
			return adapter.ErrLost
		}
		for _, e := range entries.Val() {
			next, ok := parseID(e.ID)
			if !ok {
				return adapter.ErrLost
			}
			at = next
			if err := l.offer(e, at, rooms, take); err != nil {
				return err
			}
		}
		if int64(len(entries.Val())) < count {
			return nil
		}
		chunk.note(entries.Val())
	}
}

// ours reports whether an entry is one of the namespace. Sessions of Node servers do not
// say of which namespace they are; their clients' offsets do.
func (l *log) ours(e redis.XMessage) bool { return e.Values["nsp"] == l.bus.namespace }

// offer gives take an entry that is an event for the session.
func (l *log) offer(e redis.XMessage, at id, rooms stays, take func(adapter.Event, string) error) error {
	b := l.bus
	field := func(name string) string {
		text, _ := e.Values[name].(string)
		return text
	}
	if field(fieldNote) == noteLost && field(fieldOf) == b.namespace {
		return adapter.ErrLost
	}
	if field("nsp") != b.namespace || field("type") != "3" {
		return nil
	}
	entry := nodewire.Entry{UID: field("uid"), Namespace: b.namespace, Type: "3", Data: []byte(field("data"))}
	if !b.c.opts.verifyEntry(field(fieldSignature), b.stream.name, entry.UID, entry.Namespace, entry.Type, field("data"), field(fieldRef)) {
		return nil
	}
	m, kept, err := b.c.wire.ParseEntry(entry)
	if err != nil || !kept || !rooms.among(m.Selection, at) {
		return nil // what cannot be read was not delivered either
	}
	return take(event(&m), at.String())
}

// stays tells when a session was in a room: from after an offset up to another.
type stays map[string][]span

type span struct{ from, to id }

func newStays(s adapter.Session) stays {
	rooms := make(stays, len(s.Rooms)+1)
	rooms[s.ID] = []span{{id{}, lastID}}
	for _, stay := range s.Rooms {
		in := span{id{}, lastID}
		if at, ok := parseID(stay.From); ok {
			in.from = at
		}
		if at, ok := parseID(stay.To); ok {
			in.to = at
		}
		rooms[stay.Room] = append(rooms[stay.Room], in)
	}
	return rooms
}

func (rooms stays) in(room string, at id) bool {
	for _, in := range rooms[room] {
		if in.from.before(at) && !in.to.before(at) {
			return true
		}
	}
	return false
}

// among reports whether an event at a place was for the session.
func (rooms stays) among(to adapter.Selection, at id) bool {
	for _, room := range to.Except {
		if rooms.in(room, at) {
			return false
		}
	}
	for _, room := range to.Rooms {
		if rooms.in(room, at) {
			return true
		}
	}
	return len(to.Rooms) == 0
}
