package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"syscall"
	"time"
	"unsafe"
)

const (
	driveLimit  = 5 * time.Minute // for one phase of a scenario, whatever it does
	maxFailures = 5               // error texts kept
)

var errStalled = errors.New("the server fell silent before everything had arrived")

// A loop drives all clients of a scenario from one goroutine. It is lean on purpose, so that the driver takes little
// from the processor it shares with the server: one epoll set, one read buffer, no goroutine or timer per client.
type loop struct {
	epoll    int
	addrs    []netip.AddrPort // of the servers; the clients connect to each in turn
	clients  []*client        // by id
	received func(c *client, packet []byte)
	patience time.Duration // how long the server may be silent while something is due
	events   []syscall.EpollEvent
	read     []byte
	scratch  []byte // a packet being built
	masks    *rand.PCG

	origin  time.Time
	now     time.Duration // since origin; read once for each batch of input of a client
	heard   time.Duration // when anything arrived
	arrival func(*client) // called once for each client: it has joined the namespace, or never will

	failures []string
}

func newLoop(patience time.Duration, addrs ...string) (*loop, error) {
	var parsed []netip.AddrPort
	for _, addr := range addrs {
		ap, err := netip.ParseAddrPort(addr)
		if err != nil || !ap.Addr().Is4() {
			return nil, fmt.Errorf("address %q is not an IPv4 address and a port", addr)
		}
		parsed = append(parsed, ap)
	}
	fd, err := syscall.EpollCreate1(syscall.EPOLL_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("epoll_create1: %w", err)
	}
	return &loop{
		epoll:    fd,
		addrs:    parsed,
		patience: patience,
		received: func(*client, []byte) {},
		arrival:  func(*client) {},
		events:   make([]syscall.EpollEvent, 512),
		read:     make([]byte, 256<<10),
		masks:    rand.NewPCG(1, 2),
		origin:   time.Now(),
	}, nil
}

// addr is the address of a client's server.
func (l *loop) addr(c *client) netip.AddrPort { return l.addrs[c.id%len(l.addrs)] }

// close closes all connections.
func (l *loop) close() {
	for _, c := range l.clients {
		if c.stage != stageGone {
			syscall.Close(c.fd)
		}
	}
	syscall.Close(l.epoll)
}

// tick reads the clock.
func (l *loop) tick() time.Duration {
	l.now = time.Since(l.origin)
	return l.now
}

// drive handles input until done. due, if not nil, is called before every wait: it does what is due and tells when it
// wants to be called again.
func (l *loop) drive(ctx context.Context, done func() bool, due func() time.Duration) error {
	const patience = 100 * time.Millisecond // how soon a cancelled ctx is seen
	begin := l.tick()
	l.heard = begin
	for {
		wait := patience
		if due != nil {
			wait = min(wait, max(0, due()-l.tick()))
		}
		if done() {
			return nil
		}
		if err := l.poll(wait); err != nil {
			return err
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		if l.now-l.heard > l.patience || l.now-begin > driveLimit {
			return errStalled
		}
	}
}

// rest answers the server's heartbeats for d and does nothing else.
func (l *loop) rest(ctx context.Context, d time.Duration) error {
	end := l.tick() + d
	for l.now < end {
		if err := l.poll(min(end-l.now, 100*time.Millisecond)); err != nil {
			return err
		}
		if err := ctx.Err(); err != nil {
			return err
		}
	}
	return nil
}

// poll waits for input, at most for the given time, and handles it.
func (l *loop) poll(wait time.Duration) error {
	n, err := epollWait(l.epoll, l.events, wait)
	l.tick()
	if err != nil {
		return err
	}
	for _, ev := range l.events[:n] {
		c := l.clients[ev.Fd]
		if c.stage == stageGone {
			continue
		}
		if ev.Events&(syscall.EPOLLOUT|syscall.EPOLLERR|syscall.EPOLLHUP) != 0 {
			l.writable(c)
		}
		if ev.Events&syscall.EPOLLIN != 0 && c.stage != stageGone {
			l.tick()
			l.heard = l.now
			l.readable(c)
		}
	}
	return nil
}

// watch changes what epoll reports of c.
func (l *loop) watch(c *client, op int, events uint32) error {
	// The event carries the client's number in place of its descriptor.
	return syscall.EpollCtl(l.epoll, op, c.fd, &syscall.EpollEvent{Events: events, Fd: int32(c.id)})
}

// fail closes c's connection for good.
func (l *loop) fail(c *client, err error) {
	if c.stage == stageGone {
		return
	}
	if len(l.failures) < maxFailures {
		l.failures = append(l.failures, fmt.Sprintf("client %d, %s: %v", c.id, c.stage, err))
	}
	arrived := c.stage == stageJoined
	c.stage = stageGone
	syscall.Close(c.fd)
	if !arrived {
		l.arrival(c)
	}
}

// sysEpollPwait2 has the same number on all architectures. It is used for its timeout in nanoseconds.
const sysEpollPwait2 = 441

// epollWait waits for events. The call is raw, so that the Go scheduler does not busy itself with a goroutine that
// sleeps thousands of times a second; a signal, and the runtime sends one when it wants something, ends the wait.
func epollWait(fd int, events []syscall.EpollEvent, wait time.Duration) (int, error) {
	timeout := syscall.NsecToTimespec(int64(wait))
	n, _, errno := syscall.RawSyscall6(sysEpollPwait2, uintptr(fd), uintptr(unsafe.Pointer(&events[0])),
		uintptr(len(events)), uintptr(unsafe.Pointer(&timeout)), 0, 0)
	switch errno {
	case 0:
		return int(n), nil
	case syscall.EINTR:
		return 0, nil
	}
	return 0, fmt.Errorf("epoll_pwait2: %w", errno)
}
