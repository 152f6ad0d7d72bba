// Package polling carries Engine.IO packets in HTTP requests: a GET waits for
// what the server sends, a POST brings what the client sends.
package polling

import (
	"net/http"
	"sync"
	"time"

	"parley/server/internal/reactor"
	"parley/server/internal/transport"
	"parley/server/wire/eio"
)

// Why a polling transport ends, in Node's words.
var (
	errOverlap     = transport.Violation("overlap from client")
	errPostOverlap = transport.Violation("data request overlap from client")
	errPollGone    = transport.Violation("poll connection closed prematurely")
	errPostGone    = transport.Violation("data request connection closed prematurely")
	errContent     = transport.Violation("invalid content")
	errUnfinished  = transport.Violation("ReadTimeout: data request not finished in time")
	errFinished    = transport.Violation("closed by the server")
)

// inFlight is how long a client's close packet waits for a GET that the client
// may have sent just before it on another connection.
const inFlight = 50 * time.Millisecond

// Limits bound what a client may make the server hold.
type Limits struct {
	// MaxPayload is the size in bytes of the largest POST body.
	MaxPayload int
	// MaxPackets is the number of packets in one body.
	MaxPackets int
	// ReadTimeout is the time in which a body must arrive.
	ReadTimeout time.Duration
	// WriteTimeout is how long a client may take nothing of an answer.
	WriteTimeout time.Duration
	// CompressionThreshold is the size in bytes from which an answer to a GET
	// is compressed; 0: none is.
	CompressionThreshold int
}

var (
	noopMessage  = transport.Control(eio.Noop, "")
	closeMessage = transport.Control(eio.Close, "")
)

// A Transport is one session's polling. Between two requests it has no
// goroutine.
type Transport struct {
	limits *Limits
	sink   transport.Sink
	turn   reactor.Turn
	format *Format // nil: revision 4

	mu      sync.Mutex
	poll    chan []transport.Message // the GET that waits; nil: none
	post    *http.ResponseController // the POST that is being read; nil: none
	paused  chan struct{}            // closed by Resume; nil: not paused
	arrival chan struct{}            // closed when a GET comes; nil: nobody waits for it
	closing bool                     // the next GET gets a close packet
	ended   bool
}

var _ transport.Transport = (*Transport)(nil)

// New returns the polling of one session. Tasks run in turn. A nil format means
// revision 4 of the protocol.
func New(limits *Limits, turn reactor.Turn, sink transport.Sink, format *Format) *Transport {
	return &Transport{limits: limits, sink: sink, turn: turn, format: format}
}

// Name implements transport.Transport.
func (t *Transport) Name() string { return "polling" }

// Writable implements transport.Transport: polling can be written to while a
// GET waits.
func (t *Transport) Writable() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.poll != nil
}

// Write implements transport.Transport: the waiting GET takes everything.
func (t *Transport) Write(batch []transport.Message, _ []byte) int {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.ended {
		return len(batch)
	}
	if t.poll == nil {
		return 0
	}
	t.answer(append([]transport.Message(nil), batch...))
	return len(batch)
}

// answer ends the waiting GET; the caller has locked mu.
func (t *Transport) answer(batch []transport.Message) {
	if t.poll != nil {
		t.poll <- batch // one answer per channel, which has room for it
		t.poll = nil
	}
}

// Close implements transport.Transport. A waiting GET gets a close packet,
// else the next GET does; the sink is told when it has.
func (t *Transport) Close() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.ended {
		return
	}
	t.closing = true
	t.answer([]transport.Message{closeMessage})
	t.resume()
}

// Retire ends the transport after an upgrade. A waiting GET gets a noop.
func (t *Transport) Retire() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.ended = true
	t.answer([]transport.Message{noopMessage})
	t.resume()
}

// Noop answers a waiting GET, so that a client that upgrades can pause.
func (t *Transport) Noop() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.answer([]transport.Message{noopMessage})
}

// fail ends the transport; a waiting GET gets p.
func (t *Transport) fail(cause error, p transport.Message) {
	t.mu.Lock()
	first := !t.ended
	t.ended = true
	t.answer([]transport.Message{p})
	t.resume()
	t.mu.Unlock()
	if first {
		t.sink.Gone(t.turn, cause)
	}
}

// awaitGet waits a moment for a GET if none waits.
func (t *Transport) awaitGet() {
	t.mu.Lock()
	if t.poll != nil || t.ended {
		t.mu.Unlock()
		return
	}
	arrival := make(chan struct{})
	t.arrival = arrival
	t.mu.Unlock()
	moment := time.NewTimer(inFlight)
	defer moment.Stop()
	select {
	case <-arrival:
	case <-moment.C:
	}
}

// Pause makes POSTs wait with their answer until Resume, so that the client
// sends no more.
func (t *Transport) Pause() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.paused == nil && !t.ended && !t.closing {
		t.paused = make(chan struct{})
	}
}

// Resume implements transport.Transport.
func (t *Transport) Resume() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.resume()
}

func (t *Transport) resume() {
	if t.paused != nil {
		close(t.paused)
		t.paused = nil
	}
}
