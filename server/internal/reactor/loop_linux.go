package reactor

import (
	"net"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// batchSize is how many ready connections one look at epoll brings at most.
const batchSize = 128

// waryFor is how many tasks get goroutines of their own after one was
// overtaken: where one handler waits, for a database say, the next ones will,
// and the loop must not pay [StallAfter] for each.
const waryFor = 128

// A loop is one epoll instance and the goroutine that serves it. The goroutine
// exists while there are connections. The epoll descriptor itself is watched
// by the runtime's poller, so a waiting loop blocks no thread.
//
// All fields below busy belong to the goroutine that runs the loop. It keeps
// its place in them, so that another goroutine can go on where a stalled one
// stopped.
type loop struct {
	r *Reactor

	mu    sync.Mutex
	file  *os.File // the epoll instance; nil while the loop is not running
	epfd  int      // its descriptor; file.Fd() would take it off the poller
	slots []*polled
	free  []int32
	count int

	// busy is odd while a task runs and grows with each task; the goroutine
	// that finds it changed behind its task has been overtaken.
	busy atomic.Uint64

	ep     syscall.RawConn
	events [batchSize]unix.EpollEvent
	ready  [batchSize]readied
	n, at  int
	tasks  []Task
	task   int
	wary   int
	held   bool
	buf    []byte
	out    []byte
}

type readied struct {
	c      *polled
	events uint32
}

func newLoops(r *Reactor, n int) []*loop {
	loops := make([]*loop, n)
	for i := range loops {
		loops[i] = &loop{r: r}
	}
	return loops
}

// adopt moves a TCP connection from the runtime's poller to the loop. It
// returns nil if the system refuses; c is then untouched.
func (l *loop) adopt(c *net.TCPConn, h Handler) Conn {
	raw, err := c.SyscallConn()
	if err != nil {
		return nil
	}
	fd := -1
	err = raw.Control(func(old uintptr) {
		fd, _ = unix.FcntlInt(old, unix.F_DUPFD_CLOEXEC, 3)
	})
	if err != nil || fd < 0 {
		return nil
	}
	_ = c.Close()
	return &polled{l: l, h: h, fd: fd, slot: -1}
}

// register makes the loop watch c and starts the loop if need be.
func (l *loop) register(c *polled) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.file == nil {
		if err := l.open(); err != nil {
			return err
		}
	}
	var slot int32
	if n := len(l.free); n > 0 {
		slot, l.free = l.free[n-1], l.free[:n-1]
	} else {
		slot = int32(len(l.slots))
		l.slots = append(l.slots, nil)
	}
	l.slots[slot] = c
	c.slot = slot
	l.count++
	return c.control(unix.EPOLL_CTL_ADD)
}

// open creates the epoll instance and its goroutine; the caller has locked mu.
func (l *loop) open() error {
	ep, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return os.NewSyscallError("epoll_create1", err)
	}
	if err := unix.SetNonblock(ep, true); err != nil {
		_ = unix.Close(ep)
		return os.NewSyscallError("fcntl", err)
	}
	l.file, l.epfd = os.NewFile(uintptr(ep), "epoll"), ep
	raw, err := l.file.SyscallConn()
	if err != nil {
		_ = l.file.Close()
		l.file = nil
		return err
	}
	l.r.work.add()
	go func() {
		l.ep = raw
		l.buf = make([]byte, readSize)
		l.out = make([]byte, ScratchSize)
		l.run()
	}()
	return nil
}

// unregister forgets c. The loop ends with its last connection.
func (l *loop) unregister(c *polled) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if c.slot < 0 {
		return
	}
	l.slots[c.slot] = nil
	l.free = append(l.free, c.slot)
	c.slot = -1
	l.count--
	if l.count == 0 {
		l.slots, l.free = nil, nil
		// Wakes the loop where it waits.
		_ = l.file.SetReadDeadline(time.Unix(1, 0))
	}
}

// close ends the loop if it has no connection, and reports whether it did.
func (l *loop) close() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.count > 0 {
		_ = l.file.SetReadDeadline(time.Time{})
		return false
	}
	_ = l.file.Close()
	l.file, l.ep, l.buf, l.out = nil, nil, nil, nil
	return true
}

// run serves the loop until its last connection has gone or until it is
// overtaken.
func (l *loop) run() {
	defer l.r.work.done()
	for {
		switch {
		case l.task < len(l.tasks):
			if !l.runTask() {
				return
			}
		case l.at < l.n:
			l.tasks, l.task = l.tasks[:0], 0
			next := l.ready[l.at]
			l.ready[l.at].c = nil
			l.at++
			l.handle(next)
		default:
			l.tasks, l.task = l.tasks[:0], 0
			if !l.refill() {
				return
			}
		}
	}
}

// refill waits for new input. It reports false when the loop has ended.
func (l *loop) refill() bool {
	for {
		if err := l.ep.Read(l.look); err == nil {
			return true
		}
		// The deadline that unregister sets has woken it.
		for l.held {
			l.flush()
		}
		if l.close() {
			return false
		}
	}
}

// look looks for input once and writes what there is to write while there is
// none. It reports false when there is neither: the goroutine is then parked
// until epoll has news, be it of before or after that.
func (l *loop) look(ep uintptr) bool {
	for {
		if l.collect(int(ep)) > 0 {
			if !l.held {
				l.r.out.hold()
				l.held = true
			}
			// Output gets its share first, lest steady input starve it.
			for more, i := true, 0; more && i < flushShare; i++ {
				more = l.r.out.flushSome(l.out)
			}
			return true
		}
		if !l.held {
			return false
		}
		// Input that came meanwhile is cheaper to find now than parked.
		l.flush()
	}
}

// flush writes some of what there is to write, and lets go of the outbox when
// that was all.
func (l *loop) flush() {
	if !l.r.out.flushSome(l.out) && l.r.out.release() {
		l.held = false
	}
}

func (l *loop) collect(ep int) int {
	n, err := epollReady(ep, l.events[:])
	if err != nil || n <= 0 {
		return 0
	}
	l.mu.Lock()
	k := 0
	for _, ev := range l.events[:n] {
		if int(ev.Fd) < len(l.slots) {
			if c := l.slots[ev.Fd]; c != nil {
				l.ready[k] = readied{c, ev.Events}
				k++
			}
		}
	}
	l.mu.Unlock()
	l.n, l.at = k, 0
	return k
}

// handle reads from one connection once; epoll reports what is left.
func (l *loop) handle(r readied) {
	defer l.guard(r.c)
	if r.events&unix.EPOLLOUT != 0 {
		r.c.writable()
	}
	if r.events&(unix.EPOLLIN|unix.EPOLLHUP|unix.EPOLLERR) != 0 {
		r.c.read(l, l.buf, r.events&(unix.EPOLLHUP|unix.EPOLLERR) != 0)
	}
}

// guard ends a connection whose handler panicked, and only that.
func (l *loop) guard(c *polled) {
	if v := recover(); v != nil {
		l.r.logPanic(v)
		c.fail(l, errPanic)
	}
}

// Run implements Turn.
func (l *loop) Run(t Task) { l.tasks = append(l.tasks, t) }

// runTask reports false if the goroutine was overtaken and must not touch the
// loop again.
func (l *loop) runTask() bool {
	t := l.tasks[l.task]
	l.tasks[l.task] = nil
	l.task++
	if l.wary > 0 {
		l.wary--
		l.r.Go(t)
		return true
	}
	id := l.busy.Add(1)
	l.r.watch.watching(l.r)
	l.r.guarded(t)
	return l.busy.CompareAndSwap(id, id+1)
}

// overtake has another goroutine serve the loop if the task seen is still the
// one that runs.
func (l *loop) overtake(seen uint64) {
	l.r.work.add()
	if !l.busy.CompareAndSwap(seen, seen+1) {
		l.r.work.done()
		return
	}
	l.wary = waryFor
	go l.run()
}
