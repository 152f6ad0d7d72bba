package redisstreams

import (
	"slices"
	"strconv"
	"sync"
	"time"

	"parley/adapters/cluster"
	"parley/server/adapter"
)

// A log is connection state recovery of a namespace: its events have the order of the
// stream.
type log struct {
	bus    *bus
	keep   time.Duration // for how long a session may be wanted at most
	finder finder

	// mu is held while events are delivered, so that they are one at a time. It
	// guards what follows.
	mu      sync.Mutex
	on      bool
	ref     uint64 // of the newest event that was sent
	waiting []waiting
	away    bool // events do not come back, and are not waited for
	newest  id   // the newest event that was delivered
	lost    id   // who has received nothing after it may have missed events
	owes    bool // the others must still be told so
	telling bool // they are being told
	tails   map[*tail]struct{}
	over    bool // Local must not be called any more

	doubt      id // Redis was away after it, and others may not yet have told of what had no place
	doubtUntil time.Time
}

// waiting is an event of this server that is on its way to its place, or something without a place that is delivered behind one.
type waiting struct {
	event   adapter.Event
	deliver func(offset string) (after func())
	ref     uint64 // of what has no place, that of the event before
	since   time.Time
	failed  bool // it has no place, but should
	passing bool // it needs none
}

var _ adapter.Recovery = (*log)(nil)

func newLog(b *bus) *log {
	return &log{bus: b, tails: make(map[*tail]struct{}), finder: finder{bus: b, searches: make(map[uint64]*search)}}
}

// Recovery implements adapter.Recoverer.
func (r recoverer) Recovery(keep time.Duration) adapter.Recovery {
	l := r.bus.log
	if r.bus.odd != nil {
		r.bus.c.opts.Logger.Warn("redisstreams: no recovery on other servers: Node servers write the namespace's events to a stream that none of them reads",
			"namespace", r.bus.namespace, "Options.StreamCount", r.bus.c.opts.StreamCount)
		return nil
	}
	l.finder.begin()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.on, l.keep = true, keep
	return l
}

func (l *log) enabled() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.on
}

// Append implements adapter.Recovery.
func (l *log) Append(e adapter.Event, deliver func(offset string) (after func())) (delivered bool) {
	b := l.bus
	m := &cluster.Message{
		Kind: cluster.Broadcast, Namespace: b.namespace, From: b.id, Payload: e.Payload, Selection: e.Selection,
		Flags: adapter.Flags{Uncompressed: e.Uncompressed},
	}
	entry, err := b.c.wire.Entry(m)
	l.mu.Lock()
	l.ref++
	ref := l.ref
	if err == nil {
		err = b.store(entry, strconv.FormatUint(ref, 36), func(err error) { l.stored(ref, err) })
	}
	if err != nil {
		b.c.noted.warn("redisstreams: an event has no place in the stream", "namespace", b.namespace, "err", err)
	}
	return l.wait(waiting{event: e, deliver: deliver, ref: ref, failed: err != nil || l.away})
}

// Pass implements adapter.Recovery.
func (l *log) Pass(deliver func(offset string) (after func())) {
	l.mu.Lock()
	l.wait(waiting{deliver: deliver, ref: l.ref, passing: true})
}

// wait adds something that waits, and reports whether nothing does any more. What has no place is bounded by who passes it.
// The caller holds l.mu, which is free afterwards.
func (l *log) wait(w waiting) (empty bool) {
	w.since = time.Now()
	l.waiting = append(l.waiting, w)
	if events := l.ref - l.waiting[0].ref + 1; events > uint64(l.bus.c.opts.MaxPending) {
		l.giveUp()
	}
	return l.settle()
}

// settle delivers what has no place and comes first, and reports whether none waits
// any more. The caller holds l.mu, which is free afterwards.
func (l *log) settle() (empty bool) {
	var afters []func()
	n := 0
	for ; n < len(l.waiting) && (l.waiting[n].failed || l.waiting[n].passing); n++ {
		afters = append(afters, l.place(l.waiting[n], id{}))
	}
	l.drop(n)
	empty = len(l.waiting) == 0
	l.mu.Unlock()
	run(afters...)
	return empty
}

// drop takes the first events away. The caller holds l.mu.
func (l *log) drop(n int) {
	clear(l.waiting[:n])
	if l.waiting = l.waiting[n:]; len(l.waiting) == 0 {
		l.waiting = nil
	}
}

// place delivers an event at its place, or without one. The caller holds l.mu.
func (l *log) place(w waiting, at id) (after func()) {
	if w.passing {
		return w.deliver(l.at().String())
	}
	if at == (id{}) {
		l.lost, l.owes = l.at(), true
		return w.deliver(l.lost.String())
	}
	l.newest = at
	l.follow(w.event, at)
	return w.deliver(at.String())
}

// at returns the offset of the newest event that was delivered, or of a later entry
// that was none. The caller holds l.mu.
func (l *log) at() id { return later(l.newest, l.bus.stream.newest()) }

func run(afters ...func()) {
	for _, after := range afters {
		if after != nil {
			after()
		}
	}
}

// giveUp lets no event wait for its place any longer. The caller holds l.mu.
func (l *log) giveUp() {
	l.away = true
	for i := range l.waiting {
		l.waiting[i].failed = true
	}
}

// stored notes what has become of the sending of an event. One whose fate is not known
// may still come back.
func (l *log) stored(ref uint64, err error) {
	if err == nil || unknown(err) {
		return
	}
	l.mu.Lock()
	if i := slices.IndexFunc(l.waiting, func(w waiting) bool { return w.ref == ref }); i >= 0 {
		l.waiting[i].failed = true
	}
	l.settle()
}

// came notes that an event of this server has come back, at its place, and whether more entries have come
// with it.
func (l *log) came(ref uint64, at id, more bool) {
	var afters []func()
	l.bus.together(more, func() { afters = l.placeUpTo(ref, at) })
	run(afters...)
}

func (l *log) placeUpTo(ref uint64, at id) (afters []func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.away = l.over
	n := 0
	for ; n < len(l.waiting) && l.waiting[n].ref <= ref; n++ {
		w := l.waiting[n]
		if w.ref < ref || w.failed {
			afters = append(afters, l.place(w, id{})) // of what was sent before, this is the first to come
		} else {
			afters = append(afters, l.place(w, at))
		}
	}
	l.drop(n)
	return afters
}

// foreign delivers an event of another server. More says whether further entries have come with it.
func (l *log) foreign(e adapter.Event, at id, more bool) (err error) {
	var after func()
	l.bus.together(more, func() { after, err = l.placeForeign(e, at) })
	run(after)
	return err
}

func (l *log) placeForeign(e adapter.Event, at id) (after func(), err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.over {
		return nil, nil
	}
	l.newest = at
	l.follow(e, at)
	return l.bus.local.DeliverAt(e, at.String())
}

// back notes that what this server sends comes back again.
func (l *log) back() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.away = l.over
}

// lose notes that events may be missing in the stream.
func (l *log) lose() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.on {
		l.lost = l.at()
		l.newest = id{}
	}
}

// certainty is for how long after Redis was away the others may take to tell of what has
// had no place.
const certainty = 5 * time.Second

// interrupted notes that Redis was away, so that others may have delivered events without
// a place.
func (l *log) interrupted() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.doubt, l.doubtUntil = l.at(), time.Now().Add(certainty)
}

// missing reports whether events that came after one may be in no log. The caller holds
// l.mu.
func (l *log) missing(from id) bool {
	return l.lost != (id{}) && !l.lost.before(from) || time.Now().Before(l.doubtUntil) && !l.doubt.before(from)
}

// check gives up events that have waited for too long, and tells the others of those
// that have had no place, once Redis is there.
func (l *log) check(now time.Time) {
	l.mu.Lock()
	if len(l.waiting) > 0 && now.Sub(l.waiting[0].since) > l.bus.c.opts.MaxDelay {
		l.giveUp()
	}
	if l.owes && !l.telling && l.on {
		err := l.bus.storeLost(l.told)
		if l.telling = err == nil; l.telling {
			l.owes = false
		}
	}
	l.settle()
}

// told notes whether the others know.
func (l *log) told(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.telling = false
	l.owes = l.owes || err != nil
}

// Sync implements adapter.Recovery.
func (l *log) Sync(f func(newest string)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	f(l.at().String())
}

// Close implements adapter.Recovery. What is in Redis stays.
func (l *log) Close() {}

// end delivers what still waits.
func (l *log) end() {
	l.mu.Lock()
	l.over = true
	l.giveUp()
	l.settle()
}
