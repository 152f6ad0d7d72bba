package e2e

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

// A script is a running Node program of the directory js, which reports in
// lines of JSON. It lives until its standard input is closed or the test ends.
type script struct {
	t      *testing.T
	name   string
	cmd    *exec.Cmd
	stdin  io.WriteCloser
	lines  chan []byte
	stderr lockedBuffer
}

func startScript(t *testing.T, name string, args ...string) *script {
	t.Helper()
	node, err := exec.LookPath("node")
	if err != nil {
		t.Fatalf("Node is missing (%v); install it and run make test", err)
	}
	if _, err := os.Stat(filepath.Join("js", "node_modules", "socket.io-client")); err != nil {
		t.Fatalf("the client's packages are missing (%v); run make test, which installs them", err)
	}
	s := &script{t: t, name: name, lines: make(chan []byte, 1024)}
	s.cmd = exec.Command(node, append([]string{name}, args...)...)
	s.cmd.Dir = "js"
	s.cmd.Stderr = &s.stderr
	s.cmd.WaitDelay = time.Second
	stdin, err1 := s.cmd.StdinPipe()
	stdout, err2 := s.cmd.StdoutPipe()
	if err := errors.Join(err1, err2, s.cmd.Start()); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	s.stdin = stdin
	read := make(chan struct{})
	go func() {
		defer close(read)
		defer close(s.lines)
		in := bufio.NewScanner(stdout)
		in.Buffer(nil, 1<<20)
		for in.Scan() {
			s.lines <- bytes.Clone(in.Bytes())
		}
	}()
	t.Cleanup(func() {
		s.end()
		_ = s.cmd.Process.Kill()
		go func() {
			for range s.lines { // the reader must not wait for a test that has given up
			}
		}()
		<-read
		_ = s.cmd.Wait()
	})
	return s
}

// end tells the program to end.
func (s *script) end() { _ = s.stdin.Close() }

// tell writes a line to the program.
func (s *script) tell(line string) {
	s.t.Helper()
	if _, err := io.WriteString(s.stdin, line+"\n"); err != nil {
		s.t.Fatalf("%s: %v\n%s", s.name, err, s.stderr.String())
	}
}

// next decodes the next report.
func (s *script) next(report any, within time.Duration) {
	s.t.Helper()
	select {
	case line, ok := <-s.lines:
		if !ok {
			s.t.Fatalf("%s ended early:\n%s", s.name, s.stderr.String())
		}
		if err := json.Unmarshal(line, report); err != nil {
			s.t.Fatalf("%s reports %q: %v", s.name, line, err)
		}
	case <-time.After(within):
		s.t.Fatalf("%s reported nothing for %v:\n%s", s.name, within, s.stderr.String())
	}
}

// wait ends the program in good order.
func (s *script) wait() {
	s.t.Helper()
	s.end()
	deadline := time.After(patience)
	for {
		select {
		case line, ok := <-s.lines:
			if !ok {
				return
			}
			s.t.Errorf("%s reports %s at its end", s.name, line)
		case <-deadline:
			s.t.Fatalf("%s does not end:\n%s", s.name, s.stderr.String())
		}
	}
}

// lockedBuffer is a buffer that a process may write to while a test reads it.
type lockedBuffer struct {
	mu     sync.Mutex // guards buffer
	buffer bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buffer.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buffer.String()
}
