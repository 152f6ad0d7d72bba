// Package replay is connection state recovery in the memory of one server.
package replay

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"math"
	"strconv"
	"strings"
	"sync"
	"time"

	"parley/server/adapter"
)

// Limits bound a Log. All must be positive.
type Limits struct {
	// Age is how long an event is kept. No client may be away for longer
	// without the server having noticed and given its session up.
	Age time.Duration
	// Bytes and Events bound what is kept; beyond, the oldest go.
	Bytes  int
	Events int
}

// A Timer calls f once, in d. stop keeps it from being called.
type Timer func(d time.Duration, f func()) (stop func())

// A Log is an adapter.Recovery. Deliveries and joins run under its lock.
type Log struct {
	limits Limits
	timer  Timer
	epoch  string // before each offset: those of another log mean nothing here

	sessions sessions

	mu     sync.Mutex // guards what follows
	oldest *record
	newest *record
	count  int
	bytes  int
	seq    uint64 // of the newest event ever
	lost   lost
	closed bool
	stop   func() // of the timer that sweeps; nil while there is nothing to sweep
}

var _ adapter.Recovery = (*Log)(nil)

// A record is an event in its place. A reader may follow next from a record that
// it found up to one that was the newest then, without the lock.
type record struct {
	event      adapter.Event
	seq        uint64
	at         time.Time
	bytes      int
	next, prev *record
}

// recordBytes is about what a record takes besides its event.
const recordBytes = 256

// New returns an empty log.
func New(limits Limits, timer Timer) *Log {
	var b [6]byte
	_, _ = rand.Read(b[:]) // never fails
	return &Log{limits: limits, timer: timer, epoch: base64.RawURLEncoding.EncodeToString(b[:]) + "."}
}

// Append implements adapter.Recovery. deliver is called before it returns.
func (l *Log) Append(e adapter.Event, deliver func(offset string) (after func())) (delivered bool) {
	if after := l.place(e, deliver); after != nil {
		after()
	}
	return true
}

func (l *Log) place(e adapter.Event, deliver func(offset string) (after func())) (after func()) {
	r := &record{event: e, bytes: recordBytes + weight(e)}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.seq++
	r.seq, r.at = l.seq, time.Now()
	if !l.closed {
		l.push(r)
		l.trim(r.at)
		l.sweepLater(r.at)
	}
	return deliver(l.offset(r.seq))
}

// weight returns the bytes that an event takes.
func weight(e adapter.Event) int {
	n := len(e.Data)
	for _, a := range e.Attachments {
		n += len(a)
	}
	for _, room := range e.Rooms {
		n += len(room)
	}
	for _, room := range e.Except {
		n += len(room)
	}
	return n
}

// Pass implements adapter.Recovery. deliver is called before it returns.
func (l *Log) Pass(deliver func(offset string) (after func())) {
	var after func()
	l.Sync(func(newest string) { after = deliver(newest) })
	if after != nil {
		after()
	}
}

// Sync implements adapter.Recovery.
func (l *Log) Sync(f func(newest string)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	f(l.offset(l.seq))
}

// Gap notes that events may be missing here, before the next one, for any room. Who
// has not received that or a later one does not recover.
func (l *Log) Gap() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.seq++
	l.lost.noteAll(l.seq, time.Now(), l.limits.Age)
}

func (l *Log) push(r *record) {
	if l.newest == nil {
		l.oldest = r
	} else {
		l.newest.next, r.prev = r, l.newest
	}
	l.newest = r
	l.count++
	l.bytes += r.bytes
}

// trim drops what is too old, which nobody can have missed who may still come
// back, and what is too much, of which it takes note.
func (l *Log) trim(now time.Time) {
	for r := l.oldest; r != nil; r = l.oldest {
		aged := now.Sub(r.at) > l.limits.Age
		if !aged && l.count <= l.limits.Events && l.bytes <= l.limits.Bytes {
			return
		}
		if !aged {
			l.lost.note(r, now, l.limits.Age)
		}
		l.oldest = r.next
		if l.oldest == nil {
			l.newest = nil
		} else {
			l.oldest.prev = nil
		}
		l.count--
		l.bytes -= r.bytes
	}
}

// sweepLater makes sure that the oldest event goes in time, whether or not others
// come.
func (l *Log) sweepLater(now time.Time) {
	if l.stop != nil || l.oldest == nil {
		return
	}
	l.stop = l.timer(l.oldest.at.Add(l.limits.Age).Sub(now)+time.Millisecond, func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.stop = nil
		if !l.closed {
			now := time.Now()
			l.trim(now)
			l.sweepLater(now)
		}
	})
}

// Replay implements adapter.Recovery. Most of the log is read without its lock.
func (l *Log) Replay(_ context.Context, s adapter.Session, offset string, take func(adapter.Event, string) error, join func()) error {
	seq, ok := l.position(offset)
	if !ok {
		return adapter.ErrLost
	}
	rooms := l.rooms(s)
	next, last, err := l.after(seq, rooms)
	if err != nil {
		return err
	}
	for ; next != nil; next = next.next {
		if err := l.offer(next, rooms, take); err != nil {
			return err
		}
		if seq = next.seq; next == last {
			break
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if next == nil {
		if next, _, err = l.find(seq, rooms); err != nil {
			return err
		}
	} else {
		next = next.next
	}
	for ; next != nil; next = next.next {
		if err := l.offer(next, rooms, take); err != nil {
			return err
		}
	}
	join()
	return nil
}

func (l *Log) offer(r *record, rooms stays, take func(adapter.Event, string) error) error {
	if !rooms.among(r) {
		return nil
	}
	return take(r.event, l.offset(r.seq))
}

// after is find with the lock.
func (l *Log) after(seq uint64, rooms stays) (first, last *record, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.find(seq, rooms)
}

// find returns the records after a place, or ErrLost if one is missing that may
// have been for the rooms. Who comes back has mostly not been away for long.
func (l *Log) find(seq uint64, rooms stays) (first, last *record, err error) {
	if l.closed || seq > l.seq || l.lost.after(seq, rooms) {
		return nil, nil, adapter.ErrLost
	}
	for r := l.newest; r != nil && r.seq > seq; r = r.prev {
		first = r
	}
	return first, l.newest, nil
}

// stays are the rooms of a session, and between which places it was in them.
type stays map[string][]span

type span struct{ from, to uint64 }

func (l *Log) rooms(s adapter.Session) stays {
	rooms := make(stays, len(s.Rooms)+1)
	rooms[s.ID] = []span{{0, math.MaxUint64}}
	for _, stay := range s.Rooms {
		in := span{0, math.MaxUint64}
		if seq, ok := l.position(stay.From); ok {
			in.from = seq
		}
		if seq, ok := l.position(stay.To); ok {
			in.to = seq
		}
		rooms[stay.Room] = append(rooms[stay.Room], in)
	}
	return rooms
}

// in reports whether the session was in a room at a place of the log.
func (rooms stays) in(room string, seq uint64) bool {
	for _, in := range rooms[room] {
		if in.from < seq && seq <= in.to {
			return true
		}
	}
	return false
}

// among reports whether an event was for the session.
func (rooms stays) among(r *record) bool {
	for _, room := range r.event.Except {
		if rooms.in(room, r.seq) {
			return false
		}
	}
	for _, room := range r.event.Rooms {
		if rooms.in(room, r.seq) {
			return true
		}
	}
	return len(r.event.Rooms) == 0
}

// offset and position turn places into text and back.
func (l *Log) offset(seq uint64) string {
	var b [32]byte
	return string(strconv.AppendUint(append(b[:0], l.epoch...), seq, 36))
}

func (l *Log) position(offset string) (seq uint64, ok bool) {
	text, ok := strings.CutPrefix(offset, l.epoch)
	if !ok {
		return 0, false
	}
	seq, err := strconv.ParseUint(text, 36, 64)
	return seq, err == nil && l.offset(seq) == offset
}

// Close implements adapter.Recovery.
func (l *Log) Close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	if l.stop != nil {
		l.stop()
		l.stop = nil
	}
	l.oldest, l.newest, l.count, l.bytes = nil, nil, 0, 0
	l.lost = lost{}
	l.sessions.close()
}
