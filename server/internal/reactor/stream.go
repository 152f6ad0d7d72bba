package reactor

import (
	"net"
	"sync"
	"time"
)

// streamReadSize is the size in bytes of a stream's own read buffer.
const streamReadSize = 4 << 10

// streamWriteSize is how many bytes one write takes at most: what the peer has
// not got yet stays with the caller, who knows how long to wait for it.
const streamWriteSize = ScratchSize

// abortWithin is how long a write that has begun may go on after Abort.
const abortWithin = time.Second

// A stream is a connection that only knows to block: it has a goroutine that
// reads, and one that writes while there is something to write.
type stream struct {
	r *Reactor
	c net.Conn
	h Handler

	mu       sync.Mutex
	resumed  sync.Cond
	out      []byte // what the writer is writing
	writing  bool
	blocked  bool // a Write was refused while writing
	paused   bool
	closed   bool
	endWrite bool
	aborted  bool
}

var _ Conn = (*stream)(nil)

func newStream(r *Reactor, c net.Conn, h Handler) *stream {
	s := &stream{r: r, c: c, h: h}
	s.resumed.L = &s.mu
	return s
}

// Unread implements Conn. What the reader waits for cannot be known.
func (s *stream) Unread() bool { return true }

func (s *stream) Start() {
	s.r.work.add()
	go s.read()
}

func (s *stream) read() {
	defer s.r.work.done()
	turn := s.r.Turn()
	buf := make([]byte, streamReadSize)
	for s.mayRead() {
		n, err := s.c.Read(buf)
		if n > 0 && !s.input(turn, buf[:n]) {
			err = errPanic
		}
		if err != nil {
			s.h.Gone(turn, err)
			return
		}
	}
	s.h.Gone(turn, net.ErrClosed)
}

// input ends a connection whose handler panicked, and only that.
func (s *stream) input(t Turn, p []byte) (ok bool) {
	defer func() {
		if v := recover(); v != nil {
			s.r.logPanic(v)
		}
	}()
	s.h.Input(t, p)
	return true
}

// mayRead waits while reading is paused; false means closed.
func (s *stream) mayRead() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.paused && !s.closed {
		s.resumed.Wait()
	}
	return !s.closed
}

func (s *stream) Write(p []byte) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || s.endWrite {
		return len(p)
	}
	if s.writing {
		s.blocked = true
		return 0
	}
	n := min(len(p), streamWriteSize)
	s.out = append(s.out[:0], p[:n]...)
	s.writing = true
	s.blocked = n < len(p)
	s.r.work.add()
	go s.write()
	return n
}

func (s *stream) write() {
	defer s.r.work.done()
	_, err := s.c.Write(s.out)
	s.mu.Lock()
	s.writing = false
	s.out = nil
	blocked := s.blocked
	s.blocked = false
	end, aborted := s.endWrite, s.aborted
	s.mu.Unlock()
	switch {
	case err != nil || aborted:
		// The reader ends with it, and tells.
		s.Close()
	case end:
		s.finish()
	case blocked:
		s.h.Writable()
	}
}

func (s *stream) CloseWrite() {
	s.mu.Lock()
	again := s.endWrite
	s.endWrite = true
	writing := s.writing
	s.mu.Unlock()
	if !again && !writing {
		s.r.work.add()
		go func() {
			defer s.r.work.done()
			s.finish()
		}()
	}
}

// finish ends the writing side. It may block: TLS says good-bye.
func (s *stream) finish() {
	if half, ok := s.c.(interface{ CloseWrite() error }); ok {
		_ = half.CloseWrite()
		return
	}
	s.Close()
}

func (s *stream) Abort() {
	s.mu.Lock()
	s.endWrite, s.aborted = true, true
	writing := s.writing
	if writing {
		_ = s.c.SetWriteDeadline(time.Now().Add(abortWithin))
	}
	s.mu.Unlock()
	if !writing {
		s.Close()
	}
}

// Close closes on a goroutine: TLS would say good-bye first, for seconds to a
// peer that does not read.
func (s *stream) Close() {
	s.mu.Lock()
	again := s.closed
	s.closed = true
	s.resumed.Broadcast()
	s.mu.Unlock()
	if !again {
		s.r.work.add()
		go func() {
			defer s.r.work.done()
			_ = s.c.Close()
		}()
	}
}

func (s *stream) Pause()  { s.setPaused(true) }
func (s *stream) Resume() { s.setPaused(false) }

func (s *stream) setPaused(on bool) {
	s.mu.Lock()
	s.paused = on
	s.resumed.Broadcast()
	s.mu.Unlock()
}
