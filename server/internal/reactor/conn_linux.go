package reactor

import (
	"io"
	"os"
	"sync"

	"golang.org/x/sys/unix"
)

// A polled is a TCP connection watched by a loop.
type polled struct {
	l    *loop
	h    Handler
	slot int32 // the loop's mark for it, guarded by the loop's mu; -1: none

	// mu guards the descriptor: whoever uses fd holds it, so that a number is
	// never used after it was closed and given to another connection.
	mu      sync.Mutex
	fd      int  // -1 when closed
	gone    bool // read to its end, or failed
	failed  bool // not to be written to
	paused  bool
	blocked bool // a write was cut short
}

var _ Conn = (*polled)(nil)

// control changes what epoll watches.
func (c *polled) control(op int) error {
	var events uint32
	if !c.paused {
		events |= unix.EPOLLIN
	}
	if c.blocked {
		events |= unix.EPOLLOUT
	}
	ev := unix.EpollEvent{Events: events, Fd: c.slot}
	return os.NewSyscallError("epoll_ctl", unix.EpollCtl(c.l.epfd, op, c.fd, &ev))
}

// rewatch tells epoll of a changed paused or blocked; the caller has locked
// mu. A connection that is not watched any more has nothing to be told.
func (c *polled) rewatch() {
	if c.slot >= 0 && !c.gone && c.fd >= 0 {
		_ = c.control(unix.EPOLL_CTL_MOD)
	}
}

func (c *polled) Start() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.fd < 0 {
		return
	}
	if err := c.l.register(c); err != nil {
		c.gone, c.failed = true, true
		c.l.r.Go(goneTask{c, err})
	}
}

type goneTask struct {
	c   *polled
	err error
}

func (t goneTask) Run() { t.c.h.Gone(t.c.l.r.Turn(), t.err) }

func (c *polled) Unread() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.fd < 0 {
		return false
	}
	n, err := unix.IoctlGetInt(c.fd, unix.SIOCINQ)
	return err == nil && n > 0
}

// read brings what there is, up to the size of buf.
func (c *polled) read(t Turn, buf []byte, hangup bool) {
	c.mu.Lock()
	if c.fd < 0 || c.gone || (c.paused && !hangup) {
		c.mu.Unlock()
		return
	}
	n, err := read(c.fd, buf)
	c.mu.Unlock()
	switch {
	case n > 0:
		c.h.Input(t, buf[:n])
	case err == nil:
		c.fail(t, io.EOF)
	case err != unix.EAGAIN && err != unix.EINTR:
		c.fail(t, os.NewSyscallError("read", err))
	}
}

// fail ends reading. epoll would report the end again and again, so the
// connection is taken off it.
func (c *polled) fail(t Turn, err error) {
	c.mu.Lock()
	first := !c.gone
	c.gone = true
	if first && c.fd >= 0 {
		_ = unix.EpollCtl(c.l.epfd, unix.EPOLL_CTL_DEL, c.fd, nil)
	}
	c.mu.Unlock()
	if first {
		c.h.Gone(t, err)
	}
}

func (c *polled) writable() {
	c.mu.Lock()
	was := c.blocked
	c.blocked = false
	c.rewatch()
	c.mu.Unlock()
	if was {
		c.h.Writable()
	}
}

func (c *polled) Write(p []byte) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.fd < 0 || c.failed {
		return len(p)
	}
	for done := 0; ; {
		n, err := write(c.fd, p[done:])
		done += max(n, 0)
		switch {
		case done == len(p):
			return done
		case err == unix.EAGAIN:
			if !c.blocked {
				c.blocked = true
				c.rewatch()
			}
			return done
		case err != nil && err != unix.EINTR:
			// Reading ends too, and says so through Gone.
			c.failed = true
			_ = unix.Shutdown(c.fd, unix.SHUT_RDWR)
			return len(p)
		}
	}
}

func (c *polled) CloseWrite() { c.shutdown(unix.SHUT_WR) }

func (c *polled) Abort() { c.shutdown(unix.SHUT_RDWR) }

func (c *polled) shutdown(how int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.fd >= 0 {
		_ = unix.Shutdown(c.fd, how)
	}
}

func (c *polled) Close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.fd < 0 {
		return
	}
	_ = unix.Close(c.fd)
	c.fd = -1
	c.l.unregister(c)
}

func (c *polled) Pause()  { c.setPaused(true) }
func (c *polled) Resume() { c.setPaused(false) }

func (c *polled) setPaused(on bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.paused != on {
		c.paused = on
		c.rewatch()
	}
}
