package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"
)

const (
	startTimeout = 20 * time.Second // until the server must accept connections
	stopTimeout  = 5 * time.Second  // between asking a server to end and ending it
)

// A process is a server under test. One that the driver only drives has no command, and no pid unless it was told.
type process struct {
	addr    string
	pid     int // 0: unknown, no CPU and memory figures
	command *exec.Cmd
	output  tail
	ended   chan struct{} // closed when command has ended
}

// startProcess starts a fresh server process of s on a free port of the loopback interface, with the address of a Redis if
// it needs one, or returns at once when s runs already.
func startProcess(ctx context.Context, s serverSpec, redis string) (*process, error) {
	if s.Command == "" {
		return &process{addr: s.Addr, pid: s.PID}, nil
	}
	addr, err := freeAddr()
	if err != nil {
		return nil, err
	}
	args := strings.Fields(strings.NewReplacer("{addr}", addr, placeOfRedis, redis).Replace(s.Command))
	return startCommand(ctx, addr, args)
}

// startCommand starts a process that is to accept connections.
func startCommand(ctx context.Context, addr string, args []string) (*process, error) {
	p := &process{addr: addr, ended: make(chan struct{})}
	p.command = exec.Command(args[0], args[1:]...)
	p.command.Stdout, p.command.Stderr = &p.output, &p.output
	p.command.WaitDelay = time.Second                                        // a descendant may keep the output open
	p.command.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} // no server outlives the driver
	if err := p.command.Start(); err != nil {
		return nil, err
	}
	p.pid = p.command.Process.Pid
	go func() {
		_ = p.command.Wait()
		close(p.ended)
	}()
	if err := p.awaitReady(ctx); err != nil {
		p.stop()
		return nil, fmt.Errorf("%w%s", err, p.said())
	}
	return p, nil
}

// freeAddr gives an address on which nothing listens at the moment.
func freeAddr() (string, error) {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}

func (p *process) awaitReady(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	retry := time.NewTicker(20 * time.Millisecond)
	defer retry.Stop()
	for {
		conn, err := net.Dial("tcp4", p.addr)
		if err == nil {
			return conn.Close()
		}
		select {
		case <-p.ended:
			return errors.New("the server ended before it accepted connections")
		case <-ctx.Done():
			return fmt.Errorf("the server does not accept connections on %s: %w", p.addr, ctx.Err())
		case <-retry.C:
		}
	}
}

// stop ends a server that startProcess started, with the processes it started itself, and waits for it.
func (p *process) stop() {
	if p.command == nil {
		return
	}
	// Taken before the first signal, each handle keeps meaning the same process even if its id is given to another.
	var started []*os.Process
	for _, pid := range family(p.pid) {
		if member, err := os.FindProcess(pid); err == nil {
			started = append(started, member)
			defer member.Release()
		}
	}
	if !p.alive() {
		return
	}
	signalAll(started, syscall.SIGTERM)
	deadline := time.NewTimer(stopTimeout)
	defer deadline.Stop()
	select {
	case <-p.ended:
	case <-deadline.C:
	}
	signalAll(started, syscall.SIGKILL)
	<-p.ended
}

// signalAll sends sig to the processes, children before parents. Those that have ended are left out.
func signalAll(processes []*os.Process, sig syscall.Signal) {
	for _, p := range slices.Backward(processes) {
		_ = p.Signal(sig)
	}
}

// alive says whether the server has not ended; of one that it did not start it knows nothing.
func (p *process) alive() bool {
	if p.command == nil {
		return true
	}
	select {
	case <-p.ended:
		return false
	default:
		return true
	}
}

// said gives the end of what the server printed, for error messages.
func (p *process) said() string {
	if text := strings.TrimSpace(p.output.String()); text != "" {
		return "; it printed:\n" + text
	}
	return ""
}

// A tail keeps the last bytes written to it.
type tail struct {
	mu   sync.Mutex
	kept []byte
}

func (t *tail) Write(b []byte) (int, error) {
	const limit = 2048
	t.mu.Lock()
	defer t.mu.Unlock()
	t.kept = append(t.kept, b...)
	if len(t.kept) > limit {
		t.kept = bytes.Clone(t.kept[len(t.kept)-limit:])
	}
	return len(b), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(t.kept)
}
