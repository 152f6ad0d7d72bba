package engineio

import (
	"parley/server/internal/reactor"
	"parley/server/internal/transport"
	"parley/server/wire/eio"
)

// A link is a session as its transport and the reactor see it, whose methods are not
// for applications.
type link Session

var (
	_ transport.Sink  = (*link)(nil)
	_ reactor.Flusher = (*link)(nil)
)

func (s *Session) link() *link { return (*link)(s) }

// Packet implements transport.Sink.
func (l *link) Packet(t reactor.Turn, p eio.Packet) { (*Session)(l).packet(t, p) }

// Drained implements transport.Sink.
func (l *link) Drained() { (*Session)(l).drained() }

// Gone implements transport.Sink.
func (l *link) Gone(_ reactor.Turn, cause error) { (*Session)(l).gone(cause) }

// Flush implements reactor.Flusher.
func (l *link) Flush(scratch []byte) { (*Session)(l).flush(scratch) }
