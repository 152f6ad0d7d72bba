package reactor

import (
	"errors"
	"log/slog"
	"net"
	"runtime/debug"
	"sync"
	"sync/atomic"
)

const (
	// readSize is the size in bytes of a loop's shared read buffer.
	readSize = 64 << 10
	// ScratchSize is the size in bytes of the buffer handed to Flush.
	ScratchSize = 64 << 10
)

// A Task is work that input caused, such as handling a socket's events.
type Task interface{ Run() }

// A Turn is the handling of one batch of input. A Task given to it runs after
// the whole batch has been parsed.
type Turn interface{ Run(Task) }

// A Handler is what a connection's owner does with it. Input and Gone are
// called one at a time, Gone last; Writable may come beside them. None of them
// may block.
type Handler interface {
	// Input gets what was read; p is valid only during the call, which may
	// change its bytes.
	Input(t Turn, p []byte)
	// Writable says that a Write cut short may go on.
	Writable()
	// Gone says that nothing more will be read: err is io.EOF or what the
	// connection failed with.
	Gone(t Turn, err error)
}

// A Conn is a connection owned by a Reactor. Its methods may be called from
// any goroutine and do not block.
type Conn interface {
	// Start begins to read. The handler must be ready.
	Start()
	// Write writes what it can of p and returns how much that was. After a
	// short write the handler's Writable is called once there is room again. A
	// failed connection takes everything; Gone tells.
	Write(p []byte) int
	// CloseWrite sends the end of the stream after what was written.
	CloseWrite()
	// Abort ends both directions after what was written; Gone follows.
	Abort()
	// Close gives the connection up. Gone may or may not follow.
	Close()
	// Unread reports whether input has come that the handler has not got, or may
	// have come where that cannot be known.
	Unread() bool
	// Pause and Resume stop and continue reading.
	Pause()
	Resume()
}

// A Flusher writes what it has queued. Flush may use scratch, of ScratchSize
// bytes, until it returns. It must not block.
type Flusher interface{ Flush(scratch []byte) }

// A Reactor owns event loops, an outbox and the tasks that run beside them.
// It has no goroutine while it has no connection and no work.
type Reactor struct {
	log   *slog.Logger
	loops []*loop
	next  atomic.Uint32
	out   outbox
	watch watchdog
	work  group
}

// New returns a Reactor with that many event loops.
func New(log *slog.Logger, loops int) *Reactor {
	r := &Reactor{log: log}
	r.out.spawn = func() { r.work.add(); go r.flush() }
	r.loops = newLoops(r, loops)
	r.watch.loops = r.loops
	return r
}

// Add takes a connection over. Nothing is read from it before Start.
func (r *Reactor) Add(c net.Conn, h Handler) Conn {
	if n := len(r.loops); n > 0 {
		if tcp, ok := c.(*net.TCPConn); ok {
			l := r.loops[int(r.next.Add(1))%n]
			if pc := l.adopt(tcp, h); pc != nil {
				return pc
			}
		}
	}
	return newStream(r, c, h)
}

// Go runs t on a goroutine of its own, for which Wait waits.
func (r *Reactor) Go(t Task) {
	r.work.add()
	go func() {
		defer r.work.done()
		r.guarded(t)
	}()
}

// guarded keeps a panic that a task let through from ending the process.
func (r *Reactor) guarded(t Task) {
	defer func() {
		if v := recover(); v != nil {
			r.logPanic(v)
		}
	}()
	t.Run()
}

func (r *Reactor) logPanic(v any) {
	r.log.Error("panic while handling input", "panic", v, "stack", string(debug.Stack()))
}

var errPanic = errors.New("reactor: panic while handling input")

// Flush has f flushed when the input at hand has been handled, or at once if
// there is none.
func (r *Reactor) Flush(f Flusher) { r.out.add(f) }

// Together calls f, which must not block, and then writes what f has had flushed, on this goroutine: to
// start another one takes longer than to write a little.
func (r *Reactor) Together(f func()) {
	r.out.hold()
	defer r.settle()
	f()
}

// settle ends a hold.
func (r *Reactor) settle() {
	defer r.out.give()
	scratch := scratches.Get().(*[ScratchSize]byte)
	defer scratches.Put(scratch)
	for more, i := true, 0; more && i < flushShare; i++ {
		more = r.out.flushSome(scratch[:])
	}
}

// Wait returns when no task, loop or other goroutine of the reactor is left.
// The connections must have been closed.
func (r *Reactor) Wait() { r.work.wait() }

// flush empties the outbox for those who are not in a loop.
func (r *Reactor) flush() {
	defer r.work.done()
	scratch := scratches.Get().(*[ScratchSize]byte)
	defer scratches.Put(scratch)
	for r.out.flushSome(scratch[:]) || !r.out.leave() {
	}
}

var scratches = sync.Pool{New: func() any { return new([ScratchSize]byte) }}

// spawnTurn runs each task on its own goroutine, for input that does not come
// from a loop.
type spawnTurn struct{ r *Reactor }

func (t spawnTurn) Run(task Task) { t.r.Go(task) }

// Turn returns a Turn for input that was not read by the reactor, such as the
// body of a request.
func (r *Reactor) Turn() Turn { return spawnTurn{r} }

// A group counts goroutines. Unlike a sync.WaitGroup it may grow from zero
// while somebody waits.
type group struct {
	mu   sync.Mutex
	n    int
	zero sync.Cond
}

func (g *group) add() {
	g.mu.Lock()
	g.n++
	g.mu.Unlock()
}

func (g *group) done() {
	g.mu.Lock()
	g.n--
	if g.n == 0 && g.zero.L != nil {
		g.zero.Broadcast()
	}
	g.mu.Unlock()
}

func (g *group) wait() {
	g.mu.Lock()
	if g.zero.L == nil {
		g.zero.L = &g.mu
	}
	for g.n > 0 {
		g.zero.Wait()
	}
	g.mu.Unlock()
}
