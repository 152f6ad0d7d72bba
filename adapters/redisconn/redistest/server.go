// Package redistest runs real redis-server processes for tests: one server, or a small cluster of masters. Every process listens on a
// port of 127.0.0.1 that the kernel chose, works in the test's own directory and ends with the test.
package redistest

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

// startTime is how long a redis-server may take until it answers.
const startTime = 20 * time.Second

// Server is one redis-server process. Its methods end the test when they fail. Safe for concurrent use.
type Server struct {
	Addr string // host:port, the same after Restart

	t    testing.TB
	dir  string
	args []string

	mu   sync.Mutex
	cmd  *exec.Cmd
	gone chan struct{} // closed once cmd has been waited for
}

// Start runs redis-server and waits until it answers. It keeps nothing on disk unless args say so ("--appendonly", "yes"); args stand last
// on the command line, so they win.
func Start(t testing.TB, args ...string) *Server {
	t.Helper()
	s := &Server{t: t, dir: t.TempDir()}
	t.Cleanup(s.Kill)
	for range 5 { // another process may take the port between its choice and its use
		port := freePort(t)
		s.Addr = net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
		s.args = append([]string{
			"--port", strconv.Itoa(port), "--bind", "127.0.0.1", "--dir", s.dir, "--save", "", "--appendonly", "no",
			"--daemonize", "no", "--logfile", filepath.Join(s.dir, "redis.log"), "--enable-debug-command", "yes",
		}, args...)
		s.Launch()
		if s.wait() == nil {
			return s
		}
		s.Kill()
	}
	s.fatal("redis-server did not start")
	return nil
}

// StartSentinel runs a Sentinel that watches a master by the name of "master", decides alone, and takes it for dead after half a second.
func StartSentinel(t testing.TB, master *Server) *Server {
	t.Helper()
	s := &Server{t: t, dir: t.TempDir()}
	t.Cleanup(s.Kill)
	host, port, _ := net.SplitHostPort(master.Addr)
	own := freePort(t)
	s.Addr = net.JoinHostPort("127.0.0.1", strconv.Itoa(own))
	conf := filepath.Join(s.dir, "sentinel.conf")
	text := fmt.Sprintf("port %d\nbind 127.0.0.1\ndir %s\nlogfile %s\nsentinel monitor master %s %s 1\n"+
		"sentinel down-after-milliseconds master 500\nsentinel failover-timeout master 3000\n",
		own, s.dir, filepath.Join(s.dir, "redis.log"), host, port)
	if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	s.args = []string{conf, "--sentinel"}
	s.Launch()
	if err := s.wait(); err != nil {
		s.fatal("the sentinel did not start: " + err.Error())
	}
	return s
}

// Client returns a client of the server that is closed when the test ends.
func (s *Server) Client(t testing.TB) *redis.Client {
	t.Helper()
	c := redis.NewClient(&redis.Options{Addr: s.Addr})
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// Kill ends the process with SIGKILL and returns when it has gone. A process that has gone already is fine.
func (s *Server) Kill() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.kill()
}

func (s *Server) kill() {
	if s.cmd == nil {
		return
	}
	_ = s.cmd.Process.Kill()
	<-s.gone
	s.cmd = nil
}

// Restart ends the process if it still runs, starts it again on the same port and the same files, and waits until it answers.
func (s *Server) Restart() {
	s.t.Helper()
	s.Launch()
	if err := s.wait(); err != nil {
		s.fatal("redis-server did not come back: " + err.Error())
	}
}

// Launch is Restart without the wait: the server may still refuse connections or answer LOADING.
func (s *Server) Launch() {
	s.t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.kill()
	cmd := exec.Command("redis-server", s.args...)
	cmd.SysProcAttr = endWithParent()
	if err := cmd.Start(); err != nil {
		s.fatal("redis-server: " + err.Error())
	}
	gone := make(chan struct{})
	go func() {
		_ = cmd.Wait()
		close(gone)
	}()
	s.cmd, s.gone = cmd, gone
}

// Pause freezes the process (SIGSTOP): its connections stay open and nothing answers.
func (s *Server) Pause() { s.signal(syscall.SIGSTOP) }

// Resume lets a frozen process go on (SIGCONT).
func (s *Server) Resume() { s.signal(syscall.SIGCONT) }

// PID is the process's id, or zero when it does not run.
func (s *Server) PID() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cmd == nil {
		return 0
	}
	return s.cmd.Process.Pid
}

func (s *Server) signal(sig syscall.Signal) {
	s.t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cmd == nil {
		s.fatal("redis-server does not run")
	}
	if err := s.cmd.Process.Signal(sig); err != nil {
		s.fatal("redis-server: " + err.Error())
	}
}

func (s *Server) wait() error {
	ctx, cancel := context.WithTimeout(context.Background(), startTime)
	defer cancel()
	s.mu.Lock()
	gone := s.gone
	s.mu.Unlock()
	c := redis.NewClient(&redis.Options{Addr: s.Addr, MaxRetries: -1, DialerRetries: 1})
	defer c.Close()
	for {
		err := c.Ping(ctx).Err()
		if err == nil {
			return nil
		}
		select {
		case <-gone:
			return fmt.Errorf("the process ended: %w", err)
		case <-ctx.Done():
			return err
		case <-time.After(5 * time.Millisecond):
		}
	}
}

func (s *Server) fatal(text string) {
	s.t.Helper()
	log, _ := os.ReadFile(filepath.Join(s.dir, "redis.log"))
	lines := strings.Split(string(log), "\n")
	s.t.Fatalf("%s; the end of its log:\n%s", text, strings.Join(lines[max(0, len(lines)-15):], "\n"))
}

func freePort(t testing.TB) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}
